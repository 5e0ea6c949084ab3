"""Recorded photon pairs, from time tags to corrected and verified bits, by two parties of which each sees its own tags only.

::

    Bob    when his events were               (never in which channel)
    Alice  which of them have a partner, and her setting of each pair
    Bob    his setting of each pair
    both   keep the pairs measured in one setting; error correction makes Bob's bits Alice's and counts his errors exactly
    Alice  a hash of her bits; Bob says whether his give the same

Besides the settings nothing but parities and that hash is disclosed. What comes out is no key, whatever the counts: a recording
says nothing of how its settings were chosen, so that nothing bounds what an eavesdropper may know. The exchange is not
authenticated either, for the same reason: there is nothing to protect.

Channels 0 and 1 are one setting, 2 and 3 the next, and so on; within a setting the even channel is bit 0. Settings that both
parties have come first, and only they are sifted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError, ChannelClosedError, SynchronisationError
from hil.pipeline.bits import pack, pack_steps, unpack, unpack_steps
from hil.pipeline.coincidences import pair_events
from hil.pipeline.conversation import Conversation
from hil.pipeline.messages import Check, Confirm, Corrected, EventTimes, PairedEvents, Settings, Stop
from hil.pipeline.reasons import NoKeyError, Reason
from hil.pipeline.reconciliation import choice
from hil.pipeline.reconciliation.cascade import Disclosed
from hil.pipeline.synchronisation import SearchLimits, synchronise
from hil.pipeline.verification import CHECK_BITS, CHECK_KEY_BYTES, agrees, check_value
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.entropy import Entropy
    from hil.pipeline.party import Party, Request
    from hil.pipeline.synchronisation import Synchronisation
    from hil.ports.detections import TimeTags

__all__ = ["AlicePairs", "BobPairs", "PairSettings", "PairsResult", "independent_pairs", "is_one_setting"]

_PEAK_JITTERS = 3.0
_ONE_SETTING = "no key: a recording in one setting supports no claim of a secret key"
_UNKNOWN_CHOICE = "no key: a recording supports no claim of a secret key, as it does not tell how its settings were chosen"
_MOST_EVENTS = 1 << 28


@dataclass(frozen=True)
class PairSettings:
    """Known to both parties beforehand.

    Events up to ``half_window_ticks`` from the correlation's peak are pairs; None takes three standard deviations of the peak.
    ``settings``: how many a party has at most, ``common``: how many of them both have. ``expected_qber`` sizes the blocks of
    error correction, ``reconciliation`` (:mod:`hil.pipeline.reconciliation.choice`); a wrong guess costs parities, not
    correctness.
    """

    half_window_ticks: int | None
    settings: int = 2
    common: int = 2
    expected_qber: float = 0.02
    reconciliation: str = "cascade"
    limits: SearchLimits = field(default_factory=SearchLimits)

    def half_window(self, found: Synchronisation) -> int:
        """Half the width of the coincidence window in whole ticks."""
        if self.half_window_ticks is not None:
            return self.half_window_ticks
        return math.ceil(_PEAK_JITTERS * found.jitter_ticks)

    def pack(self, setting: npt.NDArray[np.uint8]) -> bytes:
        """Numbers of settings, each in as many bits as the largest takes."""
        return pack((setting[:, None] >> self._bits & np.uint8(1)).ravel().astype(np.uint8))

    def unpack(self, data: bytes, count: int) -> npt.NDArray[np.uint8]:
        """The reverse; AuthenticationError where the length does not fit."""
        bits = unpack(data, count * self._bits.size).reshape(count, self._bits.size)
        numbers: npt.NDArray[np.uint8] = (bits << self._bits).sum(axis=1, dtype=np.uint8)
        return numbers

    @property
    def _bits(self) -> npt.NDArray[np.uint8]:
        return np.arange(max(1, (self.settings - 1).bit_length()), dtype=np.uint8)


@dataclass(frozen=True)
class PairsResult:
    """One party's end of an exchange.

    ``bits`` are None unless both ends were found to hold the same ones. ``events``, int64 (n,), are the party's own events that
    have a partner; both parties' lists are in the same order. ``sifted`` and ``errors`` are by common setting, errors known
    once corrected. Disclosed bits are parities of either party, and the verification hash. ``synchronisation`` is Alice's.
    """

    bits: SecretBytes | None
    events: npt.NDArray[np.int64] = field(repr=False)
    sifted: tuple[int, ...]
    errors: tuple[int, ...] | None
    parities_of_alice: int
    parities_of_bob: int
    check_bits: int
    sentence: str
    synchronisation: Synchronisation | None = None

    @property
    def disclosed_bits(self) -> int:
        """Everything that went over the channel about the bits, in either direction."""
        return self.parities_of_alice + self.parities_of_bob + self.check_bits


def independent_pairs(of_alice: tuple[int, ...], of_bob: tuple[int, ...]) -> float:
    """Pairs in different settings if both parties chose theirs independently, as often as they had each setting."""
    total = sum(of_alice)
    same = sum(hers * his for hers, his in zip(of_alice, of_bob, strict=True))
    return (total * sum(of_bob) - same) / total if total else 0.0


def is_one_setting(different: int, of_alice: tuple[int, ...], of_bob: tuple[int, ...]) -> bool:
    """Whether pairs in different settings are too few (under half) to come from two settings chosen independently."""
    return different < independent_pairs(of_alice, of_bob) / 2.0 or 0 in of_alice or 0 in of_bob


class _Exchange:
    """What both parties do alike: keep the books, and end in a result whatever happens."""

    def __init__(self, me: str, settings: PairSettings, entropy: Entropy) -> None:
        self.settings = settings
        self.entropy = entropy
        self.talk = Conversation(me)
        self.events = np.empty(0, np.int64)
        self.sifted: tuple[int, ...] = (0,) * settings.common
        self.errors: tuple[int, ...] | None = None
        self.disclosed = Disclosed()
        self.check_bits = 0
        self.synchronisation: Synchronisation | None = None
        self.no_claim = _UNKNOWN_CHOICE

    def guarded(self, steps: Generator[Request, bytes | None, npt.NDArray[np.uint8]]) -> Party[PairsResult]:
        """Run the steps; whatever breaks the exchange ends it without bits, with the reason in words."""
        try:
            bits = yield from steps
        except NoKeyError as end:
            yield from self._tell(end.reason)
            return self._result(f"nothing: {end.sentence}")
        except AuthenticationError as error:
            yield from self._tell(Reason.REFUSED)
            return self._result(f"nothing: {Reason.REFUSED.sentence}: {error}")
        except ChannelClosedError as error:
            return self._result(f"nothing: the classical channel was cut, or a message was lost: {error}")
        except SynchronisationError:
            yield from self._tell(Reason.NO_PEAK)
            raise
        wrong = sum(self.errors or ())
        said = f"{bits.size:,} bits, {wrong:,} {'error' if wrong == 1 else 'errors'} corrected, equal at both ends"
        return self._result(f"{said}; {self.no_claim}", SecretBytes(pack(bits), bits.size, test=True))

    def sift(self, channel: npt.NDArray[np.uint8], theirs: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], ...]:
        """Bit and setting of the pairs that both parties measured in one setting; NoKeyError when there are none."""
        mine, common = _setting(channel), self.settings.common
        both = (mine < common) & (theirs < common)
        same = both & (mine == theirs)
        by_setting = (_by_setting(mine[both], common), _by_setting(theirs[both], common))
        if is_one_setting(int(np.count_nonzero(both & ~same)), *by_setting):
            self.no_claim = _ONE_SETTING
        setting = theirs[same]
        self.sifted = _by_setting(setting, common)
        if not setting.size:
            raise NoKeyError(None, f"of {channel.size:,} pairs none was measured in the same setting at both ends")
        return channel[same] & 1, setting

    def _result(self, sentence: str, bits: SecretBytes | None = None) -> PairsResult:
        return PairsResult(
            bits=bits,
            events=self.events,
            sifted=self.sifted,
            errors=self.errors,
            parities_of_alice=self.disclosed.by_alice,
            parities_of_bob=self.disclosed.by_bob,
            check_bits=self.check_bits,
            sentence=sentence,
            synchronisation=self.synchronisation,
        )

    def _tell(self, reason: Reason | None) -> Generator[Request, bytes | None, None]:
        if reason is not None:
            yield from self.talk.send(Stop(reason.value))


class AlicePairs:
    """She finds Bob's clock and the pairs; her bits are the reference of the correction."""

    def __init__(self, settings: PairSettings, entropy: Entropy) -> None:
        self._settings = settings
        self._entropy = entropy

    def exchange(self, tags: TimeTags) -> Party[PairsResult]:
        """One recording; SynchronisationError, once Bob was told, when there is no coincidence peak."""
        exchange = _Exchange("a", self._settings, self._entropy)
        return exchange.guarded(self._steps(exchange, tags))

    def _steps(self, exchange: _Exchange, tags: TimeTags) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        talk, settings = exchange.talk, exchange.settings
        told_times = yield from talk.receive(EventTimes)
        bob = _ticks(told_times)
        found = synchronise(tags.ticks, bob, alice_channel=tags.channel, limits=settings.limits)
        exchange.synchronisation = found
        pairs = pair_events(tags.ticks, found.clock.to_alice(bob), settings.half_window(found))
        in_his_order = np.argsort(pairs.bob)
        exchange.events = pairs.alice[in_his_order]
        channel = tags.channel[exchange.events]
        width, steps = pack_steps(pairs.bob[in_his_order], 0)
        yield from talk.send(PairedEvents(channel.size, width, steps, settings.pack(_setting(channel))))
        theirs = yield from talk.receive(Settings)
        bits, _ = exchange.sift(channel, settings.unpack(theirs.settings, channel.size))
        told, exchange.disclosed = yield from choice.answer(talk, bits, settings.reconciliation)
        sifted = exchange.sifted
        if len(told.errors) != len(sifted) or any(not 0 <= n <= of for n, of in zip(told.errors, sifted, strict=True)):
            raise AuthenticationError(f"errors {told.errors} of {sifted} sifted bits")
        exchange.errors = told.errors
        key = exchange.entropy.draw("verification", CHECK_KEY_BYTES)
        exchange.check_bits = CHECK_BITS
        yield from talk.send(Check(key, check_value(bits, key)))
        yield from talk.receive(Confirm)
        return bits


