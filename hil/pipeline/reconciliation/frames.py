"""Cascade over frames of one size, with every parity of every pass reused: near the limit, or fast.

J. Martinez-Mateo, C. Pacher, M. Peev, A. Ciurana, V. Martin, "Demystifying the Information Reconciliation Protocol Cascade",
Quantum Information and Computation 15, 453 (2015), arXiv:1407.3257: block sizes that are powers of two, sub-blocks kept, the
smallest odd one searched first. All frames are stepped together, so that a message serves them all; within a frame ``width``
searches run side by side. Frames share the orders of a seed that Bob draws once.

Alice tells parities of blocks and of halves. What Bob asks for tells which of his are odd against hers: for every parity of
hers at most one of his, and as many are counted. The last block of a pass is not told where the frame's parity is known.

Needs numba (``pip install qkd-hil[fast]``); works with any exchange that has ``send`` and ``receive``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError, UsageError
from hil.pipeline.bits import pack, unpack
from hil.pipeline.messages import Blocks, Corrected, Frames, Parities, Queries
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation.cascade import Disclosed

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.conversation import Conversation
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Request

    Bits = npt.NDArray[np.uint8]

__all__ = ["EFFICIENT", "FAST", "Style", "answer", "correct", "plan"]

SEED_BYTES = 16
_MOST_PASSES = 32
_MOST_LOG2 = 20
_LEAST_LOG2 = 8
_STACK = 1024


@dataclass(frozen=True)
class Style:
    """Frame length (as a power of two), searches side by side in a frame after the first pass, and how passes grow."""

    frame_log2: int
    width: int
    near_limit: bool


EFFICIENT = Style(frame_log2=16, width=8, near_limit=True)
FAST = Style(frame_log2=14, width=256, near_limit=False)


def plan(bits: int, qber_ratio: float, style: Style) -> Frames:
    """Frame length and blocks of each pass; ``bits`` decides for a shorter frame where one holds them all."""
    log = min(style.frame_log2, max(_LEAST_LOG2, (max(bits, 1) - 1).bit_length()))
    n = 1 << log
    ratio = min(max(qber_ratio, 1.0 / n), 0.25)
    first = log2(1.0 / ratio) - 0.5
    if style.near_limit:
        sizes = [1 << ceil(first), 1 << ceil((first + 12.0) / 2.0), 4096]
    else:
        sizes = [(1 << ceil(first)) << doubled for doubled in range(5)]
    # two errors stay together in a pass of two blocks half of the time; 18 such passes leave a pair in a quarter million
    blocks = [max(2, n // size) for size in sizes] + [2] * 18
    return Frames(log, tuple(blocks), b"")


@lru_cache(maxsize=4)
def _orders(told: Frames, bits: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Which of a frame's ``bits`` stands at each place (-1: none) in each pass, shape (passes, n), and where each bit stands.

    Bits are sorted by raw generator output, which is the same in every version of numpy. Their empty places are the last ones, in
    passes of two blocks the last ones of each half.
    """
    passes, n = len(told.blocks), 1 << told.log2
    raw = np.random.Philox(key=int.from_bytes(told.seed, "little")).random_raw(passes * bits).reshape(passes, bits)
    shuffled = np.argsort(raw, axis=1, kind="stable").astype(np.int32)
    orders = np.full((passes, n), -1, dtype=np.int32)
    inverses = np.empty((passes, bits), dtype=np.int32)
    for number, blocks in enumerate(told.blocks):
        places = np.arange(bits, dtype=np.int32)
        if blocks == 2:
            places[(bits + 1) // 2 :] += n // 2 - (bits + 1) // 2
        orders[number, places] = shuffled[number]
        inverses[number, shuffled[number]] = places
    return orders, inverses


class _Trees:
    """What both parties keep: frames, orders, parity trees, which of them are grown, and how many blocks each pass has.

    The key is cut into as few frames as hold it, all of one length; a last one that is shorter is filled up with zeros.
    """

    def __init__(self, bits: Bits, told: Frames) -> None:
        passes, n = len(told.blocks), 1 << told.log2
        count = -(-bits.size // n)
        self.length = -(-bits.size // count)
        self.frames = np.zeros((count, -(-self.length // 64) * 64), dtype=np.uint8)
        for frame, part in zip(self.frames, (bits[at : at + self.length] for at in range(0, bits.size, self.length)), strict=False):
            frame[: part.size] = part
        self.orders, self.inverses = _orders(told, self.length)
        self.trees = np.zeros((count, passes, 2 * n), dtype=np.uint8)
        self.built = np.zeros((count, passes), dtype=np.uint8)
        self.blocks = np.array(told.blocks, dtype=np.int32)
        self.begun = 0

    def key(self, size: int) -> Bits:
        """The frames' bits in one."""
        return self.frames[:, : self.length].reshape(-1)[:size].copy()

    def taken_blocks(self, number: int) -> int:
        """How many blocks of a pass hold bits."""
        blocks, n = int(self.blocks[number]), self.orders.shape[1]
        return 2 if blocks == 2 else -(-self.length // (n // blocks))

    def begin_pass(self) -> Bits:
        """Own parities of the blocks of the next pass that hold bits, shape (frames, blocks)."""
        from hil.pipeline.reconciliation import frames_kernel

        number, blocks = self.begun, int(self.blocks[self.begun])
        self.begun += 1
        if blocks > 2:
            for frame, tree in zip(self.frames, self.trees[:, number], strict=True):
                frames_kernel.grow(frame, self.orders[number], tree)
            self.built[:, number] = 1
            return self.trees[:, number, blocks : blocks + self.taken_blocks(number)] & np.uint8(1)
        packed = np.packbits(self.frames, axis=1).view(np.uint64)
        in_first = np.zeros(self.frames.shape[1], dtype=np.uint8)
        in_first[: self.length] = self.inverses[number] < self.orders.shape[1] // 2
        found = np.empty((self.frames.shape[0], 2), dtype=np.uint8)
        frames_kernel.halves(packed, np.packbits(in_first).view(np.uint64), found[:, 0])
        everything = np.full(packed.shape[1], 2**64 - 1, dtype=np.uint64)
        frames_kernel.halves(packed, everything, found[:, 1])
        found[:, 1] ^= found[:, 0]
        self.trees[:, number, 2:4] = found
        return found


def correct(
    talk: Conversation, bits: Bits, qber_ratio: float, entropy: Entropy, style: Style
) -> Generator[Request, bytes | None, tuple[Bits, Disclosed]]:
    """Bob: his bits, shape (n,), made equal to Alice's; block sizes follow the expected error ratio.

    Ends without telling Alice: the caller sends ``Corrected``. NoKeyError when twice as much is disclosed as there are bits.
    """
    from hil.pipeline.reconciliation import frames_kernel

    disclosed = Disclosed()
    if not bits.size:
        return bits, disclosed
    wanted = plan(bits.size, qber_ratio, style)
    told = Frames(wanted.log2, wanted.blocks, entropy.draw("cascade orders", SEED_BYTES))
    yield from talk.send(told)
    own = _Trees(bits, told)
    frames, n = own.frames.shape[0], 1 << told.log2
    widest = max(style.width, told.blocks[0])
    stacks = np.zeros((frames, told.log2 + 2, _STACK), dtype=np.int32)
    open_ = np.zeros((frames, widest + 1), dtype=np.int32)
    parity: Bits | None = None
    for number, blocks in enumerate(told.blocks):
        own.begin_pass()
        theirs, parity = yield from _block_parities(talk, frames, own.taken_blocks(number), parity, disclosed)
        frames_kernel.begin(own.trees, stacks, number, blocks, theirs)
        ways = own.orders, own.inverses, own.blocks[: number + 1]
        heard = np.empty(0, dtype=np.uint8)
        width = widest if number == 0 else style.width
        while asked := frames_kernel.advance(own.frames, own.trees, own.built, ways, stacks, open_, heard, width):
            items = open_[:, 1:][np.arange(widest) < open_[:, :1]]
            of_pass, node = np.divmod(items, 2 * n)
            halves = (of_pass * 2 * n + 2 * node).astype("<u4")
            yield from talk.send(Queries(open_[:, 0].astype("<u4").tobytes(), halves.tobytes()))
            reply = yield from talk.receive(Parities)
            heard = unpack(reply.bits, asked)
            disclosed.by_alice += asked
            disclosed.by_bob += asked
            if disclosed.by_alice > _most(bits.size):
                raise NoKeyError(Reason.NOT_CORRECTED)
    return own.key(bits.size), disclosed


def _block_parities(
    talk: Conversation, frames: int, blocks: int, parity: Bits | None, disclosed: Disclosed
) -> Generator[Request, bytes | None, tuple[Bits, Bits]]:
    """Bob: ask for the next pass; Alice's parity of every block, and of every frame."""
    yield from talk.send(Blocks())
    told = blocks if parity is None else blocks - 1
    reply = yield from talk.receive(Parities)
    theirs = np.empty((frames, blocks), dtype=np.uint8)
    theirs[:, :told] = unpack(reply.bits, frames * told).reshape(frames, told)
    disclosed.by_alice += frames * told
    disclosed.by_bob += frames * told
    if parity is None:
        return theirs, np.bitwise_xor.reduce(theirs, axis=1)
    theirs[:, -1] = np.bitwise_xor.reduce(theirs[:, :-1], axis=1) ^ parity
    return theirs, parity


def answer(talk: Conversation, bits: Bits) -> Generator[Request, bytes | None, tuple[Corrected, Disclosed]]:
    """Alice: answer until Bob says that he is done. AuthenticationError for what no honest Bob asks."""
    from hil.pipeline.reconciliation import frames_kernel

    disclosed = Disclosed()
    own: _Trees | None = None
    while True:
        message = yield from talk.receive_any(Frames, Blocks, Queries, Corrected)
        if isinstance(message, Corrected):
            return message, disclosed
        if disclosed.by_alice > 2 * _most(bits.size):
            raise NoKeyError(Reason.NOT_CORRECTED)
        if isinstance(message, Frames):
            if own is not None:
                raise AuthenticationError("frames were agreed on twice")
            _check(message, bits.size)
            own = _Trees(bits, message)
            continue
        if own is None or (isinstance(message, Blocks) and own.begun >= own.blocks.size):
            raise AuthenticationError("a pass that was not agreed on")
        if isinstance(message, Blocks):
            found = own.begin_pass()
            reply = found if own.begun == 1 else found[:, :-1]
        else:
            asked = _asked(message, own)
            reply = np.empty(asked[0].size, dtype=np.uint8)
            frames_kernel.answers(own.frames, own.orders, own.trees, own.built, asked, reply)
        disclosed.by_alice += reply.size
        disclosed.by_bob += reply.size
        yield from talk.send(Parities(pack(reply.reshape(-1))))


def _check(told: Frames, bits: int) -> None:
    """What Bob proposes must be a plan for a key of this length."""
    powers = all(blocks >= 2 and blocks & (blocks - 1) == 0 for blocks in told.blocks)
    fits = _LEAST_LOG2 <= told.log2 <= _MOST_LOG2 and max(told.blocks, default=0) <= 1 << told.log2
    if not (bits and powers and fits and 1 <= len(told.blocks) <= _MOST_PASSES and len(told.seed) == SEED_BYTES):
        raise AuthenticationError(f"frames of 2^{told.log2} bits with passes of {told.blocks} blocks")


def _asked(message: Queries, own: _Trees) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Frame and item of each query."""
    frames, size = own.frames.shape[0], own.trees.shape[2]
    if len(message.counts) != 4 * frames or len(message.items) % 4:
        raise AuthenticationError(f"{len(message.counts)} bytes came for counts of {frames} frames")
    counts = np.frombuffer(message.counts, dtype="<u4").astype(np.int64)
    items = np.frombuffer(message.items, dtype="<u4").astype(np.int64)
    if int(counts.sum()) != items.size or not items.size:
        raise AuthenticationError(f"{items.size} parities were asked for, {int(counts.sum())} announced")
    if int(items.max()) >= own.begun * size or int((items % size).min()) < 2:
        raise AuthenticationError("a parity of a pass that has not begun")
    return np.repeat(np.arange(frames, dtype=np.int32), counts), items.astype(np.int32)


def _most(bits: int) -> int:
    """Parities after which correction is given up; a short key may need more of them than it has bits."""
    return 2 * bits + 1024


def require_compiler() -> None:
    """UsageError, with what to do, where these loops cannot be compiled."""
    from hil.compiled import available

    if not available():
        raise UsageError("this correction needs numba: pip install qkd-hil[fast], or choose reconciliation = 'cascade'")
