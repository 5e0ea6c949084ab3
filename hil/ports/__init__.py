"""What a thing can do: protocols and frozen data, without a line of how.

Everything above speaks in these terms; nothing here imports a driver, a simulator or numpy at run time.
"""
