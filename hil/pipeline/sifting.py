"""From clicks to sifted bits: what Bob announces, what Alice answers, and what each keeps.

Bob drops by rule what a dead detector may have touched, settles pulses with several clicks, and announces index and basis of
the rest; Alice answers which of them she prepared in the same basis, their intensity, and her bits of the test basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import available
from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, pack_numbers, pack_steps, unpack, unpack_numbers, unpack_steps
from hil.pipeline.messages import Bases, Detections

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.pipeline.entropy import Entropy
    from hil.ports.detections import DetectionRecords, Preparations, ReceiverDeclaration

    Prepare = Callable[[npt.NDArray[np.int64]], Preparations]
    _Bytes = npt.NDArray[np.uint8]
    _Usable = npt.NDArray[np.bool_] | None
    _Settled = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.uint8], tuple[int, int, int]]

__all__ = ["MOST_EVENTS", "Events", "Sifted", "answer_bases", "detected_events", "of_sent_pulses", "sift_with_answer"]

MOST_EVENTS = 1 << 28
_ONE, _INTENSITY, _BIT, _BASIS = (np.uint8(number) for number in (1, 15, 4, 5))
"""An event as one byte: intensity in the low four bits, then bit, then basis."""
_WORTH_COMPILING = 1 << 16
"""Clicks below which loading a compiler takes longer than arrays do."""


@dataclass(frozen=True)
class Events:
    """What Bob keeps of a block's clicks: pulse ``index`` (int64), ``basis`` and ``bit`` (uint8), shape (n,), index ascending.

    ``dead``: clicks dropped because a detector may have been dead; ``crossed``: pulses dropped because both bases clicked;
    ``doubled``: pulses whose two clicks of one basis became a random bit.
    """

    index: npt.NDArray[np.int64]
    basis: npt.NDArray[np.uint8]
    bit: npt.NDArray[np.uint8]
    first: int
    clicks: int
    lost: int
    dead: int
    crossed: int
    doubled: int

    def announcement(self) -> Detections:
        """Index and basis, never the bit."""
        width, steps = pack_steps(self.index, self.first)
        return Detections(
            clicks=self.clicks,
            lost=self.lost,
            dead=self.dead,
            crossed=self.crossed,
            doubled=self.doubled,
            first=self.first,
            events=int(self.index.size),
            width=width,
            steps=steps,
            bases=pack(self.basis),
        )


@dataclass(frozen=True)
class Sifted:
    """One party's end of a sifted block: ``key_bits`` and ``key_intensity`` of shape (k,), and counts by intensity.

    ``test_errors`` is known to Bob at once, to Alice when he has told.
    """

    key_bits: npt.NDArray[np.uint8]
    key_intensity: npt.NDArray[np.uint8]
    key: tuple[int, ...]
    test: tuple[int, ...]
    test_errors: tuple[int, ...] | None = None


def detected_events(
    records: DetectionRecords,
    receiver: ReceiverDeclaration,
    pulse_rate_hz: float,
    entropy: Entropy,
    *,
    usable: npt.NDArray[np.bool_] | None = None,
) -> Events:
    """Bob's rules for dead detectors and several clicks, as the receiver declares them.

    Clicks that are not ``usable`` (bool, shape (n,)) are passed over, but a detector was dead after them all the same.
    """
    blind = int(receiver.dead_time_s * pulse_rate_hz + 1e-6) if receiver.common_dead_time else 0
    way = _compiled if records.index.size >= _WORTH_COMPILING and available() else _by_arrays
    index, basis, bit, (dead, crossed, doubled) = way(records, receiver, blind, entropy, usable)
    return Events(
        index=index,
        basis=basis,
        bit=bit,
        first=max(records.first, 0),
        clicks=int(records.index.size),
        lost=records.lost,
        dead=dead,
        crossed=crossed,
        doubled=doubled,
    )


def _compiled(
    records: DetectionRecords, receiver: ReceiverDeclaration, blind: int, entropy: Entropy, usable: _Usable
) -> _Settled:
    from hil.pipeline.sifting_kernel import pulses_with_several, settled

    index, detector, size = records.index, records.detector, records.index.size
    counted = np.empty(0, dtype=bool) if usable is None else usable
    random = _random_bits(entropy, pulses_with_several(index, counted, blind, records.first))
    roles = np.array([(role.basis, role.bit) for role in receiver.detectors], dtype=np.uint8)
    found = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.uint8), np.empty(size, dtype=np.uint8)
    events, *counts = settled((index, detector, counted), (blind, records.first), roles, random, found)
    return found[0][:events], found[1][:events], found[2][:events], (counts[0], counts[1], counts[2])


def _by_arrays(
    records: DetectionRecords, receiver: ReceiverDeclaration, blind: int, entropy: Entropy, usable: _Usable
) -> _Settled:
    pulses, clicks_of = _by_pulse(records.index)
    # what clicked before the block is unknown: its first dead time counts as dead
    since = np.diff(records.index[pulses], prepend=np.int64(records.first - 1))
    live = since > blind
    if usable is None:
        index, detector, dead = records.index, records.detector, int(clicks_of[~live].sum())
        alive, of_alive = pulses[live], clicks_of[live]
    else:
        of_live = np.repeat(live, clicks_of)
        dead = int(np.count_nonzero(usable & ~of_live))
        keep = np.flatnonzero(usable & of_live)
        index, detector = records.index.take(keep), records.detector.take(keep)
        alive, of_alive = _by_pulse(index)
    roles = receiver.detectors
    basis = np.array([role.basis for role in roles], dtype=np.uint8).take(detector.take(alive))
    bit = np.array([role.bit for role in roles], dtype=np.uint8).take(detector.take(alive))
    crossed, doubled = _settle_multiples((alive, of_alive), bit, detector, receiver, entropy)
    keep_pulse = np.ones(alive.size, dtype=bool)
    keep_pulse[crossed] = False
    return index.take(alive)[keep_pulse], basis[keep_pulse], bit[keep_pulse], (dead, len(crossed), doubled)


def _random_bits(entropy: Entropy, count: int) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(entropy.draw("multiple clicks", count // 8 + 1), dtype=np.uint8))


def _by_pulse(index: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where the clicks of each pulse begin, and how many there are."""
    new_pulse = np.ones(index.size, dtype=bool)
    np.not_equal(index[1:], index[:-1], out=new_pulse[1:])
    pulses = np.flatnonzero(new_pulse)
    return pulses, np.diff(pulses, append=index.size)


