"""What carries a session's bytes: TCP servers and ptys in one asyncio loop."""