class BobPairs:
    """He tells when his events were, and corrects his bits to Alice's."""

    def __init__(self, settings: PairSettings, entropy: Entropy) -> None:
        self._settings = settings
        self._entropy = entropy

    def exchange(self, tags: TimeTags) -> Party[PairsResult]:
        """One recording."""
        exchange = _Exchange("b", self._settings, self._entropy)
        return exchange.guarded(self._steps(exchange, tags))

    def _steps(self, exchange: _Exchange, tags: TimeTags) -> Generator[Request, bytes | None, npt.NDArray[np.uint8]]:
        talk, settings = exchange.talk, exchange.settings
        first = int(tags.ticks[0]) if tags.ticks.size else 0
        width, steps = pack_steps(tags.ticks - first, 0)
        yield from talk.send(EventTimes(first, tags.ticks.size, width, steps))
        paired = yield from talk.receive(PairedEvents)
        exchange.events = _events(paired, tags.ticks.size)
        channel = tags.channel[exchange.events]
        yield from talk.send(Settings(settings.pack(_setting(channel))))
        raw, setting = exchange.sift(channel, settings.unpack(paired.settings, channel.size))
        bits, exchange.disclosed = yield from choice.correct(
            talk, raw, settings.expected_qber, exchange.entropy, settings.reconciliation
        )
        exchange.errors = _by_setting(setting[bits != raw], settings.common)
        yield from talk.send(Corrected(exchange.errors))
        told = yield from talk.receive(Check)
        exchange.check_bits = CHECK_BITS
        if not agrees(bits, told.check_key, told.check):
            raise NoKeyError(Reason.MISMATCH)
        yield from talk.send(Confirm())
        return bits


def _setting(channel: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return (channel >> 1).astype(np.uint8)


def _by_setting(setting: npt.NDArray[np.uint8], settings: int) -> tuple[int, ...]:
    return tuple(np.bincount(setting, minlength=settings).tolist())


def _ticks(told: EventTimes) -> npt.NDArray[np.int64]:
    """Bob's times; AuthenticationError for what no list of times is."""
    if not 0 <= told.events <= _MOST_EVENTS or abs(told.first) >= 1 << 61:
        raise AuthenticationError(f"{told.events} events from tick {told.first}")
    return unpack_steps(told.steps, told.width, told.events, 0) + told.first


def _events(told: PairedEvents, events: int) -> npt.NDArray[np.int64]:
    """Which of Bob's events have a partner; AuthenticationError unless each is one of his, and no one twice."""
    index = unpack_steps(told.steps, told.width, told.pairs, 0)
    if index.size and (int(index[-1]) >= events or bool((np.diff(index) < 1).any())):
        raise AuthenticationError(f"pairs with events that are none of {events}, or with one of them twice")
    return index