def _settle_multiples(
    pulses: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    bit: npt.NDArray[np.uint8],
    detector: npt.NDArray[np.uint8],
    receiver: ReceiverDeclaration,
    entropy: Entropy,
) -> tuple[list[int], int]:
    """Draw random bits (in place) for pulses with several clicks of one basis; pulses to drop, and how many were drawn."""
    starts, clicks_of = pulses
    several = np.flatnonzero(clicks_of > 1)
    random = _random_bits(entropy, several.size)
    crossed, doubled = [], 0
    for place, pulse in enumerate(several.tolist()):
        numbers = detector[starts[pulse] : starts[pulse] + clicks_of[pulse]].tolist()
        clicked = {(receiver.detectors[number].basis, receiver.detectors[number].bit) for number in numbers}
        if len({of_basis for of_basis, _ in clicked}) > 1:
            crossed.append(pulse)
        elif len(clicked) > 1:
            bit[pulse] = random[place]
            doubled += 1
    return crossed, doubled


def of_sent_pulses(prepare: Prepare, first: int, end: int) -> Prepare:
    """The same answers, but of pulses from ``first`` to before ``end`` alone; AuthenticationError for any other.

    The settings of a pulse still to come would tell an eavesdropper what to expect.
    """

    def guarded(index: npt.NDArray[np.int64]) -> Preparations:
        if index.size and not first <= int(index[0]) <= int(index[-1]) < end:
            raise AuthenticationError("an event was announced in a pulse that was not sent in this block")
        return prepare(index)

    return guarded


def answer_bases(
    announced: Detections, prepare: Callable[[npt.NDArray[np.int64]], Preparations], intensities: int
) -> tuple[Bases, Sifted]:
    """Alice, whose source has that many intensities: what she tells about the announced events, and what she keeps."""
    others = (announced.lost, announced.dead, announced.crossed, announced.doubled)
    if not 0 <= announced.events <= min(MOST_EVENTS, announced.clicks) or min(others) < 0:
        raise AuthenticationError(f"{announced.events} events out of {announced.clicks} clicks in one block")
    index = unpack_steps(announced.steps, announced.width, announced.events, announced.first)
    if (index[1:] == index[:-1]).any():
        raise AuthenticationError("the same pulse was announced twice")
    basis = unpack(announced.bases, announced.events)
    prepared = prepare(index)
    matched = prepared.basis == basis
    codes = (prepared.intensity | prepared.bit << _BIT | basis << _BASIS)[matched]
    key, test, counts = _parted(codes, intensities)
    answer = Bases(
        matched=pack(matched),
        intensities=pack_numbers(codes & _INTENSITY, intensities),
        test_bits=pack(test >> _BIT & _ONE),
    )
    return answer, Sifted(key >> _BIT & _ONE, key & _INTENSITY, *counts)


def sift_with_answer(events: Events, answer: Bases, intensities: int) -> Sifted:
    """Bob: what he keeps once Alice has told, and the errors of the test basis."""
    matched = unpack(answer.matched, int(events.index.size)).view(bool)
    mine = (events.bit << _BIT | events.basis << _BASIS)[matched]
    codes = mine | unpack_numbers(answer.intensities, mine.size, intensities)
    key, test, (in_key, in_test) = _parted(codes, intensities)
    wrong = unpack(answer.test_bits, test.size) != test >> _BIT & _ONE
    errors = tuple(np.bincount(test[wrong] & _INTENSITY, minlength=intensities).tolist())
    return Sifted(key >> _BIT & _ONE, key & _INTENSITY, in_key, in_test, errors)


def _parted(codes: _Bytes, intensities: int) -> tuple[_Bytes, _Bytes, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Sifted events as one byte each, taken apart: those of the key basis, the others, and how many of each intensity."""
    of_key = codes < _ONE << _BASIS
    of_code = np.bincount(codes, minlength=64).reshape(2, 2, 16).sum(axis=1)
    in_key, in_test = (tuple(row[:intensities].tolist()) for row in of_code)
    return codes[of_key], codes[~of_key], (in_key, in_test)
