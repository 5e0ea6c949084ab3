"""The whole key pipeline over a bench, broken and healed, with verdicts."""
