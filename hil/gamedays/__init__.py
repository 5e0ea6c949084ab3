"""Game days as data: what is broken when on a bench, and how the link is expected to react; ``shipped`` holds named ones."""
