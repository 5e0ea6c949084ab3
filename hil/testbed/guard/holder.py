"""The process that a guardian watches: when it ends, and how it is ended when it hangs.

Only its own system can tell: of a holder in a container, or on another machine, the connection's end is all there is to see.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Holder"]

_SAY_S = 0.3
"""What a process may take to say where it hangs."""
_GONE_S = 1.0
_POLL_S = 0.01
_ABORT = getattr(signal, "SIGABRT", signal.SIGTERM)
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class Holder:
    """A process by its number; None for one that this system does not know."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._handle: int | None = None
        opened: Any = getattr(os, "pidfd_open", None)
        if pid is not None and opened is not None:
            with suppress(OSError):
                self._handle = opened(pid)

    def watch(self, gone: Callable[[], None]) -> None:
        """Call this when the process ends, on systems that tell."""
        if self._handle is not None:
            threading.Thread(target=_watch, args=(os.dup(self._handle), gone), daemon=True).start()

    def end(self) -> bool:
        """End it, if it is there: first so that Python tells where it was, then for good; whether it is gone."""
        if self._pid is None or self._gone(0.0):
            return True
        self._send(_ABORT)
        if self._gone(_SAY_S):
            return True
        self._send(_KILL)
        return self._gone(_GONE_S)

    def ask(self, number: int, within_s: float) -> bool:
        """Send it a signal; whether it ended by that in time."""
        self._send(number)
        return self._gone(within_s)

    def close(self) -> None:
        """Let go of its handle; a second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _send(self, number: int) -> None:
        assert self._pid is not None
        with suppress(OSError):
            if self._handle is not None and hasattr(signal, "pidfd_send_signal"):
                signal.pidfd_send_signal(self._handle, number)
            else:
                os.kill(self._pid, number)

    def _gone(self, within_s: float) -> bool:
        """Whether it ended in that time; where the system has no handle for it, a killed one is taken for gone then."""
        if self._handle is not None:
            return bool(select.select([self._handle], [], [], within_s)[0])
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s:
            time.sleep(_POLL_S)
        return False


def _watch(handle: int, gone: Callable[[], None]) -> None:
    select.select([handle], [], [])
    os.close(handle)
    gone()
