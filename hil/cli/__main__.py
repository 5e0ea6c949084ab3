"""``python -m hil.cli``."""

import sys

from hil.cli import main

__all__: list[str] = []

sys.exit(main())
