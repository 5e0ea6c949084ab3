"""A raw serial line through pyserial: for binary replies without a terminator, and for devices that echo and prompt.

VISA reads messages: pyvisa-py throws away the bytes of a message that a timeout cuts, and a four-byte reply without an end has
no message at all. Here every byte that came is kept, and the line is exclusively ours.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import serial

from hil.transports.port import SerialLine, serial_url, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SerialPort"]

# pyserial sets up the whole port again for a new timeout, so it stays at this slice and deadlines are kept here
_SLICE_S = 0.02


class SerialPort:
    """Port over ``ASRL/dev/...::INSTR`` without VISA, opened exclusively where the system can."""

    reopens_clean = False

    def __init__(self, device: str, resource: str, line: SerialLine) -> None:
        self.device = device
        self.resource = resource
        self._line = line
        self._url = serial_url(resource)
        self._serial: serial.Serial | None = None

    def open(self, timeout_s: float) -> None:
        """Open the line; a line that another program holds is refused."""
        options = {} if "://" in self._url else {"exclusive": True}
        with self._translated():
            self._serial = serial.serial_for_url(
                self._url,
                baudrate=self._line.baud_rate,
                bytesize=self._line.data_bits,
                parity=self._line.parity,
                stopbits=self._line.stop_bits,
                timeout=_SLICE_S,
                write_timeout=timeout_s,
                **options,
            )

    def close(self) -> None:
        """Let go of the line."""
        if self._serial is not None:
            held, self._serial = self._serial, None
            held.close()

    def send(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002  (pyserial has one write timeout, set at open)
        """Write everything."""
        with self._translated():
            self._opened().write(data)

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:  # noqa: ARG002  (bytes, not messages)
        """What has arrived, at most ``count`` bytes."""
        line = self._opened()
        deadline = time.monotonic() + timeout_s
        with self._translated():
            while True:
                data: bytes = line.read(min(count, line.in_waiting or 1))
                if data or time.monotonic() >= deadline:
                    return data

    def waiting(self) -> bool:
        """Whether something has come unasked."""
        with self._translated():
            return bool(self._opened().in_waiting)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # SerialException is an OSError; a bad URL is a ValueError
            raise unreachable(self, error) from error

    def _opened(self) -> serial.Serial:
        if self._serial is None:
            raise unreachable(self, "not open")
        return self._serial
