"""By how many pulses two counts differ: found where they belong together, and nothing found where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from hil.pipeline.pulse_offset import brightness_weights, find_offset, needed_score
from hil.ports.detections import SourceDeclaration
from hil.seeds import stream

SOURCE = SourceDeclaration(1e9, (0.55, 0.25, 2e-4), (0.4, 0.4, 0.2), 0.83)
FALSE_ALARM = 1e-9
WEIGHTS = brightness_weights(SOURCE, 0.03)
LENGTH = 100_000
GAIN = 0.01


def brightness(rng: np.random.Generator) -> np.ndarray:
    """Intensity of each pulse of a stretch."""
    return rng.choice(3, LENGTH, p=SOURCE.probabilities)


def clicks(rng: np.random.Generator, sent: np.ndarray, offset: int, around: int) -> np.ndarray:
    """Poisson clicks of the stretch, counted ``offset`` less than the pulses, and as many a pulse to either side of it."""
    lit = np.flatnonzero(rng.random(LENGTH) < GAIN * np.array(SOURCE.intensities)[sent] + 1e-5)
    side = int(around * GAIN * 0.32)
    return np.sort(np.concatenate([lit, rng.integers(-around, 0, side), rng.integers(LENGTH, LENGTH + around, side)]) - offset)


@pytest.mark.parametrize(
    ("offset", "reach"),
    [(0, 64), (-61, 64), (16_000, 1 << 14), (-2448, 1 << 14), (1_234_567, 2_000_000), (-9_999_999, 12_000_000)],
)
def test_the_true_offset_scores_beyond_chance(offset: int, reach: int) -> None:
    """Up to 10 ms at 1 GHz, by both ways of searching."""
    rng = stream(4, "offset", abs(offset))
    sent = brightness(rng)
    found = find_offset(clicks(rng, sent, offset, reach), WEIGHTS[sent], 0, reach, needed_score(2 * reach + 1, FALSE_ALARM))
    assert found.offset == offset
    assert found.score > needed_score(2 * reach + 1, FALSE_ALARM)


@pytest.mark.parametrize("reach", [1 << 14, 1_000_000])
def test_clicks_of_other_pulses_score_no_more_than_chance(reach: int) -> None:
    """Shuffled pulses: the highest score stays under the threshold that one search in 1e9 passes."""
    rng = stream(5, "shuffled", reach)
    sent = brightness(rng)
    found = find_offset(clicks(rng, rng.permutation(sent), 0, reach), WEIGHTS[sent], 0, reach, 1e9)
    assert found.score < needed_score(2 * reach + 1, FALSE_ALARM)


def test_both_ways_of_searching_agree() -> None:
    """The transform finds the offset and the score that adding up finds."""
    rng = stream(6, "both")
    sent = brightness(rng)
    made = clicks(rng, sent, 777, 40_000)
    near = find_offset(made, WEIGHTS[sent], 0, 30_000, 1e9)
    far = find_offset(made, WEIGHTS[sent], 0, 40_000, 1e9)
    assert near.offset == far.offset == 777
    assert far.score == pytest.approx(near.score, abs=1e-3)


def test_the_score_of_a_click_is_a_likelihood_ratio() -> None:
    """The mean of exp(score) over what is sent is 1, whatever background is assumed: what the threshold rests on."""
    for background in (0.02, 0.3, 0.9):
        weights = brightness_weights(SOURCE, background)
        assert np.dot(SOURCE.probabilities, np.exp(weights)) == pytest.approx(1.0, abs=1e-6)
