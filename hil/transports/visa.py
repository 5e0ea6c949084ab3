"""A port through pyvisa: sockets and serial lines by resource string, over pyvisa-py unless told otherwise.

Four traps of that stack are closed here. A refused TCP port opens without complaint (pyvisa-py takes "writable" for
"connected"), so the socket is asked. A closed one is reported as a timeout after all of it, so reads come in slices with a
look at the socket between them. Attributes cost, so unchanged ones are not set again. And closing one resource manager
closes the sessions of all, so there is one per library, counted.
"""

from __future__ import annotations

import math
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

from hil.errors import DeviceUnreachableError
from hil.transports import _manager
from hil.transports.port import SerialLine, peeked, tcp_address, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyvisa import ResourceManager
    from pyvisa.resources import MessageBasedResource

__all__ = ["VisaPort"]

_SLICE_S = 0.02
_CHUNK = 1 << 16
_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)


class VisaPort:
    """Port over any resource pyvisa opens as message based; ``library`` is pyvisa's (``@py``, ``bench.yaml@sim``, a path)."""

    def __init__(self, device: str, resource: str, *, library: str = "@py", line: SerialLine | None = None) -> None:
        self.device = device
        self.resource = resource
        self.reopens_clean = tcp_address(resource) is not None
        self._is_line = resource.upper().startswith("ASRL")
        self._library = library
        self._line = line
        self._held = ExitStack()
        self._visa: MessageBasedResource | None = None
        self._socket: socket.socket | None = None
        self._serial: Any = None
        self._stop: bytes | None = None
        self._timeout_ms = 0

    def open(self, timeout_s: float) -> None:
        """Open the resource and prove that somebody is there."""
        with ExitStack() as held, self._translated():
            if (address := tcp_address(self.resource)) is not None:
                socket.getaddrinfo(*address, family=socket.AF_INET)  # pyvisa-py leaks its socket when this fails inside it
            manager = held.enter_context(_manager.shared(self._library))
            visa = self._open_resource(manager, timeout_s)
            held.callback(_close_quietly, visa)
            self._visa = visa
            self._prepare(visa, held)
            self._held = held.pop_all()

    def close(self) -> None:
        """Close the resource, and the manager if nobody else uses it."""
        self._visa = self._socket = self._serial = self._stop = None
        self._timeout_ms = 0
        self._held.close()

    def send(self, data: bytes, timeout_s: float) -> None:
        """Write everything, no terminator added."""
        visa = self._opened()
        with self._translated():
            if self._socket is None:  # pyvisa-py's sockets know no timeout in writing
                self._set_timeout(visa, timeout_s)
            visa.visalib.write(visa.session, data)

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:
        """What has arrived, ended by ``stop``, by ``count``, or by silence."""
        visa = self._opened()
        deadline = time.monotonic() + timeout_s
        with self._translated():
            self._set_stop(visa, stop)
            while True:
                remaining_s = deadline - time.monotonic()
                self._set_timeout(visa, _SLICE_S if self._socket else max(remaining_s, 0.001))
                data = self._read(visa, min(count, _CHUNK))
                if data or time.monotonic() >= deadline:
                    return data
                self._look_for_end_of_stream()

    def _read(self, visa: MessageBasedResource, count: int) -> bytes:
        from pyvisa.constants import StatusCode
        from pyvisa.errors import VisaIOError

        try:
            data, _ = visa.visalib.read(visa.session, count)
        except VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                raise
            return b""
        return bytes(data)

    def _open_resource(self, manager: ResourceManager, timeout_s: float) -> MessageBasedResource:
        try:
            visa = manager.open_resource(self.resource, open_timeout=_milliseconds(timeout_s))
        except Exception as error:  # pyvisa-py raises a bare Exception for a name it cannot resolve or a connection timeout
            raise unreachable(self, error) from error
        return cast("MessageBasedResource", visa)

    def _prepare(self, visa: Any, held: ExitStack) -> None:
        from pyvisa.constants import ResourceAttribute, StatusCode

        quiet = (StatusCode.success_max_count_read, StatusCode.success_device_not_present)
        held.enter_context(visa.ignore_warning(*quiet))
        visa.set_visa_attribute(ResourceAttribute.suppress_end_enabled, False)  # noqa: FBT003  (VISA's own signature)
        session = getattr(visa.visalib, "sessions", {}).get(visa.session)
        interface = getattr(session, "interface", None)
        if isinstance(interface, socket.socket):
            self._socket = interface
            if (code := interface.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) != 0:
                raise OSError(code, "refused")
            interface.getpeername()
        if self._is_line:
            if self._line is not None:
                self._set_line(visa, self._line)
            if interface is not None and hasattr(interface, "exclusive"):
                self._serial = interface
                interface.exclusive = True  # of the pyserial object that pyvisa-py opened without asking for it

    @staticmethod
    def _set_line(visa: Any, line: SerialLine) -> None:
        from pyvisa.constants import Parity, SerialTermination, StopBits

        visa.baud_rate = line.baud_rate
        visa.data_bits = line.data_bits
        visa.parity = {"N": Parity.none, "E": Parity.even, "O": Parity.odd}[line.parity]
        visa.stop_bits = {1: StopBits.one, 2: StopBits.two}[line.stop_bits]
        visa.set_visa_attribute(_attribute("asrl_end_out"), SerialTermination.none)

    def _set_stop(self, visa: MessageBasedResource, stop: bytes) -> None:
        if stop == self._stop:
            return
        from pyvisa.constants import SerialTermination

        if stop:
            visa.set_visa_attribute(_attribute("termchar"), stop[0])
        visa.set_visa_attribute(_attribute("termchar_enabled"), bool(stop))
        if self._is_line:
            end = SerialTermination.termination_char if stop else SerialTermination.none
            visa.set_visa_attribute(_attribute("asrl_end_in"), end)
        self._stop = stop

    def _set_timeout(self, visa: MessageBasedResource, timeout_s: float) -> None:
        # up to half as long again is tolerated: the deadline is kept above, and pyserial would set up the whole port again
        wanted_ms = _milliseconds(timeout_s)
        if not wanted_ms <= self._timeout_ms <= wanted_ms + wanted_ms // 2:
            visa.timeout = wanted_ms
            self._timeout_ms = wanted_ms

    def waiting(self) -> bool:
        """Whether something has come unasked; of streams and serial lines only."""
        self._opened()
        if self._socket is None:
            with self._translated():
                return bool(getattr(self._serial, "in_waiting", 0))
        try:
            return bool(self._peeked())
        except OSError:  # the next exchange finds it, and says so
            return False

    def _look_for_end_of_stream(self) -> None:
        if self._socket is not None and self._peeked() == b"":
            raise ConnectionResetError("the device closed the connection")

    def _peeked(self) -> bytes | None:
        assert self._socket is not None
        if _AT_ONCE:  # pyvisa-py's sockets block, so this is all that it takes
            try:
                return self._socket.recv(1, socket.MSG_PEEK | _AT_ONCE)
            except BlockingIOError:
                return None
        try:
            return peeked(self._socket)
        finally:
            self._socket.settimeout(None)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from pyvisa.errors import Error

        try:
            yield
        except DeviceUnreachableError:
            raise
        except (OSError, Error, ValueError) as error:
            raise unreachable(self, error) from error

    def _opened(self) -> MessageBasedResource:
        if self._visa is None:
            raise unreachable(self, "not open")
        return self._visa


def _attribute(name: str) -> Any:
    from pyvisa.constants import ResourceAttribute

    return getattr(ResourceAttribute, name)


def _milliseconds(timeout_s: float) -> int:
    return max(1, math.ceil(timeout_s * 1000))


def _close_quietly(visa: Any) -> None:
    from contextlib import suppress

    from pyvisa.errors import Error

    with suppress(Error, OSError):
        visa.close()
