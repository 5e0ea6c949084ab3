"""Key stores and key delivery."""
