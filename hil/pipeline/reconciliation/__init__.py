"""Error correction that really corrects and counts what it discloses."""
