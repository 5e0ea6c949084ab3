"""Gates for CI systems."""
