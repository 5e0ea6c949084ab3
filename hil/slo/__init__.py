"""Service level indicators, one file each, each with its SPEC."""
