"""Cascade, made for speed: all odd blocks of a pass are halved in step, in frames that lie in machine words.

G. Brassard, L. Salvail, "Secret-key reconciliation by public discussion", EUROCRYPT 1993, with block sizes that are powers of
two, so that a half's parity is a few words masked and counted. The first pass takes bits as they come; later ones have one
order each for all frames. At the end parities of random subsets of 64 frames together (BICONF, the authors' confirmation) find
what no pass has separated. Blocks that become odd are taken up shortest first; what earlier searches told of their halves is
not used again, which costs parities and saves the books.

Every parity of Alice is counted, and as many of Bob's: his requests tell which of his are odd against hers. Needs numba (``pip
install qkd-hil[fast]``); works with any exchange that has ``send`` and ``receive``.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, unpack
from hil.pipeline.messages import Ask, Blocks, Corrected, Frames, Halves, Parities
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation.bitframes import SUBSETS, BitFrames
from hil.pipeline.reconciliation.cascade import Disclosed

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.conversation import Conversation
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Request

    Bits = npt.NDArray[np.uint8]
    Places = npt.NDArray[np.uint32]

__all__ = ["answer", "correct", "plan"]

SEED_BYTES = 16
_MOST_PASSES = 8
_MOST_LOG2 = 14
_LEAST_LOG2 = 8
_LIST_BYTES = 4
_PASSES = 4


def plan(bits: int, qber_ratio: float) -> Frames:
    """Frame length and blocks of each pass; ``bits`` decides for a shorter frame where one holds them all."""
    log = min(_MOST_LOG2, max(_LEAST_LOG2, (max(bits, 1) - 1).bit_length()))
    n = 1 << log
    # 0.7/q, and each pass four times the last: doubling, as in the original, discloses up to a tenth more
    first = 1 << round(log2(1.0 / min(max(qber_ratio, 1.0 / n), 0.25)) - 0.5)
    return Frames(log, tuple(max(2, n // (first << 2 * number)) for number in range(_PASSES)), b"")


class _Party:
    """What both do alike: keep the books, and halve the blocks that were asked for."""

    def __init__(self, talk: Conversation, bits: Bits, told: Frames) -> None:
        self.talk = talk
        self.own = BitFrames(bits, told)
        self.disclosed = Disclosed()

    def count(self, parities: int) -> int:
        """So many parities of Alice's go over the channel, and as many of Bob's follow from what he asks."""
        self.disclosed.by_alice += parities
        self.disclosed.by_bob += parities
        return parities

    def steps(self, of_pass: int) -> int:
        """How often a block of a pass is halved until it is one bit."""
        if of_pass < len(self.own.words):
            return int(self.own.shape[of_pass, 1])
        return (self.own.n * min(64, self.own.count) - 1).bit_length()

    def first_halves(self, of_pass: int, which: Places, lows: Places, length: int) -> Bits:
        """Own parities of the first half of each search, packed."""
        from hil.pipeline.reconciliation import lockstep_kernel

        out = np.zeros(-(-lows.size // 8), dtype=np.uint8)
        if of_pass < len(self.own.words):
            lockstep_kernel.tell(self.own.words[of_pass], lows, length, out)
        else:
            lockstep_kernel.tell_subset(self.own.words[0], self.own.masks, which, lows, length, out)
        return out


class _Bob(_Party):
    """He knows which blocks of each pass, and which subsets, are odd against Alice's: bits of ``odd``, and ``differ``."""

    def __init__(self, talk: Conversation, bits: Bits, told: Frames) -> None:
        super().__init__(talk, bits, told)
        most = self.own.count * int(self.own.shape[:, 0].max())
        self.odd = np.zeros((len(told.blocks), -(-most // 64) * 8), dtype=np.uint8)
        self.differ = np.empty((self.own.groups, 0), dtype=np.uint8)
        self._lows = np.empty(most, dtype=np.uint32)

    def begin_pass(self) -> Generator[Request, bytes | None, None]:
        """Ask for the blocks of the next pass."""
        from hil.pipeline.reconciliation import lockstep_kernel

        number = self.own.begun
        yield from self.talk.send(Blocks())
        reply = yield from self.talk.receive(Parities)
        mine, told = self.own.begin_pass(), self.own.told_blocks(number)
        differ = mine ^ _packed(reply.bits, self.count(self.own.count * told))
        lockstep_kernel.begin(differ, self.own.count, told, int(self.own.shape[number, 0]), self.odd[number])

    def begin_subsets(self) -> Generator[Request, bytes | None, None]:
        """Ask for the subsets."""
        yield from self.talk.send(Blocks())
        reply = yield from self.talk.receive(Parities)
        theirs = unpack(reply.bits, self.count(self.own.groups * SUBSETS))
        self.differ = self.own.subsets() ^ theirs.reshape(self.own.groups, SUBSETS)

    def settle(self) -> Generator[Request, bytes | None, None]:
        """Halve odd blocks, the shortest first, then an odd subset of each group, until nothing is odd."""
        while True:
            of_pass = next((n for n in range(self.own.begun) if self.odd[n].view(np.uint64).any()), self.own.begun)
            if of_pass == self.own.begun and not self.differ.any():
                return
            if self.disclosed.by_alice > _most(self.own.size):
                raise NoKeyError(Reason.NOT_CORRECTED)
            yield from self._halve(of_pass)

    def _halve(self, of_pass: int) -> Generator[Request, bytes | None, None]:
        """Find one error in every odd block of a pass, or in every group."""
        from hil.pipeline.reconciliation import lockstep_kernel

        own = self.own
        which, lows = self._odd_ones(of_pass)
        yield from self.talk.send(self._ask(of_pass, which, lows))
        for step in range(self.steps(of_pass), 0, -1):
            mine = self.first_halves(of_pass, which, lows, 1 << step)
            reply = yield from self.talk.receive(Parities)
            in_first = mine ^ _packed(reply.bits, self.count(lows.size))
            lockstep_kernel.narrow(lows, 1 << step, in_first)
            if step > 1:
                yield from self.talk.send(Halves(in_first.tobytes()))
        # subsets are searched in the order of the first pass
        order = own.orders[of_pass % len(own.words)]
        bounds = own.begun, own.count, own.length
        if not lockstep_kernel.flip(own.words, bounds, lows, order, own.inverses, own.shape, self.odd, own.masks, self.differ):
            raise NoKeyError(Reason.NOT_CORRECTED)

    def _odd_ones(self, of_pass: int) -> tuple[Places, Places]:
        """Number, in a group, of the subset that is searched (none in a pass), and the lowest place of each search."""
        from hil.pipeline.reconciliation import lockstep_kernel

        if of_pass == len(self.own.words):
            groups = np.flatnonzero(self.differ.any(axis=1)).astype(np.uint32)
            return self.differ[groups].argmax(axis=1).astype(np.uint32), groups * np.uint32(64 * self.own.n)
        taken, log = (int(one) for one in self.own.shape[of_pass])
        found = lockstep_kernel.lowest(self.odd[of_pass], taken, 1 << log, self.own.n, self._lows)
        return self._lows[:0], self._lows[:found]

    def _ask(self, of_pass: int, which: Places, lows: Places) -> Ask:
        """Whichever is shorter: a bit for every block of the pass, or the numbers of the odd ones."""
        if of_pass == len(self.own.words):
            numbers = lows // np.uint32(64 * self.own.n) * np.uint32(SUBSETS) + which
            return Ask(of_pass, lows.size, numbers.astype("<u4").tobytes(), bitmap=False)
        taken, log = self.own.shape[of_pass]
        if 8 * _LIST_BYTES * lows.size < self.own.count * taken:
            n = np.uint32(self.own.n)
            numbers = lows // n * taken + (lows % n >> log)
            return Ask(of_pass, lows.size, numbers.astype("<u4").tobytes(), bitmap=False)
        return Ask(of_pass, lows.size, self.odd[of_pass, : -(-self.own.count * int(taken) // 8)].tobytes(), bitmap=True)


def correct(
    talk: Conversation, bits: Bits, qber_ratio: float, entropy: Entropy
) -> Generator[Request, bytes | None, tuple[Bits, Disclosed]]:
    """Bob: his bits, shape (n,), made equal to Alice's; block sizes follow the expected error ratio.

    Ends without telling Alice: the caller sends ``Corrected``. NoKeyError when twice as much is disclosed as there are bits, or
    when parities contradict each other.
    """
    if not bits.size:
        return bits, Disclosed()
    wanted = plan(bits.size, qber_ratio)
    told = Frames(wanted.log2, wanted.blocks, entropy.draw("cascade orders", SEED_BYTES))
    yield from talk.send(told)
    bob = _Bob(talk, bits, told)
    while not bob.own.ended:
        yield from bob.begin_pass()
        yield from bob.settle()
    yield from bob.begin_subsets()
    yield from bob.settle()
    return bob.own.key(), bob.disclosed


class _Alice(_Party):
    """She answers; ``subsets_told`` once she was asked for those."""

    def __init__(self, talk: Conversation, bits: Bits, told: Frames) -> None:
        super().__init__(talk, bits, told)
        self._subsets_told = False

    def begin(self) -> Generator[Request, bytes | None, None]:
        """Tell the next pass's blocks, and after the last pass the subsets."""
        if self._subsets_told:
            raise AuthenticationError("a pass that was not agreed on")
        if self.own.ended:
            self._subsets_told = True
            self.count(self.own.groups * SUBSETS)
            yield from self.talk.send(Parities(pack(self.own.subsets().reshape(-1))))
            return
        told = self.own.begin_pass()
        self.count(self.own.count * self.own.told_blocks(self.own.begun - 1))
        yield from self.talk.send(Parities(told.tobytes()))

    def halve(self, asked: Ask) -> Generator[Request, bytes | None, None]:
        """Answer one search in each of the blocks asked for."""
        from hil.pipeline.reconciliation import lockstep_kernel

        which, lows = self._asked(asked)
        for step in range(self.steps(asked.of_pass), 0, -1):
            out = self.first_halves(asked.of_pass, which, lows, 1 << step)
            self.count(lows.size)
            yield from self.talk.send(Parities(out.tobytes()))
            if step > 1:
                heard = yield from self.talk.receive(Halves)
                lockstep_kernel.narrow(lows, 1 << step, _packed(heard.bits, lows.size))

    def _asked(self, asked: Ask) -> tuple[Places, Places]:
        """As Bob's searches; AuthenticationError for blocks of which no parity was told, or for none."""
        own, passes = self.own, len(self.own.words)
        if not 0 <= asked.of_pass < own.begun + self._subsets_told:
            raise AuthenticationError(f"halves of pass {asked.of_pass} were asked for; {own.begun} have begun")
        taken, log = (SUBSETS, 0) if asked.of_pass == passes else (int(one) for one in own.shape[asked.of_pass])
        most = (own.groups if asked.of_pass == passes else own.count) * taken
        numbers = _numbers(asked, most)
        if asked.of_pass == passes:
            return numbers % np.uint32(SUBSETS), numbers // np.uint32(SUBSETS) * np.uint32(64 * own.n)
        return numbers[:0], numbers // np.uint32(taken) * np.uint32(own.n) + (numbers % np.uint32(taken) << np.uint32(log))


def answer(talk: Conversation, bits: Bits) -> Generator[Request, bytes | None, tuple[Corrected, Disclosed]]:
    """Alice: answer until Bob says that he is done. AuthenticationError for what no honest Bob asks."""
    alice: _Alice | None = None
    while True:
        message = yield from talk.receive_any(Frames, Blocks, Ask, Corrected)
        if isinstance(message, Corrected):
            return message, alice.disclosed if alice else Disclosed()
        if isinstance(message, Frames):
            if alice is not None:
                raise AuthenticationError("frames were agreed on twice")
            _check(message, bits.size)
            alice = _Alice(talk, bits, message)
            continue
        if alice is None:
            raise AuthenticationError("a pass that was not agreed on")
        if alice.disclosed.by_alice > 2 * _most(bits.size):
            raise NoKeyError(Reason.NOT_CORRECTED)
        yield from (alice.halve(message) if isinstance(message, Ask) else alice.begin())


def _check(told: Frames, bits: int) -> None:
    """What Bob proposes must be a plan for a key of this length."""
    fits = _LEAST_LOG2 <= told.log2 <= _MOST_LOG2 and 1 <= len(told.blocks) <= _MOST_PASSES
    powers = all(2 <= blocks <= 1 << (told.log2 - 1) and blocks & (blocks - 1) == 0 for blocks in told.blocks)
    if not (bits and fits and powers and len(told.seed) == SEED_BYTES):
        raise AuthenticationError(f"frames of 2^{told.log2} bits with passes of {told.blocks} blocks")


def _numbers(asked: Ask, most: int) -> Places:
    """The numbers asked for, each below ``most`` and at least one; AuthenticationError for anything else."""
    if asked.bitmap:
        numbers = np.flatnonzero(unpack(asked.blocks, most)).astype(np.uint32)
    elif len(asked.blocks) % _LIST_BYTES == 0:
        numbers = np.frombuffer(asked.blocks, dtype="<u4").astype(np.uint32)
    else:
        raise AuthenticationError(f"{len(asked.blocks)} bytes came for numbers of blocks")
    if not numbers.size or numbers.size != asked.count or int(numbers.max()) >= most:
        raise AuthenticationError(f"{numbers.size} blocks of a pass with {most} were asked for, {asked.count} announced")
    return numbers


def _packed(data: bytes, count: int) -> Bits:
    """So many bits as they came, eight to a byte; AuthenticationError where the length does not fit."""
    if len(data) != -(-count // 8):
        raise AuthenticationError(f"{len(data)} bytes came for {count} bits")
    return np.frombuffer(data, dtype=np.uint8)


def _most(bits: int) -> int:
    """Parities after which correction is given up; a short key may need more of them than it has bits."""
    return 2 * bits + 1024
