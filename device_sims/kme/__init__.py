"""Simulated key management entities."""
