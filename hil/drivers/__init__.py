"""Instrument drivers, one file each, each with its SPEC."""
