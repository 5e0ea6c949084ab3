"""Blocks of a device whose average is given, with afterpulses and drift: fast, and what they leave out is said.

Sampling the photons of ten thousand runs would take days. What a verdict sees of them is one number a block, and that
number is drawn here from the same causes: clicks breed afterpulses, each with the same chance and so in families of
geometric size, and a slow wander moves all clicks of a block. ``tests/unit/ci/test_ci_error_samplers.py`` counts dark counts
in the world as well and compares mean and Fano factor, ``tests/unit/testbed/test_testbed_sampled_blocks.py`` the error rates
of a shipped bench and the share of afterpulses in them; the rest is held against closed forms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int64]

__all__ = [
    "Wander",
    "burst_blocks",
    "dark_gates",
    "gaps_beyond",
    "key_rates",
    "limit_of_times",
    "outages",
    "qber_blocks",
    "round_trips",
    "wrong_shares",
]


@dataclass(frozen=True)
class Wander:
    """A slow drift: normal, with this relative root mean square and a correlation that falls to 1/e after so many blocks."""

    relative: float
    blocks: float

    def draw(self, rng: np.random.Generator, runs: int, blocks: int) -> Floats:
        """Deviations from 1, shape (runs, blocks): an Ornstein-Uhlenbeck process at equal steps, as the world's drift is."""
        import numpy as np

        keeps = math.exp(-1.0 / self.blocks)
        state = rng.standard_normal(runs)
        path = np.empty((runs, blocks))
        for block in range(blocks):
            path[:, block] = state
            state = keeps * state + math.sqrt(1.0 - keeps**2) * rng.standard_normal(runs)
        return self.relative * path


def qber_blocks(
    rng: np.random.Generator, shape: tuple[int, int], bits: int, *, qber: float, afterpulse: float, wander: Wander
) -> tuple[Counts, Floats]:
    """Errors in blocks of so many sifted bits, and the error rate that each block was drawn with: shape (runs, blocks).

    The average over drift is ``qber``. A bit is an afterpulse's with the chance that a click has one, and then wrong every
    second time: what is left of ``qber`` is misalignment, which drifts.
    """
    import numpy as np

    of_light = (qber - afterpulse / 2.0) / (1.0 - afterpulse)
    if of_light < 0.0:
        raise ValueError(f"afterpulses alone make an error rate of {afterpulse / 2.0:g}, more than {qber:g}")
    drifting = np.maximum(of_light * (1.0 + wander.draw(rng, *shape)), 0.0)
    late = rng.binomial(bits, afterpulse, shape)
    errors = rng.binomial(bits - late, drifting) + rng.binomial(late, 0.5)
    return errors, (1.0 - afterpulse) * drifting + afterpulse / 2.0


def dark_gates(
    rng: np.random.Generator, shape: tuple[int, int], gate_s: float, *, rate_hz: float, afterpulse: float, wander: Wander
) -> tuple[Counts, Floats]:
    """Clicks in gates, of that rate on average, afterpulses included, and the rate each was drawn with: shape (runs, gates).

    Gates are far longer than traps hold, so a whole family falls into the gate of its first click.
    """
    import numpy as np

    drifting_hz = rate_hz * np.maximum(1.0 + wander.draw(rng, *shape), 0.0)
    firsts = rng.poisson(drifting_hz * (1.0 - afterpulse) * gate_s)
    later = rng.negative_binomial(np.maximum(firsts, 1), 1.0 - afterpulse)
    return firsts + np.where(firsts > 0, later, 0), drifting_hz


def key_rates(rng: np.random.Generator, shape: tuple[int, int], spread: float, wander: Wander) -> tuple[Floats, Floats]:
    """Net key rate of blocks over its average, and the one each was drawn about: shape (runs, blocks).

    Chance from the counts of one block (``spread``, relative) and a wander of the light from block to block. The key length is
    linear in both over the few per cent they move it.
    """
    drifting = 1.0 + wander.draw(rng, *shape)
    return drifting * (1.0 + spread * rng.standard_normal(shape)), drifting


