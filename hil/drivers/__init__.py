"""One instrument per file, each a frozen ``SPEC`` under its module's name; nothing here imports them all."""
