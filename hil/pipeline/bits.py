"""Bit strings and integers as bytes on the channel, with every length checked on the way in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["pack", "pack_numbers", "pack_steps", "unpack", "unpack_numbers", "unpack_steps"]

_WIDTHS = {8: ">u1", 16: ">u2", 32: ">u4"}
_STRIDE = 4
"""Low bits of steps come in fours; finer choices save a twentieth of a bit and cost time."""


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
    """Ascending indices as differences, the first from ``first``: how many low bits of each are written out, and data.

    Rice's code (R. F. Rice, J. R. Plaunt, IEEE Trans. Commun. Technol. 19, 889 (1971)) in two parts: the low bits of all, then
    what is above them in unary, zeros and a one. Steps that are random at one rate take little more than their entropy.
    """
    steps = np.diff(index, prepend=np.int64(first))
    if not steps.size:
        return 0, b""
    near = int(math.log2(max(1.0, float(steps.mean())))) // _STRIDE * _STRIDE
    width = min((near, near + _STRIDE), key=lambda one: steps.size * one + int((steps >> one).sum()))
    ones = np.cumsum((steps >> width) + 1)
    unary = np.zeros(int(ones[-1]), dtype=np.uint8)
    unary[ones - 1] = 1
    return width, _low_bits(steps, width) + np.packbits(unary).tobytes()


def unpack_steps(data: bytes, width: int, count: int, first: int) -> npt.NDArray[np.int64]:
    """The reverse; AuthenticationError for what no ascending indices give."""
    low_bytes = -(-count * width // 8)
    if count < 0 or width not in range(0, 60, _STRIDE) or len(data) < low_bytes or not 0 <= first < 1 << 62:
        raise AuthenticationError(f"{len(data)} bytes came for {count} indices of {width} low bits")
    ones = np.flatnonzero(np.unpackbits(np.frombuffer(data, dtype=np.uint8, offset=low_bytes)).view(bool))
    length = int(ones[-1]) + 1 if ones.size else 0
    if ones.size != count or len(data) != low_bytes + -(-length // 8):
        raise AuthenticationError(f"{ones.size} indices came where {count} were due")
    steps = np.diff(ones, prepend=-1)
    steps -= 1
    if float(length) * 2.0**width > 2.0**61:
        raise AuthenticationError("pulse indices beyond any block")
    steps <<= width
    steps |= _from_low_bits(data[:low_bytes], width, count)
    index = steps.cumsum()
    index += first
    return index


def _low_bits(values: npt.NDArray[np.int64], width: int) -> bytes:
    """The low ``width`` bits of each, one after the other, most significant first."""
    if width in _WIDTHS:
        return values.astype(_WIDTHS[width]).tobytes()
    whole = values.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - -(-width // 8) :]
    return np.packbits(np.unpackbits(whole, axis=1)[:, -(-width // 8) * 8 - width :]).tobytes()


def _from_low_bits(data: bytes, width: int, count: int) -> npt.NDArray[np.int64]:
    if width in _WIDTHS:
        return np.frombuffer(data, dtype=_WIDTHS[width]).astype(np.int64)
    bits = np.zeros((count, 64), dtype=np.uint8)
    bits[:, 64 - width :] = unpack(data, count * width).reshape(count, width)
    return np.packbits(bits, axis=1).view(">i8").reshape(-1).astype(np.int64)
