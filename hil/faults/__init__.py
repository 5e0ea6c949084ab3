"""Faults, one file each, each with its SPEC and what zero means."""
