"""Cascade over frames of one size, with every parity of every pass reused: near the limit.

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
from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, unpack
from hil.pipeline.messages import Blocks, Corrected, Frames, Parities, Queries
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation.cascade import Disclosed
from hil.pipeline.reconciliation.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.conversation import Conversation
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Request

    Bits = npt.NDArray[np.uint8]

__all__ = ["EFFICIENT", "Style", "answer", "correct", "plan"]

SEED_BYTES = 16
_MOST_PASSES = 32
_MOST_LOG2 = 16
_LEAST_LOG2 = 8
_STACK = 256


@dataclass(frozen=True)
class Style:
    """Frame length (as a power of two), and searches side by side in a frame after the first pass."""

    frame_log2: int
    width: int


EFFICIENT = Style(frame_log2=16, width=3)


def plan(bits: int, qber_ratio: float, style: Style) -> Frames:
    """Frame length and blocks of each pass; ``bits`` decides for a shorter frame where one holds them all."""
    log = min(style.frame_log2, max(_LEAST_LOG2, (max(bits, 1) - 1).bit_length()))
    n = 1 << log
    ratio = min(max(qber_ratio, 1.0 / n), 0.25)
    first = log2(1.0 / ratio) - 0.5
    second = 1 << ceil(max(first, (first + 12.0) / 2.0))
    sizes = [1 << ceil(first), second, max(4096, second)]
    # two errors stay together in a pass of two blocks half of the time; 18 such passes leave a pair in a quarter million
    blocks = [max(2, n // size) for size in sizes] + [2] * 18
    return Frames(log, tuple(blocks), b"")


def correct(
    talk: Conversation, bits: Bits, qber_ratio: float, entropy: Entropy, style: Style
) -> Generator[Request, bytes | None, tuple[Bits, Disclosed]]:
    """Bob: his bits, shape (n,), made equal to Alice's; block sizes follow the expected error ratio.

    Ends without telling Alice: the caller sends ``Corrected``. NoKeyError when twice as much is disclosed as there are bits, or
    when parities contradict each other.
    """
    from hil.pipeline.reconciliation import frames_kernel

    disclosed = Disclosed()
    if not bits.size:
        return bits, disclosed
    wanted = plan(bits.size, qber_ratio, style)
    told = Frames(wanted.log2, wanted.blocks, entropy.draw("cascade orders", SEED_BYTES))
    yield from talk.send(told)
    own, n = Trees(bits, told, planes=2), 1 << told.log2
    stacks = np.empty((own.count, told.log2 + 1, max(*told.blocks, _STACK)), dtype=np.int32)
    heights = np.zeros((own.count, told.log2 + 1), dtype=np.int32)
    # every bit set right was wrong, if Alice tells the truth
    left = np.full(own.count, own.length, dtype=np.int32)
    counts = np.zeros(own.count, dtype=np.uint32)
    widest = max(style.width, own.taken_blocks(0))
    items, following = np.zeros((2, own.count * widest), dtype=np.uint32)
    parity: Bits | None = None
    for number, blocks in enumerate(told.blocks):
        own.begin_pass()
        theirs, parity = yield from _block_parities(talk, own.count, own.taken_blocks(number), parity, disclosed)
        frames_kernel.begin(own.latest(), stacks, heights, number, blocks, 2 * n, theirs)
        ways = own.orders, own.inverses, own.blocks[: number + 1]
        heard = np.empty(0, dtype=np.uint8)
        width = widest if number == 0 else style.width
        while asked := frames_kernel.advance(
            own.words, ways, own.forest, stacks, heights, left, (counts, items, following), heard, width
        ):
            if asked < 0 or disclosed.by_alice > _most(bits.size):
                raise NoKeyError(Reason.NOT_CORRECTED)
            items, following = following, items
            yield from talk.send(Queries(counts.astype("<u4").tobytes(), items[:asked].astype("<u4").tobytes()))
            reply = yield from talk.receive(Parities)
            heard = unpack(reply.bits, asked)
            disclosed.by_alice += asked
            disclosed.by_bob += asked
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
    disclosed = Disclosed()
    own: Trees | None = None
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
            own = Trees(bits, message, planes=1)
            continue
        if own is None or (isinstance(message, Blocks) and own.begun >= own.blocks.size):
            raise AuthenticationError("a pass that was not agreed on")
        if isinstance(message, Queries):
            reply = _halves(message, own)
        else:
            own.begin_pass()
            reply = own.parities()[:, : None if own.begun == 1 else -1]
        disclosed.by_alice += reply.size
        disclosed.by_bob += reply.size
        yield from talk.send(Parities(pack(reply.reshape(-1))))


def _check(told: Frames, bits: int) -> None:
    """What Bob proposes must be a plan for a key of this length."""
    powers = all(blocks >= 2 and blocks & (blocks - 1) == 0 for blocks in told.blocks)
    fits = _LEAST_LOG2 <= told.log2 <= _MOST_LOG2 and max(told.blocks, default=0) <= 1 << told.log2
    if not (bits and powers and fits and 1 <= len(told.blocks) <= _MOST_PASSES and len(told.seed) == SEED_BYTES):
        raise AuthenticationError(f"frames of 2^{told.log2} bits with passes of {told.blocks} blocks")


def _halves(message: Queries, own: Trees) -> Bits:
    """Alice's parities of the first halves that were asked for."""
    from hil.pipeline.reconciliation import frames_kernel

    if len(message.counts) != 4 * own.count or len(message.items) % 4:
        raise AuthenticationError(f"{len(message.counts)} bytes came for counts of {own.count} frames")
    counts = np.frombuffer(message.counts, dtype="<u4").astype(np.uint32)
    items = np.frombuffer(message.items, dtype="<u4").astype(np.uint32)
    if int(counts.sum(dtype=np.uint64)) != items.size or not items.size:
        raise AuthenticationError(f"{items.size} parities were asked for, {int(counts.sum(dtype=np.uint64))} announced")
    reply = np.empty(items.size, dtype=np.uint8)
    if not frames_kernel.answers(own.words, own.orders, own.forest, own.begun, counts, items, reply):
        raise AuthenticationError("half of a block of a pass that has not begun, or of a single bit")
    return reply


def _most(bits: int) -> int:
    """Parities after which correction is given up; a short key may need more of them than it has bits."""
    return 2 * bits + 1024
