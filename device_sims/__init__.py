"""Simulated devices: one physical world behind many instruments, each on its real wire protocol."""