def burst_blocks(rng: np.random.Generator, shape: tuple[int, int], bits: int, *, qber: float, effect: float) -> Counts:
    """Errors in blocks of so many bits that come in bursts: beta-binomial, with this design effect."""
    correlation = (effect - 1.0) / (bits - 1.0)
    size = (1.0 - correlation) / correlation
    return rng.binomial(bits, rng.beta(qber * size, (1.0 - qber) * size, shape))


def outages(rng: np.random.Generator, shape: tuple[int, int], slices: int, *, share: float, length: float) -> Counts:
    """Bad slices in looks (runs, looks) of so many, a share of all in outages of that length on average."""
    runs, looks = shape
    bad: Counts = _spells(rng, (runs, looks * slices), share, length).reshape(runs, looks, slices).sum(axis=2)
    return bad


def wrong_shares(
    rng: np.random.Generator, shape: tuple[int, int], pairs: int, *, shares: tuple[float, ...], wander: Wander
) -> tuple[Floats, Floats]:
    """Shares of wrong coincidences of looks in each setting, and those they were drawn with: (settings, runs, looks).

    One drift moves all settings: of the source, or of the polarisation.
    """
    import numpy as np

    moved = np.maximum(1.0 + wander.draw(rng, *shape), 0.0)
    drawn = np.stack([np.minimum(share * moved, 1.0) for share in shares])
    return rng.binomial(pairs, drawn) / pairs, drawn


def gaps_beyond(rng: np.random.Generator, shape: tuple[int, int], *, edge: int, excess: float, stray: float = 1e-5) -> Counts:
    """Gaps between clicks in ticks (runs, n): a dead time and an exponential wait; a share of them stray anywhere below."""
    import numpy as np

    late = edge + np.floor(rng.exponential(excess, shape)).astype(np.int64)
    return np.where(rng.random(shape) < stray, rng.integers(1, edge, shape), late)


def _spells(rng: np.random.Generator, shape: tuple[int, int], share: float, length: float) -> npt.NDArray[np.bool_]:
    """A share of places in spells of that length on average, by a chain of two states, row by row."""
    import numpy as np

    ends = 1.0 / length
    begins = ends * share / (1.0 - share)
    found = np.empty(shape, dtype=bool)
    state = rng.random(shape[0]) < share
    for place in range(shape[1]):
        found[:, place] = state
        luck = rng.random(shape[0])
        state = np.where(state, luck >= ends, luck < begins)
    return found


_TYPICAL_S = 2e-3
_SIGMA = 0.4
_BURST_SHARE, _BURST_FACTOR = 0.03, 3.0


def round_trips(rng: np.random.Generator, shape: tuple[int, int], batch: int, wander: Wander, burst: float = 2.0) -> Floats:
    """Round trips in the order they were made, shape (runs, batches * batch), seconds.

    ``shape`` is (runs, batches). Lognormal about 2 ms; a share of 3 % comes in bursts of ``burst`` on average, three times
    as slow (retransmissions); the load of the machine wanders from batch to batch.
    """
    import numpy as np

    runs, batches = shape
    n = batches * batch
    slow = _spells(rng, (runs, n), _BURST_SHARE, burst)
    load = np.repeat(1.0 + wander.draw(rng, runs, batches), batch, axis=1)
    times: Floats = _TYPICAL_S * np.exp(_SIGMA * rng.standard_normal((runs, n))) * np.maximum(load, 0.1)
    return np.where(slow, _BURST_FACTOR * times, times)


def limit_of_times(probability: float, wander: Wander) -> float:
    """That quantile of the round trips over all times, from the distributions they are drawn from."""
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import ndtr

    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    loads = np.maximum(1.0 + wander.relative * nodes, 0.1)

    def below(x: float) -> float:
        shares = [
            share * ndtr(np.log(x / (factor * _TYPICAL_S * loads)) / _SIGMA)
            for share, factor in ((1.0 - _BURST_SHARE, 1.0), (_BURST_SHARE, _BURST_FACTOR))
        ]
        return float((sum(shares) * weights).sum() / weights.sum()) - probability

    return float(brentq(below, _TYPICAL_S / 10.0, 100.0 * _TYPICAL_S))
