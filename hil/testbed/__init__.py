"""Opens a bench, starts its twin, and builds what tests hold: links, chaos, objectives."""
