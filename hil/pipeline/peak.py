"""The coincidence peak in numbers: its width, what lies in the window by chance, and what other windows would count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.coincidences import Pairs
    from hil.pipeline.synchronisation import Synchronisation

__all__ = ["Accidentals", "WindowCount", "accidentals", "full_width_ticks", "half_windows", "rebinned", "scan"]

_WINDOWS = 50
_SCANNED = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Accidentals:
    """Pairs of events per tick of difference, counted in ``ticks`` of difference away from the peak."""

    counted: int
    ticks: int

    def in_window(self, half_ticks: int) -> float:
        """How many a window of that half width holds by chance."""
        return self.counted * (2 * half_ticks + 1) / self.ticks

    def error_in_window(self, half_ticks: int) -> float:
        """The standard error of that: Poisson."""
        return math.sqrt(max(self.counted, 1)) * (2 * half_ticks + 1) / self.ticks


@dataclass(frozen=True)
class WindowCount:
    """A coincidence window of ``2 * half_ticks + 1`` ticks: its pairs, those by chance, and errors in the sifted bits."""

    half_ticks: int
    pairs: int
    accidentals: float
    errors: int
    sifted: int

    @property
    def ratio(self) -> float:
        """Coincidence-to-accidental ratio: pairs that are none by chance, to those that are; inf without any of these."""
        return (self.pairs - self.accidentals) / self.accidentals if self.accidentals else math.inf


def accidentals(alice: npt.NDArray[np.int64], aligned: npt.NDArray[np.int64], half_ticks: int, away_ticks: int) -> Accidentals:
    """Pairs in fifty windows to either side, shifted beyond ``away_ticks``; Bob's times on Alice's clock, peak at zero."""
    width = _WINDOWS * (2 * half_ticks + 1)
    first, last = away_ticks + 1, away_ticks + width
    counted = sum(_between(alice, aligned, low, high) for low, high in ((first, last), (-last, -first)))
    return Accidentals(counted, 2 * width)


def _between(alice: npt.NDArray[np.int64], aligned: npt.NDArray[np.int64], low: int, high: int) -> int:
    upto = np.searchsorted(aligned, alice + high, side="right")
    return int((upto - np.searchsorted(aligned, alice + low, side="left")).sum())


def rebinned(
    lags: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], bin_ticks: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Centres and counts of bins of so many ticks, one of them around lag zero; incomplete bins at the ends are left out."""
    number = np.floor_divide(lags + bin_ticks // 2, bin_ticks)
    first, last = int(number[0]), int(number[-1])
    summed = np.bincount(number - first, weights=counts, minlength=last - first + 1).astype(np.int64)
    sizes = np.bincount(number - first)
    centres = np.arange(first, last + 1) * float(bin_ticks) + (bin_ticks - 1) / 2.0 - bin_ticks // 2
    whole = sizes == bin_ticks
    return centres[whole], summed[whole]


def full_width_ticks(found: Synchronisation) -> float:
    """Full width at half of the peak's height above the background, straight lines between bins of half the jitter."""
    bin_ticks = max(1, round(found.jitter_ticks / 2.0))
    centres, counts = rebinned(found.lags_ticks, found.counts, bin_ticks)
    height = counts.astype(np.float64) - found.background_per_tick * bin_ticks
    top = int(np.argmax(height))
    half = float(height[top]) / 2.0
    return _crossing(centres, height, top, 1, half) - _crossing(centres, height, top, -1, half)


def _crossing(centres: npt.NDArray[np.float64], height: npt.NDArray[np.float64], top: int, step: int, half: float) -> float:
    at = top
    while 0 <= at + step < height.size and height[at] > half:
        at += step
    above, below = float(height[at - step]), float(height[at])
    share = (above - half) / (above - below) if above > below else 1.0
    return float(centres[at - step] + share * (centres[at] - centres[at - step]))


def half_windows(half_ticks: int) -> tuple[int, ...]:
    """Half widths from a quarter to twice the one that was chosen, ascending, each once."""
    return tuple(sorted({round(share * half_ticks) for share in _SCANNED}))


def scan(
    pairs: Pairs, sifted: npt.NDArray[np.bool_], wrong: npt.NDArray[np.bool_], by_chance: Accidentals, halves: tuple[int, ...]
) -> tuple[WindowCount, ...]:
    """What windows up to the one in which ``pairs`` were found would count.

    ``sifted`` and ``wrong``, shape (n,): pairs in a common setting, and those of them with different bits. Pairing takes the
    nearest events first, so the pairs of a narrower window are those of a wider one that lie within it.
    """
    distance = np.abs(pairs.difference_ticks)
    counts = []
    for half in halves:
        inside = distance <= half
        counts.append(
            WindowCount(
                half_ticks=half,
                pairs=int(np.count_nonzero(inside)),
                accidentals=by_chance.in_window(half),
                errors=int(np.count_nonzero(inside & wrong)),
                sifted=int(np.count_nonzero(inside & sifted)),
            )
        )
    return tuple(counts)
