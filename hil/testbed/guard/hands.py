"""A thread for each device, so that one that is slow, or hangs, does not keep the others from being made safe."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Hand", "Task", "wait_for"]

T = TypeVar("T")


class Task(Generic[T]):
    """Something that a hand does in its turn: ``result`` or ``error`` once ``done``."""

    def __init__(self, do: Callable[[], T]) -> None:
        self._do = do
        self.done = threading.Event()
        self.result: T | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        """Do it; what it raises is kept."""
        try:
            self.result = self._do()
        except Exception as error:  # noqa: BLE001  (whoever waits for it is told)
            self.error = error
        finally:
            self.done.set()


class Hand:
    """Does what it is given in order, in a thread of its own that ends with the process at the latest."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Task[object] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"hil-hand-{name}", daemon=True).start()

    def do(self, what: Callable[[], T]) -> Task[T]:
        """Give it something more to do."""
        task = Task(what)
        self._tasks.put(task)  # type: ignore[arg-type]  # the queue asks for no result
        return task

    def close(self) -> None:
        """Let it go once it is done."""
        self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.run()


def wait_for(tasks: Iterable[Task[T]], timeout_s: float) -> bool:
    """Whether all of them are done within that real time."""
    until_s = time.monotonic() + timeout_s
    for task in (waited_for := list(tasks)):
        task.done.wait(max(until_s - time.monotonic(), 0.0))
    return all(task.done.is_set() for task in waited_for)
