"""By how many pulses two counts differ: clicks against the brightness of the pulses that were sent.

A click is likelier where a bright pulse was sent. Under an offset the clicks score the sum of ``log(q_i / p_i)`` over
the intensities
``i`` that the pulses there had, p_i being how often each is sent and q_i how often it stands behind a click. Under a
wrong offset the
intensities follow p, so that the mean of ``exp(score)`` is 1 whatever the true rates are, and by Markov's inequality a
score above
``log(offsets / false_alarm)`` comes up anywhere in the search with ``false_alarm`` at most. (Wald's likelihood-ratio
test: A. Wald, "Sequential Tests of Statistical Hypotheses", Ann. Math. Stat. 16, 117, 1945, section 3.4.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.ports.detections import SourceDeclaration

__all__ = ["BestOffset", "brightness_weights", "find_offset", "needed_score"]

_FEW = 1 << 16
_LARGEST_FFT = 1 << 22


@dataclass(frozen=True)
class BestOffset:
    """The offset with the highest score among those that were tried."""

    offset: int
    score: float


def brightness_weights(source: SourceDeclaration, background: float) -> npt.NDArray[np.float32]:
    """Score of a click at a pulse of each intensity, shape (intensities,).

    ``background``: share of the clicks that come at any time.
    """
    sent = np.array(source.probabilities) / sum(source.probabilities)
    bright = sent * np.array(source.intensities)
    clicked = (1.0 - background) * bright / bright.sum() + background * sent
    weights: npt.NDArray[np.float32] = np.log(clicked / sent).astype(np.float32)
    return weights


def needed_score(offsets: int, false_alarm: float) -> float:
    """What a score has to exceed when so many offsets are tried."""
    return math.log(offsets / false_alarm)


def find_offset(
    clicks: npt.NDArray[np.int64], pattern: npt.NDArray[np.float32], centre: int, reach: int, enough: float
) -> BestOffset:
    """The offset within ``reach`` of ``centre`` that brings ``clicks`` (ascending) best onto the pulses they came of.

    ``pattern``, shape (n,): scores of pulses 0 to n; clicks that land beside it score nothing. A wide search goes
    outwards from its centre and stops at the first part that has a score above ``enough``.
    """
    if 2 * reach + 1 <= _FEW:
        return _directly(clicks, pattern, centre, reach)
    best = BestOffset(centre, -math.inf)
    size = min(_LARGEST_FFT, 1 << (2 * (pattern.size + 2 * reach)).bit_length())
    wide = size // 2
    parts = -(-(2 * reach + 1) // wide)
    firsts = sorted((centre - reach + wide * part for part in range(parts)), key=lambda first: abs(first + wide // 2 - centre))
    for first in firsts:
        scores = _by_transform(clicks, pattern, first, wide, size)[: centre + reach + 1 - first]
        at = int(np.argmax(scores))
        if scores[at] > best.score:
            best = BestOffset(first + at, float(scores[at]))
        if best.score > enough:
            break
    return best


def _directly(clicks: npt.NDArray[np.int64], pattern: npt.NDArray[np.float32], centre: int, reach: int) -> BestOffset:
    """Each click adds the piece of the pattern that it may have come of."""
    inside = clicks[slice(*np.searchsorted(clicks, [-centre - reach, pattern.size - centre + reach]))]
    padded = np.pad(pattern, 2 * reach + 1)
    scores = np.zeros(2 * reach + 1)
    for start in (inside + centre - reach + 2 * reach + 1).tolist():
        scores += padded[start : start + scores.size]
    at = int(np.argmax(scores))
    return BestOffset(centre - reach + at, float(scores[at]))


def _by_transform(
    clicks: npt.NDArray[np.int64], pattern: npt.NDArray[np.float32], first: int, offsets: int, size: int
) -> npt.NDArray[np.float64]:
    """Scores of ``offsets`` offsets from ``first`` on: correlation by FFT, the pattern in pieces that fit beside them."""
    from scipy.fft import irfft, rfft

    scores = np.zeros(offsets)
    for start in range(0, pattern.size, size - offsets):
        piece = pattern[start : start + size - offsets]
        origin = start - first - offsets + 1
        inside = clicks[slice(*np.searchsorted(clicks, [origin, origin + piece.size + offsets - 1]))]
        hits = np.bincount(inside - origin, minlength=size).astype(np.float32)
        product = rfft(hits) * np.conj(rfft(piece, size))
        # clicks at origin + j meet pattern place j - lag under offset first + offsets - 1 - lag
        scores += irfft(product, size)[:offsets][::-1]
    return scores
