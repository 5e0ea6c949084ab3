"""SIGTERM and SIGHUP end a run as Ctrl-C does, with teardown, while a bench is in use; pytest alone would just die."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["Stop"]

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SAME_PRESS_S = 1.0


class Stop:
    """Turns the first signal into KeyboardInterrupt, and keeps later ones from cutting the parking short.

    Registered as a plugin, so that it learns when pytest is on its way out. ``nodes`` are the workers to take along;
    ``at_once`` is called before anything else is done, to make the benches dark.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.at_once: Callable[[], None] = _nothing
        self._said_s = float("-inf")
        self._stopping = False
        self._depth = 0

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Take the signals over; whoever handled them before gets them back. Off the main thread nothing can be taken."""
        self._depth += 1
        before = self._take() if self._depth == 1 and threading.current_thread() is threading.main_thread() else {}
        try:
            yield
        finally:
            self._depth -= 1
            for number, handler in before.items():
                signal.signal(number, handler)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Pytest is on its way out: from here on signals change nothing, and local workers stop at once.

        Left alone, a worker would finish its test or be interrupted after 5 s.
        """
        self._stopping = True
        self.at_once()
        for node in self.nodes:
            process = getattr(getattr(node.gateway, "_io", None), "popen", None)
            if process is not None and process.poll() is None:
                with contextlib.suppress(OSError):
                    os.kill(process.pid, signal.SIGTERM)

    def _take(self) -> dict[int, Any]:
        before = {}
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if handler is not None and handler != signal.SIG_IGN:  # nohup's wish is respected
                before[number] = handler
                signal.signal(number, self._handle)
        return before

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if self._stopping or now_s - self._said_s < _SAME_PRESS_S:
            return
        self._said_s = now_s
        raise KeyboardInterrupt(signal.Signals(number).name)


def _nothing() -> None:
    """No bench is open."""
