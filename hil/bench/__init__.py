"""Bench files: data only, from TOML to frozen objects."""
