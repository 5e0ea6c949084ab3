"""Simulated instruments, one file each."""
