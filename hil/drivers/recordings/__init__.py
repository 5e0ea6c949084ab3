"""Files of time tags: one module per family of formats, found by their first bytes or by name.

A reader streams: it yields chunks of bounded size and never holds a file whole. Each module names the source of its
format.
"""
