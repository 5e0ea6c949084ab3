"""Cascade: Bob finds his errors by asking Alice for parities of blocks, halves of blocks, halves of halves.

G. Brassard, L. Salvail, "Secret-key reconciliation by public discussion", EUROCRYPT 1993. All odd blocks of one pass are
halved in step, one message for each step: Alice's parities of the first halves go one way, Bob's bits "it is in the first
half" the other. Every parity of either is counted, also those that repeat what was known. An error found in one pass makes
blocks of the other passes odd, which are taken up next, shortest first, until every block of every pass is even.

Works with any exchange that has ``send`` and ``receive``: :class:`hil.pipeline.conversation.Conversation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, unpack
from hil.pipeline.messages import Ask, Corrected, Halves, Parities, Pass
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation.plan import MOST_PASSES, SEED_BYTES, Cut, block_sizes

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.conversation import Conversation
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Request

__all__ = ["Disclosed", "answer", "correct"]

_LIST_BYTES = 4


@dataclass
class Disclosed:
    """Parities that went over the channel: Alice's, and Bob's as told by what he asks for."""

    by_alice: int = 0
    by_bob: int = 0


@dataclass
class _BobsCut:
    """A pass as Bob sees it: which blocks are odd against Alice's, and what he flipped since the pass began."""

    cut: Cut
    odd: npt.NDArray[np.uint8]
    place: npt.NDArray[np.int32] | None
    flipped: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def flip(self, bits: npt.NDArray[np.int64]) -> None:
        """These bits changed."""
        positions = bits if self.place is None else self.place.take(bits).astype(np.int64)
        self.flipped = np.sort(np.concatenate([self.flipped, positions]), kind="stable")
        np.bitwise_xor.at(self.odd, positions // self.cut.size, np.uint8(1))

    def parities(self, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Parities of ranges of the key as it stands."""
        flips = np.searchsorted(self.flipped, high) - np.searchsorted(self.flipped, low)
        return self.cut.parities(low, high) ^ (flips & 1).astype(np.uint8)


class _Bob:
    def __init__(self, talk: Conversation, bits: npt.NDArray[np.uint8], entropy: Entropy) -> None:
        self.talk = talk
        self.bits = bits.copy()
        self.cuts: list[_BobsCut] = []
        self.disclosed = Disclosed()
        self._entropy = entropy

    def begin_pass(self, size: int) -> Generator[Request, bytes | None, None]:
        seed = self._entropy.draw("cascade shuffle", SEED_BYTES) if self.cuts else b""
        yield from self.talk.send(Pass(size, seed))
        cut = Cut(self.bits, size, seed)
        place = None
        if cut.order is not None:
            place = np.empty(cut.length, dtype=np.int32)
            place[cut.order] = np.arange(cut.length, dtype=np.int32)
        theirs = yield from self._parities(cut.blocks)
        self.cuts.append(_BobsCut(cut, theirs ^ cut.block_parities(), place))

    def settle(self) -> Generator[Request, bytes | None, None]:
        """Halve odd blocks, the shortest first, until none is left."""
        while (number := next((n for n, each in enumerate(self.cuts) if each.odd.any()), None)) is not None:
            found = yield from self._halve(number)
            self.bits[found] ^= 1
            for each in self.cuts:
                each.flip(found)
            if self.disclosed.by_alice > _most(self.bits.size):
                raise NoKeyError(Reason.NOT_CORRECTED)

    def _halve(self, number: int) -> Generator[Request, bytes | None, npt.NDArray[np.int64]]:
        """Find one error in every odd block of a pass."""
        mine = self.cuts[number]
        blocks = np.flatnonzero(mine.odd)
        low, high = mine.cut.bounds(blocks)
        yield from self.talk.send(_ask(number, blocks, mine.odd))
        while (open_ := np.flatnonzero(high - low > 1)).size:
            start, middle = low[open_], (low[open_] + high[open_] + 1) // 2
            last = _is_last(low, high)
            theirs = yield from self._parities(int(open_.size))
            in_first = theirs != mine.parities(start, middle)
            self.disclosed.by_bob += int(open_.size)
            high[open_] = np.where(in_first, middle, high[open_])
            low[open_] = np.where(in_first, start, middle)
            if not last:
                yield from self.talk.send(Halves(pack(in_first)))
        return mine.cut.bit_numbers(low)

    def _parities(self, count: int) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        reply = yield from self.talk.receive(Parities)
        self.disclosed.by_alice += count
        return unpack(reply.bits, count)


def correct(
    talk: Conversation, bits: npt.NDArray[np.uint8], qber_ratio: float, entropy: Entropy
) -> Generator[Request, bytes | None, tuple[npt.NDArray[np.uint8], Disclosed]]:
    """Bob: his bits, shape (n,), made equal to Alice's; block sizes follow the expected error ratio.

    Ends without telling Alice: the caller sends ``Corrected``. NoKeyError when twice as much is disclosed as there are bits.
    """
    bob = _Bob(talk, bits, entropy)
    for size in block_sizes(bits.size, qber_ratio):
        yield from bob.begin_pass(size)
        bob.disclosed.by_bob += bob.cuts[-1].cut.blocks
        yield from bob.settle()
    return bob.bits, bob.disclosed


def answer(talk: Conversation, bits: npt.NDArray[np.uint8]) -> Generator[Request, bytes | None, tuple[Corrected, Disclosed]]:
    """Alice: answer until Bob says that he is done."""
    cuts: list[Cut] = []
    disclosed = Disclosed()
    while True:
        message = yield from talk.receive_any(Pass, Ask, Corrected)
        if isinstance(message, Corrected):
            return message, disclosed
        if disclosed.by_alice > 2 * _most(bits.size):
            raise NoKeyError(Reason.NOT_CORRECTED)
        if isinstance(message, Pass):
            if len(cuts) >= MOST_PASSES:
                raise AuthenticationError(f"more than {MOST_PASSES} passes")
            cuts.append(Cut(bits, message.size, message.seed))
            disclosed.by_alice += cuts[-1].blocks
            disclosed.by_bob += cuts[-1].blocks
            yield from talk.send(Parities(pack(cuts[-1].block_parities())))
        elif isinstance(message, Ask):
            yield from _answer_halves(talk, cuts, message, disclosed)


def _answer_halves(
    talk: Conversation, cuts: list[Cut], asked: Ask, disclosed: Disclosed
) -> Generator[Request, bytes | None, None]:
    """Alice's side of one round of halving."""
    if not 0 <= asked.of_pass < len(cuts):
        raise AuthenticationError(f"halves of pass {asked.of_pass} were asked for; there are {len(cuts)}")
    cut = cuts[asked.of_pass]
    low, high = cut.bounds(_asked(asked, cut))
    while (open_ := np.flatnonzero(high - low > 1)).size:
        start, middle = low[open_], (low[open_] + high[open_] + 1) // 2
        disclosed.by_alice += int(open_.size)
        disclosed.by_bob += int(open_.size)
        yield from talk.send(Parities(pack(cut.parities(start, middle))))
        if _is_last(low, high):
            return
        halves = yield from talk.receive(Halves)
        in_first = unpack(halves.bits, int(open_.size)).view(bool)
        high[open_] = np.where(in_first, middle, high[open_])
        low[open_] = np.where(in_first, start, middle)


def _is_last(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> bool:
    """Whether no block is longer than two bits: then Alice need not hear in which half the error is."""
    return bool((high - low).max() <= 2)


def _most(bits: int) -> int:
    """Parities after which correction is given up; a short key may need more of them than it has bits."""
    return 2 * bits + 128


def _ask(number: int, blocks: npt.NDArray[np.int64], odd: npt.NDArray[np.uint8]) -> Ask:
    """Whichever is shorter: a bit for every block of the pass, or the numbers of the odd ones."""
    if blocks.size * _LIST_BYTES * 8 < odd.size:
        return Ask(number, int(blocks.size), blocks.astype("<u4").tobytes(), bitmap=False)
    return Ask(number, int(blocks.size), pack(odd), bitmap=True)


def _asked(asked: Ask, cut: Cut) -> npt.NDArray[np.int64]:
    if asked.bitmap:
        return np.flatnonzero(unpack(asked.blocks, cut.blocks))
    if len(asked.blocks) != _LIST_BYTES * asked.count:
        raise AuthenticationError(f"{len(asked.blocks)} bytes came for the numbers of {asked.count} blocks")
    blocks = np.frombuffer(asked.blocks, dtype="<u4").astype(np.int64)
    if blocks.size and int(blocks.max()) >= cut.blocks:
        raise AuthenticationError(f"block {int(blocks.max())} of a pass with {cut.blocks}")
    return blocks
