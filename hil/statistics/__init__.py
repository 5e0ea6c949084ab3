"""Intervals and tests, thin over scipy: every number that a verdict rests on."""
