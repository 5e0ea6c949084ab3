"""Data port of the reference transceiver protocol: binary frames to and from numpy arrays."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import InstrumentError, ReplyError
from hil.ports.detections import ClockDomain, DetectionRecords, Preparations, TagRecords

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.transports import Transport
    from hil.transports.line import Line

__all__ = ["DataPlane"]

_MAGIC = b"QHD1"
_HEADER = struct.Struct("<4sB3sQ")
_BLOCK = struct.Struct("<6Q")
_CLOCK = struct.Struct("<4Q")
_PREPARE, _PREPARED = 0x01, 0x81
_FETCH, _DETECTIONS, _TAGS = 0x02, 0x82, 0x83
_ERROR = 0x7F
_LARGEST_PAYLOAD = 1 << 32
_LARGEST_TICK = 1 << 62
_INDICES_PER_FRAME = 1 << 20
_TIMEOUT_S = 60.0
"""Records may be computed or read out only when they are asked for."""


@dataclass(frozen=True)
class _Frame:
    """A reply frame of the type ``expected``; its payload."""

    device: str
    expected: int

    def read(self, line: Line, timeout_s: float | None) -> bytearray:
        magic, kind, zeros, length = _HEADER.unpack(line.read_exactly(_HEADER.size, timeout_s))
        if magic != _MAGIC or zeros != b"\0\0\0" or length > _LARGEST_PAYLOAD:
            raise ReplyError(self.device, f"data port: a frame begins {magic!r}, expected {_MAGIC!r}; is this its data port?")
        payload = line.read_exactly(length, timeout_s)
        crc = int.from_bytes(line.read_exactly(4, timeout_s), "little")
        if crc != zlib.crc32(payload):
            raise ReplyError(
                self.device, f"data port: the CRC of a frame of {length} bytes does not match; records were damaged"
            )
        if kind == _ERROR:
            code, words = int.from_bytes(payload[:4], "little"), payload[4:].decode(errors="replace")
            raise InstrumentError(self.device, f"data port: error {code} {words}")
        if kind != self.expected:
            raise ReplyError(self.device, f"data port: a frame of type {kind:#04x}, expected {self.expected:#04x}")
        return payload


class DataPlane:
    """Preparation and detection records. Both requests are pure reads, so they may be repeated after a transport error."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.device = transport.device

    def prepare(self, indices: npt.NDArray[np.int64]) -> Preparations:
        """Settings of the pulses of these indices, shape (n,)."""
        pieces = [
            self._prepare(indices[start : start + _INDICES_PER_FRAME])
            for start in range(0, max(len(indices), 1), _INDICES_PER_FRAME)
        ]
        packed = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        one = np.uint8(1)
        return Preparations(
            basis=(packed >> np.uint8(5)) & one, bit=(packed >> np.uint8(4)) & one, intensity=packed & np.uint8(0x0F)
        )

    def fetch(self, sequence: int) -> DetectionRecords:
        """The records of a finished block."""
        payload = self._ask(_FETCH, _DETECTIONS, struct.pack("<Q", sequence))
        if len(payload) < _BLOCK.size:
            raise ReplyError(self.device, f"data port: a block of {len(payload)} bytes is too short for its header")
        got, first, end, count, lost, live_ns = _BLOCK.unpack_from(payload)
        if got != sequence or len(payload) != _BLOCK.size + 5 * count:
            message = f"block {sequence} asked for; block {got} with {count} records in {len(payload)} bytes came"
            raise ReplyError(self.device, f"data port: {message}")
        steps = np.frombuffer(payload, "<u4", count, _BLOCK.size)
        index = np.cumsum(steps, dtype=np.int64)
        index += first
        if count and index[-1] >= end:
            raise ReplyError(self.device, f"data port: block {sequence} ends at pulse {end} but has a click at {index[-1]}")
        detector = np.frombuffer(payload, np.uint8, count, _BLOCK.size + 4 * count)
        return DetectionRecords(first, end, index, detector, live_ns * 1e-9, sequence, lost)

    def fetch_tags(self, sequence: int) -> TagRecords:
        """The records of a finished block of a receiver with a clock of its own."""
        payload = self._ask(_FETCH, _TAGS, struct.pack("<Q", sequence))
        at = _BLOCK.size + _CLOCK.size + 1
        if len(payload) < at or len(payload) < at + payload[at - 1]:
            raise ReplyError(self.device, f"data port: a block of {len(payload)} bytes is too short for its header")
        got, first, end, count, lost, live_ns = _BLOCK.unpack_from(payload)
        numerator, denominator, width, words = _CLOCK.unpack_from(payload, _BLOCK.size)
        name = payload[at : at + payload[at - 1]].decode(errors="replace")
        at += payload[at - 1]
        if got != sequence or width not in {2, 4} or len(payload) != at + width * words + count:
            message = f"block {sequence} asked for; block {got} with {count} tags in {len(payload)} bytes came"
            raise ReplyError(self.device, f"data port: {message}")
        if not (numerator and denominator and first <= end < _LARGEST_TICK):
            message = f"block {sequence} from tick {first} to {end} of {numerator}/{denominator} s each"
            raise ReplyError(self.device, f"data port: {message}")
        steps = np.frombuffer(payload, f"<u{width}", words, at)
        ticks = np.cumsum(steps, dtype=np.int64)[steps != (1 << 8 * width) - 1] + first
        if ticks.size != count or (count and ticks[-1] >= end):
            message = f"block {sequence} announces {count} tags before tick {end}; {ticks.size} came"
            raise ReplyError(self.device, f"data port: {message}")
        detector = np.frombuffer(payload, np.uint8, count, at + width * words)
        clock = ClockDomain(name, Fraction(numerator, denominator))
        return TagRecords(clock, first, end, ticks, detector, live_ns * 1e-9, sequence, lost)

    def _prepare(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        request = struct.pack("<Q", len(indices)) + np.ascontiguousarray(indices, "<i8").tobytes()
        payload = self._ask(_PREPARE, _PREPARED, request)
        if len(payload) != 8 + len(indices) or int.from_bytes(payload[:8], "little") != len(indices):
            raise ReplyError(self.device, f"data port: {len(indices)} preparations asked for, {len(payload) - 8} came")
        return np.frombuffer(payload, np.uint8, offset=8)

    def _ask(self, kind: int, expected: int, payload: bytes) -> bytearray:
        header = _HEADER.pack(_MAGIC, kind, b"\0\0\0", len(payload))
        request = b"".join((header, payload, zlib.crc32(payload).to_bytes(4, "little")))
        return self.transport.query(request, _Frame(self.device, expected), idempotent=True, timeout_s=_TIMEOUT_S)
