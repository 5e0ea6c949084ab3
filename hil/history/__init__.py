"""The life of every key as a list of steps, and checkers that look for what must never happen in one."""
