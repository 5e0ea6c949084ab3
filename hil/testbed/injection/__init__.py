"""Faults on an opened bench: what they would move, whether they may, from command to healing."""
