"""The pytest plugin: declares options and delegates."""
