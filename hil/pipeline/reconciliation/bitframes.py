"""What either party of :mod:`.lockstep` keeps of a key: its frames in the order of each pass, as bits of machine words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.messages import Frames

    Bits = npt.NDArray[np.uint8]
    Words = npt.NDArray[np.uint64]

__all__ = ["SUBSETS", "BitFrames"]

SUBSETS = 32
"""Random subsets of each 64 frames that have to be even at the end: whatever errors are left, all of them are with 2^-32."""


class BitFrames:
    """Frames of one length, whole bytes, as few as hold the key; a shorter last one is filled up with zeros.

    ``words``: shape (passes, frames in whole groups of 64, n / 64). ``orders``, ``inverses``: which bit stands at each place of
    a pass, and where each bit stands, shape (passes, n); the first pass leaves them where they are. ``shape``: blocks of a
    frame that hold bits, and the binary logarithm of their length, of each pass. ``masks``: subset s takes from frame f of a
    group the bits of row s + f, so that an error makes each of the subsets odd with 1/2, independent of the others.
    """

    def __init__(self, bits: Bits, told: Frames) -> None:
        n, passes = 1 << told.log2, len(told.blocks)
        self.size, self.n = bits.size, n
        self.length = -(-bits.size // -(-bits.size // n) // 8) * 8
        self.count = -(-bits.size // self.length)
        self.groups = -(-self.count // 64)
        self.words: Words = np.zeros((passes, 64 * self.groups, n // 64), dtype=np.uint64)
        octets = np.zeros(self.count * self.length // 8, dtype=np.uint8)
        packed = np.packbits(bits, bitorder="little")
        octets[: packed.size] = packed
        self._octets()[:] = octets.reshape(self.count, -1)
        self.orders, self.inverses, self.masks = _drawn(told, self.length)
        logs = [told.log2 - (blocks.bit_length() - 1) for blocks in told.blocks]
        self.shape = np.array([(-(-self.length >> log), log) for log in logs], dtype=np.uint32)
        self.begun = 0

    def _octets(self) -> Bits:
        rows: Bits = self.words[0, : self.count].view(np.uint8)[:, : self.length // 8]
        return rows

    def key(self) -> Bits:
        """The frames' bits in one."""
        return np.unpackbits(self._octets().reshape(-1), count=self.size, bitorder="little")

    @property
    def ended(self) -> bool:
        """Whether all passes have begun."""
        return self.begun == len(self.words)

    def begin_pass(self) -> Bits:
        """Parities of the blocks of the next pass, packed; of all but each frame's last, where its parity is known."""
        from hil.pipeline.reconciliation import lockstep_kernel

        number = self.begun
        self.begun += 1
        if number:
            lockstep_kernel.reorder(self.words[0], self.orders[number], self.words[number])
        told = self.told_blocks(number)
        out = np.zeros(-(-self.count * told // 8), dtype=np.uint8)
        lockstep_kernel.read(self.words[number], self.count, told, 1 << int(self.shape[number, 1]), out)
        return out

    def told_blocks(self, number: int) -> int:
        """How many blocks of a frame are told in a pass."""
        return int(self.shape[number, 0]) - (number > 0)

    def subsets(self) -> Bits:
        """Parities of the subsets, shape (groups, subsets)."""
        from hil.pipeline.reconciliation import lockstep_kernel

        out = np.empty((self.groups, SUBSETS), dtype=np.uint8)
        lockstep_kernel.subsets(self.words[0], self.masks, out)
        return out


def _drawn(told: Frames, length: int) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], Words]:
    """Orders, their inverses, and masks, by raw generator output, which is the same in every version of numpy.

    Places from ``length`` on are empty and stay where they are.
    """
    from hil.pipeline.reconciliation import frames_kernel

    n, passes = 1 << told.log2, len(told.blocks)
    generator = np.random.Philox(key=int.from_bytes(told.seed, "little"))
    orders = np.tile(np.arange(n, dtype=np.uint16), (passes, 1))
    inverses = orders.copy()
    shuffled = np.empty(length, dtype=np.int32)
    for number in range(1, passes):
        frames_kernel.shuffle(generator.random_raw(length), shuffled)
        orders[number, :length] = shuffled
        inverses[number, shuffled] = np.arange(length, dtype=np.uint16)
    masks = generator.random_raw((SUBSETS + 63) * n // 64).reshape(SUBSETS + 63, n // 64)
    return orders, inverses, masks
