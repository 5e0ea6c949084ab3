"""Closed forms of an entangled link's state at one of its receivers, for counters between blocks and for logs.

With g(w) the probability that no pair of a pulse belongs to a share w of them, a set of detectors stays quiet with
g(1 - chance that a pair leaves the set quiet), dark counts apart. Coincidences and errors follow by inclusion and exclusion;
pulses with clicks in two settings of one receiver are rare, and counted as coincidences here. What jitter and dispersion move
to other slots is exact for Poisson numbers (pulses are then independent marks of one process) and close for thermal ones.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import lcm
from typing import TYPE_CHECKING, cast

import numpy as np

from .dynamics import TICKS
from .expectation import Expectation
from .steady import clicks_and_fano, slot_probabilities, slot_shares

if TYPE_CHECKING:
    import numpy.typing as npt

    from .expectation import Moment
    from .pair_numbers import PairNumbers
    from .pair_reception import PairReceiver
    from .reception import Reception

    Reals = npt.NDArray[np.float64]

__all__ = ["at_moment", "expect_pairs"]

_EFFICIENCY_OF_CORRECTION = 1.16
_FINITE_SIZE = 0.75


def at_moment(reception: Reception | None, moment: Moment) -> Reception | None:
    """A reception with the light and the background of a moment."""
    if reception is None:
        return None
    dark = reception.dark_per_pulse
    for amount, most in zip(moment.excess, reception.varying_per_pulse, strict=False):
        dark = dark + amount * most
    return replace(reception, proposals_per_pulse=reception.proposals_per_pulse * moment.survival, dark_per_pulse=dark)


def expect_pairs(
    side: int,
    receptions: tuple[Reception | None, Reception | None],
    receivers: tuple[PairReceiver, PairReceiver],
    pairs: tuple[PairNumbers, tuple[float, float]],
    *,
    misalignments: tuple[tuple[float, float], tuple[float, float]],
    qber_limit: float,
) -> Expectation:
    """What one ``side`` counts, and what both of them sift, per pulse.

    ``pairs`` come with their visibilities by basis, ``misalignments`` are those of either end by basis.
    """
    mine = receptions[side]
    if mine is None:
        nothing = np.zeros(len(receivers[side].device.detectors))
        return Expectation(nothing, nothing + 1.0, 0.0, 0.0, float("nan"), 0.0)
    numbers, visibility = pairs
    clicks, fano, light, alive = _counted(mine, numbers)
    signal = float((light * alive).sum())
    other = receptions[1 - side]
    if other is None or not (mine.synchronised and other.synchronised):
        return Expectation(clicks, fano, signal, 0.0, float("nan"), 0.0)
    both = cast("tuple[Reception, Reception]", receptions)
    (key_a, test_a), (key_b, test_b) = misalignments
    sifted, qber = _sifted(both, receivers, numbers, visibility[0] * (1.0 - 2.0 * key_a) * (1.0 - 2.0 * key_b), 0)
    tests, phase = _sifted(both, receivers, numbers, visibility[1] * (1.0 - 2.0 * test_a) * (1.0 - 2.0 * test_b), 1)
    ready = float(np.prod(alive)) * float(np.prod(_counted(other, numbers)[3]))
    key = 0.0
    if signal > 0.0 and tests > 0.0 and qber <= qber_limit:
        kept = 1.0 - _entropy(phase) - _EFFICIENCY_OF_CORRECTION * _entropy(qber)
        key = max(sifted * ready * kept * _FINITE_SIZE, 0.0)
    return Expectation(clicks, fano, signal, sifted * ready, qber, key)


def _sifted(
    receptions: tuple[Reception, Reception],
    receivers: tuple[PairReceiver, PairReceiver],
    numbers: PairNumbers,
    correlation: float,
    setting: int,
) -> tuple[float, float]:
    """Coincidences of one basis at both ends, and their error ratio; double clicks give a random bit.

    Either photon may fall into another slot than its pulse's, and a pair coincides where both fall into the same; both gates
    have to be open.
    """
    # of the setting's two detectors at either end
    slots_a, slots_b = (_slots(one)[2 * setting : 2 * setting + 2] for one in receptions)
    total_a, total_b, overlap = slots_a.sum(axis=1), slots_b.sum(axis=1), slots_a @ slots_b.T
    open_together = 1.0 / lcm(*(one.dynamics.gate_every for one in receptions))
    found = [_of_setting(*both, numbers, setting) for both in zip(receptions, receivers, strict=True)]
    (seen_a, dark_a, often_a), (seen_b, dark_b, often_b) = found

    def quiet(which_a: tuple[int, ...], which_b: tuple[int, ...]) -> float:
        """Probability that these detectors (0 and 1 of the setting) do not click."""
        a, b = sum(total_a[d] * seen_a[d] for d in which_a) / 2.0, sum(total_b[d] * seen_b[d] for d in which_b) / 2.0
        joint = sum(
            overlap[x, y] * seen_a[x] * seen_b[y] * (1.0 + (-1.0) ** (x + y) * correlation)
            for x, y in product(which_a, which_b)
        )
        dark = sum(dark_a[d] for d in which_a) + sum(dark_b[d] for d in which_b)
        return numbers.none_of(float(a + b - joint / 4.0)) * float(np.exp(-dark))

    nobody = (0, 1)
    seen = 1.0 - quiet(nobody, ()) - quiet((), nobody) + quiet(nobody, nobody)
    signs = sum((-1.0) ** (x + y) * quiet((x,), (y,)) for x, y in product((0, 1), repeat=2))
    if seen <= 0.0:
        return 0.0, float("nan")
    return open_together * often_a * often_b * seen, 0.5 * (1.0 - signs / seen)


def _of_setting(
    reception: Reception, receiver: PairReceiver, numbers: PairNumbers, setting: int
) -> tuple[list[float], list[float], float]:
    """Chance that a photon is seen when it is meant for each detector of a setting, dark counts, how often it is chosen."""
    shares = reception.proposals_per_pulse * reception.straight[0] * 2.0 / max(numbers.mean, 1e-300)
    often = 1.0
    if receiver.active:
        often = float(receiver.setting_shares[setting])
        shares = shares / often
    gate_ticks = reception.dynamics.gate_ticks
    in_slot = min(gate_ticks / TICKS, 1.0) if gate_ticks else 1.0
    return (
        shares[2 * setting : 2 * setting + 2].tolist(),
        (reception.dark_per_pulse[2 * setting : 2 * setting + 2] * in_slot).tolist(),
        often,
    )


def _slots(reception: Reception) -> Reals:
    """Chance that a photon falls -3 to 3 slots from its pulse's, where a gate opens there: shape (D, 7)."""
    beside = reception.stray_share / 2.0
    kernel = (beside, 1.0 - 2.0 * beside, beside)
    rows = slot_probabilities(reception.dynamics)
    spread: Reals = np.array([np.convolve(row, kernel, mode="same") for row in rows])
    return spread


def _counted(reception: Reception, numbers: PairNumbers) -> tuple[Reals, Reals, Reals, Reals]:
    """Clicks per pulse of each detector, their Fano factor, pulses with light at it, and how often it is alive; shape (D,)."""
    dynamics = reception.dynamics
    shares = sum(slot_shares(dynamics)) * reception.proposals_per_pulse * reception.straight[0] / max(numbers.mean, 1e-300)
    light = 1.0 - np.array([numbers.none_of(float(share)) for share in shares])
    primary = light + (1.0 - light) * -np.expm1(-reception.dark_per_pulse * dynamics.open_share)
    clicks, fano = clicks_and_fano(primary, dynamics)
    offered = primary + dynamics.afterpulse_probability * dynamics.open_share * clicks
    alive = np.divide(clicks, offered, out=np.ones_like(clicks), where=offered > 0.0)
    return clicks, fano, light, alive


def _entropy(ratio: float) -> float:
    if ratio <= 0.0 or ratio >= 1.0:
        return 0.0
    return float(-ratio * np.log2(ratio) - (1.0 - ratio) * np.log2(1.0 - ratio))
