"""How Cascade cuts a key into blocks, pass by pass: what both parties derive from a few numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["MOST_PASSES", "SEED_BYTES", "Cut", "block_sizes"]

SEED_BYTES = 16
_DOUBLING_PASSES = 4
MOST_PASSES = 28
_LEFT_OVER = 1e-6
"""Bound on the expected pairs of errors that no pass separates."""


def block_sizes(bits: int, qber_ratio: float) -> list[int]:
    """Block sizes of the passes: 0.73/q and three doublings (Brassard and Salvail 1993), then halves of the key.

    Two errors survive when they fall into one block in every pass; a short key takes more passes until less than a millionth
    of a pair is expected to.
    """
    if bits < 2:
        return [1] if bits else []
    first = min(max(2, round(0.73 / max(qber_ratio, 1e-9))), -(-bits // 2))
    sizes, survivors = [], bits * min(max(qber_ratio, 1.0 / bits), 0.5)
    for number in range(MOST_PASSES):
        if number >= _DOUBLING_PASSES and survivors < _LEFT_OVER:
            break
        sizes.append(min(first << min(number, _DOUBLING_PASSES - 1), -(-bits // 2)))
        if number >= _DOUBLING_PASSES:
            sizes[-1] = -(-bits // 2)
        if number:
            survivors *= sizes[-1] / bits
    return sizes


class Cut:
    """One pass: a shuffle of the key, cut into blocks of ``size`` bits (the last may be shorter).

    ``order``: position to bit number (int32), None for a key that is not shuffled; parities of ranges of positions come from
    the prefix parities of the bits as they were when the pass began.
    """

    def __init__(self, bits: npt.NDArray[np.uint8], size: int, seed: bytes) -> None:
        if not 1 <= size <= max(1, bits.size) or len(seed) not in {0, SEED_BYTES}:
            raise AuthenticationError(f"a pass with blocks of {size} bits over a key of {bits.size}")
        self.size = size
        self.blocks = -(-bits.size // size)
        self.length = bits.size
        self.order = _shuffle(bits.size, seed) if seed else None
        shuffled = bits if self.order is None else bits.take(self.order)
        self._prefix = np.zeros(bits.size + 1, dtype=np.uint8)
        np.cumsum(shuffled, dtype=np.uint8, out=self._prefix[1:])
        self._prefix &= 1

    def bounds(self, blocks: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First and end position of these blocks."""
        low = blocks * self.size
        return low, np.minimum(low + self.size, self.length)

    def parities(self, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Parity of each range of positions."""
        return self._prefix.take(low) ^ self._prefix.take(high)

    def block_parities(self) -> npt.NDArray[np.uint8]:
        """Parity of every block."""
        edges = np.minimum(np.arange(self.blocks + 1, dtype=np.int64) * self.size, self.length)
        return self.parities(edges[:-1], edges[1:])

    def bit_numbers(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which bits stand at these positions."""
        return positions if self.order is None else self.order.take(positions).astype(np.int64)


def _shuffle(bits: int, seed: bytes) -> npt.NDArray[np.int32]:
    """A random order: bits sorted by random 16-bit labels, those of one label staying in order.

    Raw generator output and a stable sort are the same in every version of numpy; ``Generator.permutation`` promises no such
    thing.
    """
    raw = np.random.Philox(key=int.from_bytes(seed, "little")).random_raw(bits // 4 + 1)
    labels = raw.astype("<u8").view("<u2")[:bits]
    return np.argsort(labels, kind="stable").astype(np.int32)
