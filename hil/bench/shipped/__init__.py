"""The named benches, one TOML file each."""
