"""What a simulated device's sessions travel on: TCP streams and ptys, served by one asyncio loop in one thread."""
