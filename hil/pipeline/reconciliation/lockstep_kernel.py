"""Parities of ranges of frames that lie in machine words, and steps of many searches at once: the loops of :mod:`.lockstep`.

A pass holds frames of n = 2^k bits in uint64 of shape (frames, n / 64), in the order of that pass; bit i of a frame is bit i
mod 64 of word i / 64. A place is ``frame * n + i``. A search is its lowest place; all searches of a step have one length, a
power of two. Bit strings of messages hold the most significant bit first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from hil.compiled import kernel
from hil.pipeline.reconciliation.frames_kernel import turn

if TYPE_CHECKING:
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Order = npt.NDArray[np.uint16]
    Places = npt.NDArray[np.uint32]
    Words = npt.NDArray[np.uint64]

__all__ = ["begin", "flip", "lowest", "narrow", "read", "reorder", "subsets", "tell", "tell_subset"]

ONE = np.uint64(1)


def _parity_type(context: Any, word: Any) -> Any:
    """The parity of a word: an instruction that counts its bits."""
    del context

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.and_(builder.ctpop(arguments[0]), arguments[0].type(1))

    return types.uint64(word), generate


_parity: Any = intrinsic(_parity_type)


@kernel
def reorder(first: Words, order: Order, into: Words) -> None:
    """Frames in another order, 64 of them at once: turned so that a word holds one bit of each, moved, turned back."""
    words, step = first.shape[1], min(8, first.shape[1])
    sliced, square = np.empty(order.size, dtype=np.uint64), np.empty((step, 64), dtype=np.uint64)
    for start in range(0, first.shape[0], 64):
        for low in range(0, words, step):
            for frame in range(64):
                for word in range(step):
                    square[word, frame] = first[start + frame, low + word]
            for word in range(step):
                turn(square[word])
                sliced[64 * (low + word) : 64 * (low + word + 1)] = square[word]
        for low in range(0, words, step):
            for word in range(step):
                for i in range(64):
                    square[word, i] = sliced[order[64 * (low + word) + i]]
                turn(square[word])
            for frame in range(64):
                for word in range(step):
                    into[start + frame, low + word] = square[word, frame]


@kernel
def _range(words: Words, low: int, length: int) -> np.uint64:
    """Parity of so many places from ``low`` on, which is a multiple of their number; ``words`` in one row."""
    if length < 64:
        return _parity((words[low >> 6] >> np.uint64(low & 63)) & ((ONE << np.uint64(length)) - ONE))  # type: ignore[no-any-return]
    total = np.uint64(0)
    for word in range(low >> 6, (low + length) >> 6):
        total ^= words[word]
    return _parity(total)  # type: ignore[no-any-return]


@kernel
def read(words: Words, count: int, taken: int, length: int, out: Bits) -> None:
    """Parities of the first ``taken`` blocks of each of ``count`` frames, one after the other, into zeroed bytes."""
    size, row, at = 64 * words.shape[1], words.reshape(-1), 0
    for frame in range(count):
        for block in range(taken):
            out[at >> 3] |= np.uint8(_range(row, frame * size + block * length, length) << np.uint64(7 - (at & 7)))
            at += 1


@kernel
def lowest(marked: Bits, taken: int, length: int, size: int, lows: Places) -> int:
    """The lowest place of each marked block, in ascending order; how many there are."""
    found = 0
    for at in range(marked.size):
        if marked[at]:
            for bit in range(8):
                if marked[at] >> (7 - bit) & 1:
                    block = 8 * at + bit
                    lows[found] = block // taken * size + block % taken * length
                    found += 1
    return found


@kernel
def tell(words: Words, lows: Places, length: int, out: Bits) -> None:
    """Parity of the first half of each search, a bit each."""
    row = words.reshape(-1)
    for start in range(0, lows.size, 8):
        byte = np.uint64(0)
        for i in range(start, min(start + 8, lows.size)):
            byte |= _range(row, lows[i], length >> 1) << np.uint64(7 - (i & 7))
        out[start >> 3] = byte


@kernel
def narrow(lows: Places, length: int, in_first: Bits) -> None:
    """Each search goes on in its first half where the bit is set, else in the second."""
    half = length >> 1
    for i in range(lows.size):
        lows[i] += half * (1 - (in_first[i >> 3] >> (7 - (i & 7)) & 1))


@kernel
def begin(differ: Bits, count: int, told: int, taken: int, odd: Bits) -> None:
    """Bob: of ``told`` blocks of each frame, which differ; where one fewer is told than taken, it evens the frame out."""
    at = to = 0
    for _ in range(count):
        last = 0
        for block in range(taken):
            one = last
            if block < told:
                one = int(differ[at >> 3]) >> (7 - (at & 7)) & 1
                at += 1
            last ^= one
            odd[to >> 3] |= np.uint8(one << (7 - (to & 7)))
            to += 1


@kernel
def flip(
    words: Words,
    bounds: tuple[int, int, int],
    lows: Places,
    order: Order,
    inverses: Order,
    shape: Places,
    odd: Bits,
    masks: Words,
    differ: Bits,
) -> bool:
    """Bob: these bits, at places of a pass in this order, change, and with them blocks of all passes begun, and subsets.

    ``bounds``: passes begun, frames, and how many bits each has. ``shape``: of each pass, how many blocks of a frame hold bits,
    and how often a block's length can be halved. False for a place that holds no bit: parities that contradict each other.
    """
    size = order.size
    begun, count, length = bounds
    for i in range(lows.size):
        frame, place = int(lows[i]) // size, int(lows[i]) % size
        bit = int(order[place])
        if frame >= count or bit >= length:
            return False
        for of_pass in range(begun):
            at = int(inverses[of_pass, bit])
            words[of_pass, frame, at >> 6] ^= ONE << np.uint64(at & 63)
            block = frame * int(shape[of_pass, 0]) + (at >> int(shape[of_pass, 1]))
            odd[of_pass, block >> 3] ^= np.uint8(128 >> (block & 7))
        for subset in range(differ.shape[1]):
            differ[frame >> 6, subset] ^= np.uint8((masks[subset + (frame & 63), bit >> 6] >> np.uint64(bit & 63)) & ONE)
    return True


@kernel
def subsets(first: Words, masks: Words, out: Bits) -> None:
    """Parities of random subsets of 64 frames together, shape (groups, subsets)."""
    for group in range(out.shape[0]):
        for subset in range(out.shape[1]):
            total = np.uint64(0)
            for frame in range(64):
                row, mask = first[64 * group + frame], masks[subset + frame]
                for word in range(row.size):
                    total ^= row[word] & mask[word]
            out[group, subset] = _parity(total)


@kernel
def tell_subset(first: Words, masks: Words, which: Places, lows: Places, length: int, out: Bits) -> None:
    """Parity of the first half of each search among the places of its subset only, a bit each, into zeroed bytes."""
    width, row, half = first.shape[1], first.reshape(-1), length >> 1
    for i in range(lows.size):
        low, total = int(lows[i]), np.uint64(0)
        for word in range(low >> 6, max((low + half) >> 6, (low >> 6) + 1)):
            total ^= row[word] & masks[int(which[i]) + (word // width & 63), word % width]
        if half < 64:
            total = (total >> np.uint64(low & 63)) & ((ONE << np.uint64(half)) - ONE)
        out[i >> 3] |= np.uint8(_parity(total) << np.uint64(7 - (i & 7)))
