"""Be the guardian of a bench: told every undo beforehand, make it safe when the run that moves it is gone or hangs.

Runs start their own on the same machine. A run in a container finds the one that listens on the host that has the devices.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "hold the undo of every fault, and make the bench safe when the run is gone"


def declare(parser: argparse.ArgumentParser) -> None:
    """Where to listen, and who may come."""
    parser.add_argument("--listen", metavar="ADDRESS", help="unix:PATH or tcp://HOST:PORT; without it, standard input is heard")
    parser.add_argument("--token", type=Path, metavar="FILE", help="file with the token of those who may; made where missing")


def execute(arguments: argparse.Namespace) -> int:
    """Guard; without an address until the holder is gone, and then 1 where not all could be healed."""
    if not arguments.listen:
        from hil.testbed.guard.guarding import main

        return main()
    from hil.errors import UsageError
    from hil.testbed.guard.greeting import token_of
    from hil.testbed.guard.guard_service import GuardService

    if arguments.token is None:
        raise UsageError("hil guard --listen: say with --token FILE who may use it; the file is made if it is not there")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    stop = threading.Event()
    with GuardService(arguments.listen, token_of(arguments.token, make=True)) as service:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: _leave(stop, service))
        print(f"hil guard: listens at {service.address}, token in {arguments.token}; Ctrl-C stops it", flush=True)
        service.serve(stop)
    return 0


def _leave(stop: threading.Event, service: object) -> None:
    """The first signal lets nobody new in, a second one ends it: what its runs then leave broken, the next start heals."""
    if stop.is_set():
        raise KeyboardInterrupt
    stop.set()
    print(f"hil guard: guards {getattr(service, 'sessions', 0)} runs, and ends with them; again to end it now", flush=True)
