"""What either party of :mod:`.frames` keeps of a key: frames, orders of each pass, and parity trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.messages import Frames

    Bits = npt.NDArray[np.uint8]

__all__ = ["Trees"]


class Trees:
    """What both parties keep: frames, orders, parity trees, which of them are grown, and how many blocks each pass has.

    The key is cut into as few frames as hold it, all of one length; a last one that is shorter is filled up with zeros.
    """

    def __init__(self, bits: Bits, told: Frames, planes: int) -> None:
        from hil.pipeline.reconciliation import frames_kernel

        passes, n = len(told.blocks), 1 << told.log2
        self.count = -(-bits.size // n)
        self.length = -(-bits.size // self.count)
        groups = -(-self.count // 64)
        padded = np.zeros(groups * 64 * self.length, dtype=np.uint8)
        padded[: bits.size] = bits
        self.words = np.empty((groups, self.length), dtype=np.uint64)
        frames_kernel.gather(padded.reshape(groups, 8, 8, -1), self.words.view(np.uint8).reshape(groups, -1, 8))
        self.orders, self.inverses = _orders(told, self.length)
        # passes of two blocks keep two parities until they need a tree; its memory is not touched before
        self.trees = np.zeros((passes, self.count, n // 32, planes), dtype=np.uint64)
        self.tops = np.zeros((passes, self.count, planes), dtype=np.uint64)
        self.built = np.zeros((passes, groups), dtype=np.uint8)
        self.blocks = np.array(told.blocks, dtype=np.int32)
        self.begun = 0

    def key(self, size: int) -> Bits:
        """The frames' bits in one."""
        from hil.pipeline.reconciliation import frames_kernel

        groups = self.words.shape[0]
        padded = np.empty((groups, 8, 8, self.length), dtype=np.uint8)
        frames_kernel.scatter(self.words.view(np.uint8).reshape(groups, -1, 8), padded)
        return padded.reshape(-1)[:size]

    @property
    def forest(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Bits]:
        """What the loops take."""
        return self.trees, self.tops, self.built

    def taken_blocks(self, number: int) -> int:
        """How many blocks of a pass hold bits."""
        blocks, n = int(self.blocks[number]), self.orders.shape[1]
        return 2 if blocks == 2 else -(-self.length // (n // blocks))

    def begin_pass(self) -> None:
        """Own parities of the next pass."""
        from hil.pipeline.reconciliation import frames_kernel

        number = self.begun
        self.begun += 1
        order, trees, tops = self.orders[number], self.trees[number], self.tops[number]
        self.built[number] = self.blocks[number] > 2
        for group, words in enumerate(self.words):
            part = slice(64 * group, 64 * group + 64)
            if self.blocks[number] > 2:
                frames_kernel.grow(words, order, trees[part], tops[part])
            else:
                frames_kernel.halves(words, order, tops[part])

    def latest(self) -> npt.NDArray[np.uint64]:
        """Where the blocks of the pass begun last are, shape (frames, words, planes)."""
        number = self.begun - 1
        found: npt.NDArray[np.uint64] = self.tops[number][:, None] if self.blocks[number] == 2 else self.trees[number]
        return found

    def parities(self) -> Bits:
        """Own parities of those that hold bits, shape (frames, blocks)."""
        from hil.pipeline.reconciliation import frames_kernel

        number = self.begun - 1
        found = np.empty((self.count, self.taken_blocks(number)), dtype=np.uint8)
        frames_kernel.read(self.latest(), int(self.blocks[number]), found)
        return found


def _orders(told: Frames, bits: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Which of a frame's ``bits`` stands at each place (-1: none) in each pass, shape (passes, n), and where each bit stands.

    Bits are shuffled by raw generator output, which is the same in every version of numpy. Empty places are the last ones, in
    passes of two blocks the last ones of each half.
    """
    from hil.pipeline.reconciliation import frames_kernel

    passes, n = len(told.blocks), 1 << told.log2
    generator = np.random.Philox(key=int.from_bytes(told.seed, "little"))
    orders = np.full((passes, n), -1, dtype=np.int32)
    inverses = np.empty((passes, bits), dtype=np.int32)
    for number, blocks in enumerate(told.blocks):
        shuffled = np.empty(bits, dtype=np.int32)
        frames_kernel.shuffle(generator.random_raw(bits), shuffled)
        places = np.arange(bits, dtype=np.int32)
        if blocks == 2:
            places[(bits + 1) // 2 :] += n // 2 - (bits + 1) // 2
        orders[number, places] = shuffled
        inverses[number, shuffled] = places
    return orders, inverses
