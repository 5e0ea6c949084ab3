"""Bit strings and integers as bytes on the channel, with every length checked on the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["pack", "pack_numbers", "pack_steps", "unpack", "unpack_numbers", "unpack_steps"]

_WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def pack(bits: npt.NDArray[np.uint8] | npt.NDArray[np.bool_]) -> bytes:
    """Bits of shape (n,) to ceil(n / 8) bytes, most significant first, the rest zero."""
    return np.packbits(bits).tobytes()


def unpack(data: bytes, count: int) -> npt.NDArray[np.uint8]:
    """The reverse; AuthenticationError where the length does not fit."""
    if len(data) != -(-count // 8):
        raise AuthenticationError(f"{len(data)} bytes came for {count} bits")
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=count)


def pack_numbers(values: npt.NDArray[np.uint8], below: int) -> bytes:
    """Numbers from 0 to ``below`` - 1 (at most 15): four to a byte where they fit two bits, else two."""
    width = _bits_of(below)
    share = 8 // width
    padded = np.zeros(-(-values.size // share) * share, dtype=np.uint8)
    padded[: values.size] = values
    packed = np.zeros(padded.size // share, dtype=np.uint8)
    for place, part in enumerate(padded.reshape(-1, share).T):
        packed |= part << np.uint8(8 - width * (place + 1))
    return packed.tobytes()


def unpack_numbers(data: bytes, count: int, below: int) -> npt.NDArray[np.uint8]:
    """The reverse of :func:`pack_numbers`; AuthenticationError where length or numbers do not fit."""
    width = _bits_of(below)
    share = 8 // width
    if len(data) != -(-count // share):
        raise AuthenticationError(f"{len(data)} bytes came for {count} numbers of {width} bits")
    raw = np.frombuffer(data, dtype=np.uint8)
    numbers = np.empty((raw.size, share), dtype=np.uint8)
    for place in range(share):
        numbers[:, place] = raw >> np.uint8(8 - width * (place + 1)) & np.uint8((1 << width) - 1)
    values = numbers.reshape(-1)[:count]
    if values.size and int(values.max()) >= below:
        raise AuthenticationError(f"a number that is none of {below}")
    return values


def _bits_of(below: int) -> int:
    return 2 if below <= 4 else 4


def pack_steps(index: npt.NDArray[np.int64], first: int) -> tuple[int, bytes]:
    """Ascending indices as differences, the first from ``first``; width in bytes and data."""
    steps = np.diff(index, prepend=np.int64(first))
    largest = int(steps.max(initial=0))
    width = next(width for width in (1, 2, 4, 8) if largest < 1 << 8 * width)
    return width, steps.astype(_WIDTHS[width]).tobytes()


def unpack_steps(data: bytes, width: int, count: int, first: int) -> npt.NDArray[np.int64]:
    """The reverse; AuthenticationError for what no ascending indices give."""
    if width not in _WIDTHS or len(data) != width * count or not 0 <= first < 1 << 62:
        raise AuthenticationError(f"{len(data)} bytes came for {count} indices of {width} bytes")
    steps = np.frombuffer(data, dtype=_WIDTHS[width])
    if count and (int(steps.max()) >= 1 << 62 or float(steps.sum(dtype=np.float64)) > 2.0**61):
        raise AuthenticationError("pulse indices beyond any block")
    index = steps.astype(np.int64).cumsum()
    index += first
    return index
