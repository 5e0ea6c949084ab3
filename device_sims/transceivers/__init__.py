"""Simulated transmitters and receivers behind the reference protocol."""
