"""From the clicks of two receivers to sifted pairs: events of both in one slot, by their settings.

Bob announces slot and setting of his events; Alice answers which of them she has too, her setting of each, and her bits of the
pairs that give no key; Bob tells the errors among those. Both ends settle dead times and double clicks by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, pack_numbers, unpack, unpack_numbers, unpack_steps
from hil.pipeline.messages import Partners
from hil.pipeline.sifting import MOST_EVENTS

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.messages import Detections
    from hil.pipeline.sifting import Events

__all__ = ["PairSifted", "answer_partners", "pair_announcement", "sift_with_partners"]

Choices = tuple[tuple[int, int], ...]

_SETTINGS = 4
"""At most, at either end."""


@dataclass(frozen=True)
class PairSifted:
    """One party's end of a sifted block; counts are of length one, as there are no intensities.

    ``chsh``: pairs of each two CHSH settings. ``errors`` is Bob's: those of the test basis, then of each of these.
    """

    key_bits: npt.NDArray[np.uint8]
    key_intensity: npt.NDArray[np.uint8]
    key: tuple[int]
    test: tuple[int]
    test_errors: tuple[int] | None
    coincidences: int
    chsh: tuple[int, ...]
    errors: tuple[int, ...] = ()


def pair_announcement(events: Events) -> Detections:
    """Bob: slot and setting of every event, never the bit; a setting takes two bits."""
    return msgspec.structs.replace(events.announcement(), bases=pack_numbers(events.basis, _SETTINGS))


def answer_partners(announced: Detections, own: Events, chsh: Choices) -> tuple[Partners, PairSifted]:
    """Alice: what she tells about Bob's events, and what she keeps."""
    others = (announced.lost, announced.dead, announced.crossed, announced.doubled)
    if not 0 <= announced.events <= min(MOST_EVENTS, announced.clicks) or min(others) < 0:
        raise AuthenticationError(f"{announced.events} events out of {announced.clicks} clicks in one block")
    index = unpack_steps(announced.steps, announced.width, announced.events, announced.first)
    if (index[1:] <= index[:-1]).any():
        raise AuthenticationError("slots were announced twice or out of order")
    setting_b = unpack_numbers(announced.bases, announced.events, _SETTINGS)
    place = np.searchsorted(own.index, index)
    inside = place < own.index.size
    matched = np.zeros(index.size, dtype=bool)
    matched[inside] = own.index[place[inside]] == index[inside]
    mine = place[matched]
    setting_a, bit = own.basis[mine], own.bit[mine]
    group = _groups(setting_a, setting_b[matched], chsh)
    answer = Partners(
        clicks=own.clicks,
        lost=own.lost,
        dead=own.dead,
        crossed=own.crossed,
        doubled=own.doubled,
        matched=pack(matched),
        settings=pack_numbers(setting_a, _SETTINGS),
        bits=pack(bit[group > 0]),
    )
    return answer, _sifted(group, bit, len(chsh))


def sift_with_partners(events: Events, answer: Partners, chsh: Choices) -> PairSifted:
    """Bob: what he keeps once Alice has told, and the errors of the pairs that give no key."""
    counts = (answer.clicks, answer.lost, answer.dead, answer.crossed, answer.doubled)
    if min(counts) < 0:
        raise AuthenticationError("counts of clicks below zero")
    matched = unpack(answer.matched, int(events.index.size)).view(bool)
    setting_b, bit = events.basis[matched], events.bit[matched]
    setting_a = unpack_numbers(answer.settings, int(bit.size), _SETTINGS)
    group = _groups(setting_a, setting_b, chsh)
    told = group > 0
    wrong = unpack(answer.bits, int(told.sum())) != bit[told]
    errors = tuple(np.bincount(group[told][wrong], minlength=len(chsh) + 2)[1:].tolist())
    sifted = _sifted(group, bit, len(chsh))
    return replace(sifted, test_errors=(errors[0],), errors=errors)


def _groups(setting_a: npt.NDArray[np.uint8], setting_b: npt.NDArray[np.uint8], chsh: Choices) -> npt.NDArray[np.int64]:
    """What each pair is for: 0 the key, 1 the test basis, 2 and on the CHSH settings; -1 nothing."""
    group = np.full(setting_a.size, -1, dtype=np.int64)
    for number, (of_a, of_b) in enumerate(((0, 0), (1, 1), *chsh)):
        group[(setting_a == of_a) & (setting_b == of_b)] = number
    return group


def _sifted(group: npt.NDArray[np.int64], bit: npt.NDArray[np.uint8], choices: int) -> PairSifted:
    counts = np.bincount(group[group >= 0], minlength=choices + 2).tolist()
    key_bits = bit[group == 0]
    return PairSifted(
        key_bits=key_bits,
        key_intensity=np.zeros(key_bits.size, dtype=np.uint8),
        key=(counts[0],),
        test=(counts[1],),
        test_errors=None,
        coincidences=int(group.size),
        chsh=tuple(counts[2:]),
    )
