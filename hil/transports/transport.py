"""One conversation over one port: locked across write and read, in step or silent, repeated only where that is harmless."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from hil.errors import DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError
from hil.transports.line import Line
from hil.transports.port import unreachable
from hil.transports.recovery import resynchronise
from hil.transports.retry import RetryPolicy, again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.transports.port import Port
    from hil.transports.recovery import Marker
    from hil.transports.replies import Reply

__all__ = ["Transport"]

T = TypeVar("T")

logger = logging.getLogger("hil.transports")


class Transport:
    """What drivers talk through.

    ``markers``: harmless queries whose replies can be recognised, by which a line that reopening does not clean is brought
    back in step; at least one for such a port. ``lock`` is re-entrant: hold it over several exchanges that belong together.
    Nothing that was sent or received is ever logged, only the device's name: replies may hold keys.
    """

    def __init__(
        self,
        port: Port,
        *,
        timeout_s: float = 2.0,
        markers: tuple[Marker, ...] = (),
        retry: RetryPolicy | None = None,
    ) -> None:
        if not markers and not port.reopens_clean:
            raise ValueError(
                f"{port.device}: reopening does not clean {port.resource}, so it needs a marker, a harmless query to be"
                " brought back in step with: over_visa(..., markers=(Marker(request, reply, recognises),))"
            )
        self.device = port.device
        self.timeout_s = timeout_s
        self.lock = threading.RLock()
        self._line = Line(port, timeout_s)
        self._markers = markers
        self._retry = retry or RetryPolicy()
        self._open = False
        self._lost = False
        self._dirty = False

    @property
    def dirty(self) -> bool:
        """Whether the line has to be brought back in step before it may answer."""
        return self._dirty

    def open(self) -> None:
        """Connect and come into step; DeviceUnreachableError at once when nobody is there."""
        with self.lock:
            if self._open:
                return
            self._line.clear()
            self._line.port.open(self.timeout_s)
            try:
                resynchronise(self._line, self._markers, reopen=False, rounds=1)
            except DeviceTimeoutError as error:
                self.close()
                raise unreachable(self._line.port, f"it opens, but nothing answers: {error}") from error
            except BaseException:
                self.close()
                raise
            self._open, self._lost, self._dirty = True, False, False

    def close(self) -> None:
        """Let go of the port; a second call does nothing."""
        with self.lock:
            self._open = False
            self._line.clear()
            self._line.port.close()

    def reopen(self) -> None:
        """Close, connect again and come into step."""
        with self.lock:
            self.close()
            self.open()

    @contextmanager
    def exchange(self) -> Iterator[Line]:
        """The line, for one write and all that is read to it.

        Comes into step first where a timeout left it dirty (DirtyLinkError when that fails). Leaving with any exception,
        Ctrl-C included, marks the line dirty: part of a reply may still be on its way.
        """
        with self.lock:
            self._come_into_step()
            try:
                yield self._line
            except DeviceUnreachableError:
                self._dirty = self._lost = True
                raise
            except BaseException:
                self._dirty = True
                raise

    def write(self, data: bytes) -> None:
        """Send what has no reply."""
        with self.exchange() as line:
            line.send(data)

    def distrust(self) -> None:
        """Come into step before the next exchange: for drivers whose reply came whole but belongs to something else."""
        with self.lock:
            self._dirty = True

    def query(self, request: bytes, reply: Reply[T], *, idempotent: bool = False, timeout_s: float | None = None) -> T:
        """Send ``request`` and read its ``reply``.

        Only an ``idempotent`` one is repeated after a transport error, within the retry policy and each time on a line that is
        back in step; never declare a toggle, a relative move, a destructive read, an acquisition or a laser's switching-on so.
        """
        began = time.monotonic()
        try:
            return self._query_once(request, reply, timeout_s, repeatable=idempotent)
        except (DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError) as error:
            if not idempotent or not self._open:
                raise
            return again(
                lambda: self._query_once(request, reply, timeout_s, repeatable=True),
                device=self.device,
                policy=self._retry,
                error=error,
                spent_s=time.monotonic() - began,
            )

    def _query_once(self, request: bytes, reply: Reply[T], timeout_s: float | None, *, repeatable: bool) -> T:
        with self.exchange() as line:
            line.send(request, repeatable=repeatable)
            return reply.read(line, timeout_s)

    def _come_into_step(self) -> None:
        if not self._open:
            raise DeviceUnreachableError(self.device, f"{self._line.port.resource} is not open; call open() first")
        if not self._dirty and (self._line.unread or self._line.port.waiting()):
            logger.warning("%s: bytes arrived that nobody asked for; resynchronising", self.device)
            self._dirty = True
        if not self._dirty:
            return
        try:
            resynchronise(self._line, self._markers, reopen=self._lost or self._line.port.reopens_clean)
        except DeviceTimeoutError as error:
            message = (
                f"out of step after a timeout, and a harmless query does not help ({error}); power-cycle it or check the cable"
            )
            raise DirtyLinkError(self.device, message) from error
        except DeviceUnreachableError:
            self._lost = True
            raise
        self._dirty = self._lost = False
