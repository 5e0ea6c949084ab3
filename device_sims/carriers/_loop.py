"""The one thread in which every simulated device of a bench is served."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """An asyncio loop in a daemon thread, from construction until :meth:`close`."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.SelectorEventLoop()  # Windows' own default watches no plain descriptors
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, function: Callable[[], T]) -> T:
        """Call ``function`` in the loop's thread, between two events, and return what it returns or raise what it raises."""
        if threading.current_thread() is self._thread:
            return function()
        outcome: Future[T] = Future()

        def call() -> None:
            try:
                outcome.set_result(function())
            except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
                outcome.set_exception(error)

        self.loop.call_soon_threadsafe(call)
        return outcome.result()

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop's thread and return what it returns or raise what it raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def close(self) -> None:
        """Let the events under way end, stop, join the thread; a second call does nothing."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(asyncio.sleep(0))  # transports that were aborted let go of their sockets
        finally:
            self.loop.close()
