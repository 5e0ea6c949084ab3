"""One instrument per file, each a frozen ``SPEC`` under its module's name; nothing here imports them all."""

from hil.drivers._identity import check_identity

__all__ = ["check_identity"]
