"""Singles, coincidences, errors and CHSH value of an entangled link, pair number by pair number.

Every pair of a pulse meets the receivers on its own (many modes, or few pairs in a pulse), so that n pairs leave a set of
detectors quiet with the n-th power of what one pair does: the threshold-detector yields of X. Ma, C.-H. F. Fung, H.-K. Lo,
Phys. Rev. A 76, 012307 (2007), section III, for pairs without the bunching of a single mode. Double clicks of a setting give a
random bit, clicks in two settings are dropped. Correlations: R. F. Werner, Phys. Rev. A 40, 4277 (1989), with a visibility for
each basis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

from hil.physics.chsh import s_from_correlations
from hil.physics.photon_number import negative_binomial_probability, poisson_probability

__all__ = ["Coincidences", "PairEnd", "PairPulse", "accidental_probability", "chsh_value", "click_probability", "coincidences"]

_RARE = 1e-16


Detectors = frozenset[tuple[int, int]]
"""Detectors of one receiver as (setting, bit)."""


@dataclass(frozen=True)
class PairPulse:
    """What leaves the source in a pulse; ``visibility`` in the key and the test basis.

    ``together``: chance that both photons of a pair fall into the same slot, whichever, over that for their own slot. The
    photons in other slots are among the ends' ``stray``; pairs of several pulses are independent where they are Poissonian.
    """

    mean: float
    statistics: Literal["poisson", "thermal"]
    modes: int
    visibility: tuple[float, float]
    together: float = 1.0

    def numbers(self) -> list[float]:
        """Probability of 0, 1, 2, ... pairs, as far as they matter."""
        found: list[float] = []
        while (number := len(found)) <= self.mean or found[-1] > _RARE * max(found[0], self.mean):
            if self.statistics == "poisson":
                found.append(poisson_probability(number, self.mean))
            else:
                found.append(negative_binomial_probability(number, self.mean, self.modes))
        return found


@dataclass(frozen=True)
class PairEnd:
    """One receiver: chance that a photon sent its way is detected, background per pulse of each detector, settings.

    ``shares`` says how often each angle is measured; ``active`` whether a whole pulse meets one setting. ``stray`` is the mean
    number of clicks per pulse, over all detectors, of light that comes without a pair and is measured like any.
    """

    transmittance: float
    background: float
    misalignment: float
    angles_deg: tuple[float, ...]
    shares: tuple[float, ...]
    active: bool
    stray: float = 0.0

    def quiet(self, detectors: Detectors) -> float:
        """Probability that no background makes any of these detectors click."""
        mean = math.fsum(self.stray * self.shares[setting] / 2.0 for setting, _ in detectors)
        return (1.0 - self.background) ** len(detectors) * math.exp(-mean)

    def ways(self, setting: int) -> tuple[float, tuple[float, ...]]:
        """How often a pulse can be measured in a setting, and where its photons go when it can."""
        if self.active:
            return self.shares[setting], tuple(float(number == setting) for number in range(len(self.shares)))
        return 1.0, self.shares


@dataclass(frozen=True)
class Coincidences:
    """Per pulse: events that both ends keep in their settings, and those of them whose bits differ."""

    kept: float
    different: float

    @property
    def error_ratio(self) -> float:
        """Of those kept; nan without any."""
        return self.different / self.kept if self.kept else math.nan

    @property
    def correlation(self) -> float:
        """E: equal ones less different ones, over all."""
        return 1.0 - 2.0 * self.error_ratio


def click_probability(pulse: PairPulse, end: PairEnd, setting: int) -> float:
    """Probability per pulse that one detector of a setting clicks, dark counts included, dead time not."""
    seen = end.transmittance * end.shares[setting] / 2.0
    dark = end.quiet(frozenset({(setting, 0)}))
    if not end.active:
        return 1.0 - dark * _quiet(pulse, seen)
    lit = 1.0 - dark * _quiet(pulse, end.transmittance / 2.0)
    return end.shares[setting] * lit + (1.0 - end.shares[setting]) * (1.0 - dark)


def coincidences(pulse: PairPulse, a: PairEnd, b: PairEnd, setting_a: int, setting_b: int) -> Coincidences:
    """Events with clicks at both ends in these settings and in no other."""
    (often_a, flow_a), (often_b, flow_b) = a.ways(setting_a), b.ways(setting_b)
    rest_a, rest_b = _others(a, setting_a), _others(b, setting_b)

    def silent(more_a: tuple[int, ...], more_b: tuple[int, ...]) -> float:
        """No click in any other setting, nor in these detectors of the two chosen ones."""
        set_a = rest_a | {(setting_a, bit) for bit in more_a}
        set_b = rest_b | {(setting_b, bit) for bit in more_b}
        return a.quiet(set_a) * b.quiet(set_b) * _quiet(pulse, _seen_by(pulse, (a, flow_a, set_a), (b, flow_b, set_b)))

    kept = silent((), ()) - silent((0, 1), ()) - silent((), (0, 1)) + silent((0, 1), (0, 1))
    # bit 0 counts +1, bit 1 counts -1, a double click nothing: at one end, what bit 1 leaves quiet less what bit 0 does
    signs = silent((1,), (1,)) - silent((1,), (0,)) - silent((0,), (1,)) + silent((0,), (0,))
    return Coincidences(often_a * often_b * kept, often_a * often_b * (kept - signs) / 2.0)


def accidental_probability(pulse: PairPulse, a: PairEnd, b: PairEnd, setting_a: int, setting_b: int) -> float:
    """Coincidences per pulse of two settings were the two ends independent: the product of the chances of either end."""
    chance = 1.0
    for end, setting in ((a, setting_a), (b, setting_b)):
        often, flow = end.ways(setting)
        seen = end.transmittance * flow[setting]
        chance *= often * (1.0 - end.quiet(frozenset({(setting, 0), (setting, 1)})) * _quiet(pulse, seen))
    return chance


def chsh_value(pulse: PairPulse, a: PairEnd, b: PairEnd) -> float:
    """S from a's settings 0 and 1 against b's settings 2 and 3, accidentals included."""
    one, two, three, four = (coincidences(pulse, a, b, i, j).correlation for i, j in ((0, 2), (0, 3), (1, 2), (1, 3)))
    return s_from_correlations((one, two, three, four))


def _others(end: PairEnd, setting: int) -> Detectors:
    return frozenset(product((number for number in range(len(end.shares)) if number != setting), (0, 1)))


def _quiet(pulse: PairPulse, seen: float) -> float:
    """Probability that no pair is seen, each being so with this chance."""
    return math.fsum(probability * (1.0 - seen) ** number for number, probability in enumerate(pulse.numbers()))


def _seen_by(
    pulse: PairPulse, a: tuple[PairEnd, tuple[float, ...], Detectors], b: tuple[PairEnd, tuple[float, ...], Detectors]
) -> float:
    """Chance that a pair makes any of these detectors click."""
    (end_a, flow_a, set_a), (end_b, flow_b, set_b) = a, b
    at_a = math.fsum(end_a.transmittance * flow_a[setting] / 2.0 for setting, _ in set_a)
    at_b = math.fsum(end_b.transmittance * flow_b[setting] / 2.0 for setting, _ in set_b)
    at_both = math.fsum(
        end_a.transmittance * flow_a[i] * end_b.transmittance * flow_b[j] * _outcome(pulse, end_a, end_b, (i, x), (j, y))
        for (i, x), (j, y) in product(set_a, set_b)
    )
    return at_a + at_b - pulse.together * at_both


def _outcome(pulse: PairPulse, a: PairEnd, b: PairEnd, first: tuple[int, int], second: tuple[int, int]) -> float:
    """Probability of two bits at two settings, (1 +- E) / 4."""
    alpha, beta = (math.radians(2.0 * end.angles_deg[setting]) for end, (setting, _) in ((a, first), (b, second)))
    ideal = pulse.visibility[0] * math.cos(alpha) * math.cos(beta) + pulse.visibility[1] * math.sin(alpha) * math.sin(beta)
    seen = ideal * (1.0 - 2.0 * a.misalignment) * (1.0 - 2.0 * b.misalignment)
    return (1.0 + (seen if first[1] == second[1] else -seen)) / 4.0
