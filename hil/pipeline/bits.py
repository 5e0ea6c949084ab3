"""Bit strings and integers as bytes on the channel, with every length checked on the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["pack", "pack_pairs", "pack_steps", "unpack", "unpack_pairs", "unpack_steps"]

_WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def pack(bits: npt.NDArray[np.uint8] | npt.NDArray[np.bool_]) -> bytes:
    """Bits of shape (n,) to ceil(n / 8) bytes, most significant first, the rest zero."""
    return np.packbits(bits).tobytes()


def unpack(data: bytes, count: int) -> npt.NDArray[np.uint8]:
    """The reverse; AuthenticationError where the length does not fit."""
    if len(data) != -(-count // 8):
        raise AuthenticationError(f"{len(data)} bytes came for {count} bits")
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=count)


def pack_pairs(values: npt.NDArray[np.uint8]) -> bytes:
    """Numbers from 0 to 3, four to a byte."""
    padded = np.zeros(-(-values.size // 4) * 4, dtype=np.uint8)
    padded[: values.size] = values
    quads = padded.reshape(-1, 4)
    return bytes((quads[:, 0] << 6 | quads[:, 1] << 4 | quads[:, 2] << 2 | quads[:, 3]).tobytes())


def unpack_pairs(data: bytes, count: int) -> npt.NDArray[np.uint8]:
    """The reverse of :func:`pack_pairs`."""
    if len(data) != -(-count // 4):
        raise AuthenticationError(f"{len(data)} bytes came for {count} pairs of bits")
    raw = np.frombuffer(data, dtype=np.uint8)
    quads = np.empty((raw.size, 4), dtype=np.uint8)
    for place in range(4):
        quads[:, place] = raw >> (6 - 2 * place) & 3
    return quads.reshape(-1)[:count]


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
