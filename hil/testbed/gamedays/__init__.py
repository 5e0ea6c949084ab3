"""Game days: read, run, and what the link made of them."""
