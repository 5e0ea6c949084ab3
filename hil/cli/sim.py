"""Serve a bench's simulated devices until stopped, for any program to talk to."""

from __future__ import annotations

import math
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hil.bench import load
from hil.cli._tables import columns
from hil.cli._together import Together
from hil.errors import UsageError
from hil.seeds import draw_seed

if TYPE_CHECKING:
    import argparse

    from hil.device_sims.serve import ServedBench
    from hil.ports.keystore import SharedKeyStore

__all__ = ["HELP", "declare", "execute"]

HELP = "serve a bench's simulated devices until stopped"


def declare(parser: argparse.ArgumentParser) -> None:
    """Which bench, and where to write the addresses."""
    parser.add_argument("--bench", required=True, metavar="NAME|FILE", help="bench whose devices are served")
    parser.add_argument("--addresses", type=Path, metavar="FILE", help="write where each device answers, as JSON")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the simulated world; drawn and shown when not given")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="seconds of the world per second; default 1")
    parser.add_argument("--paced", action="store_true", help="bytes on serial lines take the time of their baud rate")
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="DEVICE=N",
        help="fixed TCP port of a device (alice, alice.data); repeatable",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Serve; Ctrl-C or SIGTERM ends it."""
    together = Together()
    together.ask(_speed, arguments.speed)
    ports = dict(filter(None, (together.ask(_port, text) for text in arguments.port)))
    bench = together.ask(partial(load, simulate=True), arguments.bench)
    together.settle()
    assert bench is not None
    seed = draw_seed() if arguments.seed is None else arguments.seed
    from hil.device_sims.serve import serve

    def tell(served: ServedBench) -> None:
        print(f"hil sim: bench {bench.bench.name}, seed {seed}, speed {arguments.speed:g}; Ctrl-C stops it")
        where = [[name, ", ".join(f"{key} {value}" for key, value in at.items())] for name, at in served.addresses.items()]
        print(columns(where), flush=True)

    serve(
        bench,
        seed,
        arguments.addresses,
        open_store=_open_store,
        speed=arguments.speed,
        ports=ports,
        paced=arguments.paced,
        epoch=datetime.now().astimezone(),
        ready=tell,
    )
    return 0


def _speed(speed: float) -> None:
    if not 0.0 < speed < math.inf:
        raise UsageError(f"--speed {speed:g}: expected a number above zero")


def _port(text: str) -> tuple[str, int]:
    device, _, number = text.partition("=")
    if not device or not number.isdecimal() or not 0 < int(number) < 1 << 16:
        raise UsageError(f"--port {text}: expected the name of a device and a port, such as alice=5025")
    return device, int(number)


def _open_store(path: Path, max_keys: int) -> SharedKeyStore:
    from hil.keystores.embedded import EmbeddedKeyStore

    return EmbeddedKeyStore(path, test=True, max_keys=max_keys)
