"""Be the guardian of a bench: told every undo on standard input, it heals what is left when its holder is gone.

Runs start their own on the same machine; this one is for a run in a container, started on the host that has the devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "hold the undo of every fault, and heal when the run is gone"


def declare(parser: argparse.ArgumentParser) -> None:
    """Nothing to choose: the first line it is told names the bench and its devices."""
    del parser


def execute(arguments: argparse.Namespace) -> int:
    """Guard until the holder is gone; 1 where not all could be healed."""
    del arguments
    from hil.testbed.guarding import main

    return main()
