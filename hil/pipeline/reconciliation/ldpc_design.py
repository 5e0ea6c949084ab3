"""How the codes' degrees were found: density evolution of the decoder, and a search for shares that decode soonest.

T. J. Richardson, R. L. Urbanke, IEEE Trans. Inf. Theory 47, 599 (2001): the distribution of what bits and checks tell each
other in a graph without cycles, iteration by iteration. Levels are the decoder's own, every second of them; checks have two
neighbouring degrees. ``python -m hil.pipeline.reconciliation.ldpc_design 0.32 1.065`` looks for shares of :data:`DEGREES`
that take the fewest steps (iterations times edges) where the checks are 1.065 times the limit, and tells the threshold;
minutes.
"""

from __future__ import annotations

import sys
from functools import cache
from math import floor, log
from typing import TYPE_CHECKING, Any

import numpy as np

from hil.pipeline.estimation import entropy_of
from hil.pipeline.reconciliation.ldpc_decoder import MOST_LEVEL, UNIT, both_say
from hil.pipeline.reconciliation.ldpc_family import COLUMNS, DEGREES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Density = npt.NDArray[np.float64]

__all__ = ["error_ratio_of", "iterations", "search", "threshold"]

_STEP = 2
_TOP = MOST_LEVEL // _STEP
_POINTS = 1 << 14
_RIGHT = 1e-6
"""Error ratio at which everything counts as corrected."""


def iterations(
    error_ratio: float, checks_per_bit: float, shares: Sequence[float], degrees: Sequence[int] = DEGREES, most: int = 400
) -> int:
    """Iterations (all checks, then all bits) until all is corrected; ``most`` where that many do not do it."""
    of_bits = np.array(degrees) * np.array(shares)
    mean = of_bits.sum() / checks_per_bit
    low, part = floor(mean), mean - floor(mean)
    part = part * (low + 1) / mean
    sure = min(_TOP, round(UNIT / _STEP * log((1.0 - error_ratio) / error_ratio)))
    prior = np.zeros(_POINTS)
    prior[[sure, -sure]] = 1.0 - error_ratio, error_ratio
    told, channel, before = prior, np.fft.rfft(prior), 1.0
    for number in range(1, most + 1):
        sums, differences = _parts(told)
        checked = [_join(sums, differences, degree - 1) for degree in ((low, low + 1) if part else (low,))]
        weights = (1.0 - part, part)
        sums, differences = (sum(w * one[i] for w, one in zip(weights, checked, strict=False)) for i in (0, 1))
        of_checks = np.fft.rfft(_whole(sums, differences))
        powers = sum(share * of_checks ** (degree - 1) for share, degree in zip(of_bits / of_bits.sum(), degrees, strict=True))
        told = _clipped(np.fft.irfft(powers * channel, _POINTS))
        wrong = told[-_TOP:].sum() + told[0] / 2
        if wrong < _RIGHT:
            return number
        if number > 20 and wrong > before * (1.0 - 2e-4):
            break
        before = wrong
    return most


def threshold(checks_per_bit: float, shares: Sequence[float], degrees: Sequence[int] = DEGREES) -> float:
    """The highest error ratio at which the decoder still corrects frames without end, to half a percent of it."""
    high = error_ratio_of(checks_per_bit)
    low = high / 2
    while high - low > 0.005 * low:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if iterations(middle, checks_per_bit, shares, degrees, 1500) < 1500 else (low, middle)
    return low


def search(checks_per_bit: float, efficiency: float, seed: int = 1) -> tuple[float, ...]:
    """Shares that take the fewest steps where there are ``efficiency`` times as many checks as the limit wants."""
    from scipy.optimize import differential_evolution

    error_ratio = error_ratio_of(checks_per_bit / efficiency)

    def steps(parts: Density) -> float:
        shares = _shares(parts, checks_per_bit)
        return iterations(error_ratio, checks_per_bit, shares, most=250) * float(np.dot(shares, DEGREES))

    bounds: Any = [(0.3, 1.0), (0.4, 0.95), (0.0, 0.6), (0.2, 1.0)]
    found = differential_evolution(steps, bounds, popsize=8, maxiter=9, rng=seed, polish=False)
    return _shares(found.x, checks_per_bit)


def error_ratio_of(entropy: float) -> float:
    """The error ratio, up to one half, of this binary entropy."""
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if entropy_of(middle) < entropy else (low, middle)
    return low


def _shares(parts: Density, checks_per_bit: float) -> tuple[float, ...]:
    """Twos as a part of the most there may be, the rest broken off one after the other."""
    shares = [parts[0] * 0.97 * checks_per_bit]
    for part in parts[1:]:
        shares.append(part * (1.0 - sum(shares)))
    return tuple(float(share) for share in (*shares, 1.0 - sum(shares)))


def _parts(density: Density) -> tuple[Density, Density]:
    """Of each size of a level: both signs together, and the positive less the negative."""
    above, below = density[: _TOP + 1], np.concatenate([[0.0], density[: -_TOP - 1 : -1]])
    differences = above - below
    differences[0] = 0.0
    return above + below, differences


def _whole(sums: Density, differences: Density) -> Density:
    """The reverse, with negative levels at the end."""
    density = np.zeros(_POINTS)
    density[: _TOP + 1] = 0.5 * (sums + differences)
    density[-_TOP:] = 0.5 * (sums - differences)[:0:-1]
    density[0] = sums[0]
    return density


def _clipped(density: Density) -> Density:
    """Levels beyond the highest that a check reads count as that."""
    half = _POINTS // 2
    clipped = np.zeros(_POINTS)
    clipped[: _TOP + 1] = density[: _TOP + 1]
    clipped[-_TOP:] = density[-_TOP:]
    clipped[_TOP] += density[_TOP + 1 : half].sum()
    clipped[-_TOP] += density[half:-_TOP].sum()
    positive: Density = np.maximum(clipped, 0.0)
    positive /= positive.sum()
    return positive


@cache
def _table() -> npt.NDArray[np.int64]:
    """What two levels say together, for all of them, flat."""
    levels = (_STEP * np.arange(_TOP + 1)).astype(np.int16)
    return (both_say(levels[:, None], levels[None, :]).astype(np.int64) // _STEP).reshape(-1)


def _join(sums: Density, differences: Density, count: int) -> tuple[Density, Density]:
    """What a check says that reads ``count`` such levels."""
    if count == 1:
        return sums, differences
    half = _join(sums, differences, count // 2)
    joined = _pair(half, half)
    return _pair(joined, (sums, differences)) if count % 2 else joined


def _pair(one: tuple[Density, Density], other: tuple[Density, Density]) -> tuple[Density, Density]:
    return _summed(np.outer(one[0], other[0])), _summed(np.outer(one[1], other[1]))


def _summed(joint: Density) -> Density:
    """Of two levels together to what they say."""
    said: Density = np.bincount(_table(), weights=joint.reshape(-1), minlength=_TOP + 1).astype(np.float64)
    return said


def _main(checks_per_bit: float, efficiency: float) -> None:
    shares = search(checks_per_bit, efficiency)
    highest = threshold(checks_per_bit, shares)
    of_limit = checks_per_bit / entropy_of(highest)
    sys.stdout.write(f"Member({checks_per_bit}, {tuple(round(share, 4) for share in shares)}, {highest:.5f}, ...)\n")
    sys.stdout.write(f"columns {COLUMNS}, degrees {DEGREES}; the threshold is {of_limit:.4f} times the limit\n")


if __name__ == "__main__":
    _main(float(sys.argv[1]), float(sys.argv[2]))
