"""Data port of a simulated transceiver: binary frames in, binary frames out."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from hil.device_sims.spec import Reply

from ._device import Refusal, deliverable

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.ports.detections import TagRecords

    from ._device import SimulatedTransceiver

__all__ = ["DataSession"]

_MAGIC = b"QHD1"
_HEADER = struct.Struct("<4sB3xQ")
_CHECK = struct.Struct("<I")
_COUNT = struct.Struct("<Q")
_BLOCK = struct.Struct("<6Q")
_CLOCK = struct.Struct("<4Q")
_LARGEST = 1 << 30

_PREPARE, _FETCH = 0x01, 0x02
_PREPARED, _DETECTIONS, _TAGS, _ERROR = 0x81, 0x82, 0x83, 0x7F


class DataSession:
    """One connection to the data port."""

    def __init__(self, transceiver: SimulatedTransceiver) -> None:
        self._transceiver = transceiver
        self._buffer = bytearray()

    def received(self, data: bytes, now_ns: int) -> list[Reply]:  # noqa: ARG002  (records do not change with time)
        """Answer every frame that is complete."""
        self._buffer += data
        replies: list[Reply] = []
        while (answer := self._next()) is not None:
            replies.append(Reply(answer))
        return replies

    def _next(self) -> bytes | None:
        """The answer to the frame at the head of the buffer; None while it is incomplete."""
        if len(self._buffer) < _HEADER.size:
            # a wrong beginning is told at once, as its sender may wait for the answer
            return None if _MAGIC.startswith(self._buffer[:4]) else self._lost_step("expected the magic QHD1")
        magic, kind, length = _HEADER.unpack_from(self._buffer)
        if magic != _MAGIC:
            return self._lost_step("expected the magic QHD1")
        if length > _LARGEST:
            return self._lost_step(f"a payload of at most {_LARGEST} bytes expected")
        end = _HEADER.size + length
        if len(self._buffer) < end + _CHECK.size:
            return None
        payload = bytes(self._buffer[_HEADER.size : end])
        (check,) = _CHECK.unpack_from(self._buffer, end)
        del self._buffer[: end + _CHECK.size]
        try:
            if check != zlib.crc32(payload):
                raise Refusal.bad_argument("checksum does not match")
            return self._answer(kind, payload)
        except Refusal as refusal:
            return _error(refusal)

    def _lost_step(self, text: str) -> bytes:
        """Drop what cannot be a frame, up to the next magic."""
        following = self._buffer.find(_MAGIC, 1)
        del self._buffer[: len(self._buffer) if following < 0 else following]
        return _error(Refusal.bad_argument(text))

    def _answer(self, kind: int, payload: bytes) -> bytes:
        if kind == _PREPARE:
            return self._prepared(payload)
        if kind == _FETCH:
            return self._detections(payload)
        raise Refusal.unknown(f"frame type {kind:#04x}")

    def _prepared(self, payload: bytes) -> bytes:
        if not self._transceiver.prepares:
            raise Refusal.unsupported("PREPARE")
        self._transceiver.needs_raw_data("PREPARE")
        (count,) = _COUNT.unpack_from(payload) if len(payload) >= _COUNT.size else (None,)
        if count is None or len(payload) != _COUNT.size * (count + 1):
            raise Refusal.bad_argument("expected a count and as many pulse indices")
        index: npt.NDArray[np.int64] = np.frombuffer(payload, dtype="<i8", offset=_COUNT.size).astype(np.int64, copy=False)
        if index.size and int(index.min()) < 0:
            raise Refusal.bad_argument("pulse indices begin at 0")
        settings = self._transceiver.world.prepare(self._transceiver.name, index)
        packed = settings.intensity | settings.bit << 4 | settings.basis << 5
        return _frame(_PREPARED, _COUNT.pack(count) + packed.astype(np.uint8).tobytes())

    def _detections(self, payload: bytes) -> bytes:
        if self._transceiver.emits:
            raise Refusal.unsupported("FETCH")
        self._transceiver.needs_raw_data("FETCH")
        if len(payload) != _COUNT.size:
            raise Refusal.bad_argument("expected a block sequence")
        (sequence,) = _COUNT.unpack(payload)
        last = self._transceiver.world.last_block(self._transceiver.name)
        if last is None or last.sequence != sequence:
            raise Refusal(22, "no such block")
        tags = self._transceiver.world.last_tags(self._transceiver.name)
        if tags is not None:
            return _frame(_TAGS, _tags(tags))
        block = deliverable(last)
        live_ns = round(block.live_s * 1e9)
        head = _BLOCK.pack(block.sequence, block.first, block.end, block.index.size, block.lost, live_ns)
        steps = np.diff(block.index, prepend=block.first).astype("<u4")
        return _frame(_DETECTIONS, b"".join((head, steps.tobytes(), block.detector.tobytes())))


def _tags(block: TagRecords) -> bytes:
    """Tags as steps of two bytes, or four where that is shorter; the largest step counts for itself and no click."""
    steps = np.diff(block.ticks, prepend=block.first)
    bytes_of = {width: width * int((steps // ((1 << 8 * width) - 1) + 1).sum()) for width in (2, 4)}
    width = min(bytes_of, key=lambda one: bytes_of[one])
    overflow = (1 << 8 * width) - 1
    words = np.full(bytes_of[width] // width, overflow, dtype=f"<u{width}")
    words[np.cumsum(steps // overflow + 1) - 1] = steps % overflow
    live_ns = round(block.live_s * 1e9)
    head = _BLOCK.pack(block.sequence, block.first, block.end, block.ticks.size, block.lost, live_ns)
    tick_s, name = block.clock.tick_s, block.clock.name.encode()
    clock = _CLOCK.pack(tick_s.numerator, tick_s.denominator, width, words.size)
    return b"".join((head, clock, bytes([len(name)]), name, words.tobytes(), block.detector.tobytes()))


def _error(refusal: Refusal) -> bytes:
    return _frame(_ERROR, _CHECK.pack(refusal.code) + refusal.text.encode())


def _frame(kind: int, payload: bytes) -> bytes:
    return b"".join((_HEADER.pack(_MAGIC, kind, len(payload)), payload, _CHECK.pack(zlib.crc32(payload))))
