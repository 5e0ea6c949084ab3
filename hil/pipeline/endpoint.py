"""One party with several blocks in flight over a wire, in a thread of its own; a broken wire is made anew for the next blocks.

Every wait is bounded: a block that hears nothing for ``timeout_s``, or is not over after ``limit_s``, ends as on a cut
channel. When the whole wire was silent for ``timeout_s`` while somebody waited, it is given up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from hil.errors import ChannelClosedError, HilError
from hil.pipeline.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.pipeline.party import Party
    from hil.pipeline.wire import Wire

__all__ = ["Endpoint"]

R = TypeVar("R")

_IDLE_S = 3600.0
_BLOCKS_A_TIMEOUT = 30.0
_STOPPED = "this end of the channel was stopped before the block began"


@dataclass
class _Block(Generic[R]):
    """What is to be run, who waits for it, and until when it may."""

    begin: Callable[[], Party[R]]
    future: Future[R]
    silent_at_s: float = 0.0
    late_at_s: float = 0.0


@dataclass
class _Slot(Generic[R]):
    queue: deque[_Block[R]] = field(default_factory=deque)
    running: _Block[R] | None = None


class Endpoint(Generic[R]):
    """Runs what :meth:`submit` is given, block n in lane n modulo ``lanes``; a context manager, which ends its thread.

    ``connect`` makes a wire, or raises ChannelClosedError in bounded time. Any other error of it (a refused certificate) ends
    every block that waits with that error.
    """

    def __init__(
        self, name: str, connect: Callable[[], Wire], lanes: int, timeout_s: float, limit_s: float | None = None
    ) -> None:
        self._connect = connect
        self._timeout_s = timeout_s
        self._limit_s = _BLOCKS_A_TIMEOUT * timeout_s if limit_s is None else limit_s
        self._lanes: Lanes[R] = Lanes(lanes)
        self._slots: list[_Slot[R]] = [_Slot() for _ in range(lanes)]
        self._new: deque[tuple[int, _Block[R]]] = deque()
        self._submitted = 0
        self._wire: Wire | None = None
        self._heard_s = 0.0
        self._lock = threading.Condition()
        self._stopped = False
        self._broken: HilError | None = None
        self._thread = threading.Thread(target=self._run, name=f"hil-{name}")

    def __enter__(self) -> Endpoint[R]:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Blocks that are not over end as on a cut channel."""
        with self._lock:
            self._stopped = True
            self._wake()
        self._thread.join()

    def submit(self, begin: Callable[[], Party[R]]) -> Future[R]:
        """The next block; ``begin`` is called, in this end's thread, when its lane is free."""
        future: Future[R] = Future()
        with self._lock:
            if self._stopped:
                future.set_exception(self._broken or ChannelClosedError(_STOPPED))
                return future
            lane = self._submitted % len(self._slots)
            self._submitted += 1
            self._new.append((lane, _Block(begin, future)))
            self._wake()
        return future

    def _wake(self) -> None:
        self._lock.notify()
        if self._wire is not None:
            self._wire.wake()

    # --- in its own thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                try:
                    self._step()
                except ChannelClosedError as closed:
                    self._cut(str(closed))
        except BaseException as error:  # noqa: BLE001  (whoever waits for a block hears of it)
            self._fail(error)
        finally:
            self._end()

    def _wait_for_work(self) -> bool:
        """Whether there is something to do; waits while there is not."""
        with self._lock:
            while not (self._stopped or self._new or self._occupied()):
                self._lock.wait()
            while self._new:
                lane, block = self._new.popleft()
                self._slots[lane].queue.append(block)
            return not self._stopped

    def _occupied(self) -> bool:
        return any(slot.queue or slot.running for slot in self._slots)

    def _step(self) -> None:
        wire = self._connected()
        for lane, slot in enumerate(self._slots):
            self._start(lane, slot)
        self._send(wire)
        if self._occupied():
            for lane, data in wire.receive(self._patience_s()):
                self._heard_s = time.monotonic()
                self._touch(lane)
                self._lanes.deliver(lane, data)
                self._collect()
            self._send(wire)
            self._expire()
        if not self._occupied():  # nobody will come back to send what waits
            wire.flush(self._timeout_s)

    def _connected(self) -> Wire:
        if self._wire is None:
            wire = self._connect()
            with self._lock:
                self._wire = wire
            self._heard_s = time.monotonic()
        return self._wire

    def _start(self, lane: int, slot: _Slot[R]) -> None:
        while slot.running is None and slot.queue:
            slot.running = slot.queue.popleft()
            now_s = time.monotonic()
            slot.running.silent_at_s, slot.running.late_at_s = now_s + self._timeout_s, now_s + self._limit_s
            self._lanes.start(lane, slot.running.begin())
            self._collect()

    def _send(self, wire: Wire) -> None:
        while self._lanes.outgoing:
            wire.send(*self._lanes.outgoing.popleft())

    def _collect(self) -> None:
        while self._lanes.ended:
            over = self._lanes.ended.popleft()
            block, self._slots[over.lane].running = self._slots[over.lane].running, None
            assert block is not None
            if over.error is not None:
                block.future.set_exception(over.error)
            else:
                block.future.set_result(over.result)  # type: ignore[arg-type]  # R may itself be None

    def _touch(self, lane: int) -> None:
        if lane < len(self._slots) and (block := self._slots[lane].running) is not None:
            block.silent_at_s = time.monotonic() + self._timeout_s

    def _patience_s(self) -> float:
        due = [min(slot.running.silent_at_s, slot.running.late_at_s) for slot in self._slots if slot.running is not None]
        return max(0.0, min(due) - time.monotonic()) if due else _IDLE_S

    def _expire(self) -> None:
        """Blocks that waited for too long; with them the wire, where nothing at all came over it meanwhile."""
        now_s = time.monotonic()
        for lane, slot in enumerate(self._slots):
            block = slot.running
            if block is not None and now_s >= block.late_at_s:
                self._lanes.close(f"the block was not over after {self._limit_s:g} s", lane)
            elif block is not None and now_s >= block.silent_at_s:
                if now_s - self._heard_s >= self._timeout_s:
                    raise ChannelClosedError(f"nothing came for {self._timeout_s:g} s")
                self._lanes.close(f"nothing came for {self._timeout_s:g} s", lane)
            self._collect()

    def _cut(self, why: str) -> None:
        """The wire is broken: every block that runs ends, and the next ones find a new wire; without one they end too."""
        connected = self._wire is not None
        self._drop_wire()
        self._lanes.close(why)
        self._collect()
        self._lanes.outgoing.clear()
        if connected:
            return
        for lane, slot in enumerate(self._slots):
            if slot.queue:
                slot.running = slot.queue.popleft()
                self._lanes.start(lane, slot.running.begin())
                self._lanes.close(why, lane)
                self._collect()
        self._lanes.outgoing.clear()

    def _drop_wire(self) -> None:
        with self._lock:
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _fail(self, error: BaseException) -> None:
        """No wire will help: every block that runs ends, and those that wait never begin."""
        told = error if isinstance(error, HilError) else ChannelClosedError(f"this end of the channel broke: {error!r}")
        with self._lock:
            self._stopped, self._broken = True, told
        self._lanes.close(str(error))
        self._collect()
        for block in self._left():
            block.future.set_exception(told)

    def _end(self) -> None:
        """What went out goes out, what did not begin never will."""
        with self._lock:
            self._stopped = True
        if self._wire is not None:
            try:
                self._send(self._wire)
                self._wire.flush(self._timeout_s)
            except ChannelClosedError:
                self._lanes.outgoing.clear()
        self._drop_wire()
        self._lanes.close("this end was stopped")
        self._collect()
        for block in self._left():
            block.future.set_exception(ChannelClosedError(_STOPPED))

    def _left(self) -> list[_Block[R]]:
        with self._lock:
            left = [block for _, block in self._new]
            self._new.clear()
        for slot in self._slots:
            left += [*filter(None, [slot.running]), *slot.queue]
            slot.queue.clear()
            slot.running = None
        return left
