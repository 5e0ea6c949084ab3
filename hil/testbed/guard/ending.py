"""Ends whoever has a bench leased: a run that hangs, or, where that is asked for, one that is alive."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import BenchError
from hil.testbed.guard.holder import Holder as Process
from hil.testbed.guard.lease import holders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hil.testbed.guard.lease import Holder

__all__ = ["end_holders"]

_ORDERLY_S = 15.0
"""What a run may take to heal, to park and to write its record."""
_FREE_S = 5.0
_POLL_S = 0.05


def end_holders(addresses: Mapping[str, str], *, force: bool) -> Iterator[str]:
    """End every run that hangs with one of these devices, ``force``: every run; in words, whom.

    One that is alive is asked first (SIGTERM), so that it can heal and park itself. Without ``force`` it is left alone.
    BenchError where it cannot be ended from here.
    """
    ended: set[int] = set()
    for holder in holders(addresses):
        if holder.pid in ended or not (holder.hung or force):
            continue
        ended.add(holder.pid)
        if not holder.lease_s:
            raise BenchError(f"{holder.device} is guarded here for a run elsewhere, {holder}: end that run, not its guardian")
        if not _has_open(holder):
            raise BenchError(f"{holder.device} is leased by {holder}, which is not to be seen from here; end it where it runs")
        yield f"{'hangs' if holder.hung else 'is alive'}, silent for {holder.silent_s:.0f} s, and is ended: {holder}"
        process = Process(holder.pid)
        try:
            if not holder.hung:
                process.ask(signal.SIGTERM, _ORDERLY_S)
            if not process.end():
                raise BenchError(f"{holder} cannot be ended; do it by hand")
        finally:
            process.close()
    until_s = time.monotonic() + _FREE_S
    while any(holder.pid in ended for holder in holders(addresses)) and time.monotonic() < until_s:
        time.sleep(_POLL_S)


def _has_open(holder: Holder) -> bool:
    """Whether the process of that number is the one that has the lease, and not a namesake of another container's."""
    if not sys.platform.startswith("linux"):
        return True
    with suppress(OSError):
        for link in Path(f"/proc/{holder.pid}/fd").iterdir():
            with suppress(OSError):
                if str(link.readlink()).endswith(holder.file):
                    return True
    return False
