"""Period, phase and pulse counts out of tags: against the pulses that the tags were made of."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.errors import SynchronisationError
from hil.pipeline.pulse_period import find_lines
from hil.pipeline.pulse_track import MAX_OFFSET, track_pulses
from hil.seeds import stream

if TYPE_CHECKING:
    import numpy.typing as npt

RATE_HZ = 1e9
TICKS_PS = {"125 ps": Fraction(125), "156.25 ps": Fraction(625, 4)}


def tags(
    rng: np.random.Generator,
    clicks: int,
    *,
    block_s: float = 1.0,
    tick_ps: Fraction = TICKS_PS["125 ps"],
    ppm: float = 0.0,
    ppm_per_s: float = 0.0,
    dark: float = 0.01,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Ticks, true pulse and whether it is a dark count of clicks with 50 ps of jitter; the clock reads t + y t + d t^2 / 2."""
    pulse = np.sort(rng.integers(0, int(block_s * RATE_HZ), clicks))
    is_dark = rng.random(clicks) < dark
    phase = np.where(is_dark, rng.uniform(-0.5, 0.5, clicks), rng.normal(0.0, 0.05, clicks))
    time_s = pulse / RATE_HZ + phase / RATE_HZ + 123.4567e-6
    reading_s = time_s + (ppm * time_s + ppm_per_s * time_s**2 / 2.0) * 1e-6
    ticks = np.floor(reading_s / float(tick_ps * Fraction(1, 10**12))).astype(np.int64)
    order = np.argsort(ticks, kind="stable")
    return ticks[order], pulse[order], is_dark[order]


@pytest.mark.parametrize("tick", TICKS_PS)
@pytest.mark.parametrize(
    "case",
    [
        (3_000_000, 1.0, 50.0, 0.0, 0.01),
        (3_000_000, 1.0, -50.0, 1.0, 0.1),
        (100_000, 1.0, 31.0, -1.0, 0.1),
        (10_000, 1.0, -47.0, 0.2, 0.1),
        (1_000, 1.0, 50.0, 0.01, 0.1),
        (1_000, 1e-3, -50.0, 1.0, 0.1),
        (20_000, 0.1, 12.0, 1.0, 0.5),
    ],
)
def test_every_click_in_step_is_counted_with_its_pulse(tick: str, case: tuple[int, float, float, float, float]) -> None:
    """One number brings all counts of light onto the true pulses: not one slip over a block, whatever clock and rate."""
    clicks, block_s, ppm, ppm_per_s, dark = case
    made, pulse, is_dark = tags(
        stream(5, "track", clicks, tick),
        clicks,
        block_s=block_s,
        tick_ps=TICKS_PS[tick],
        ppm=ppm,
        ppm_per_s=ppm_per_s,
        dark=dark,
    )
    track = track_pulses(made, 0, TICKS_PS[tick] / 1000)
    off = (track.pulse - pulse)[~is_dark]
    assert np.unique(off).size == 1
    # pulses come slower as a fast clock counts, 1 / (1 + y) - 1; the mean over the block is that at its middle
    middle = (ppm + ppm_per_s * block_s / 2.0) * 1e-6
    assert track.rate_offset == pytest.approx(1.0 / (1.0 + middle) - 1.0, abs=max(1e-9, 0.1 / (block_s * RATE_HZ)))
    # jitter of 50 ps, and whole ticks rounded down: sqrt(50^2 + tick^2 / 12) ps; 10 % for the phases' own errors
    spread = (0.05**2 + float(TICKS_PS[tick] / 1000) ** 2 / 12.0) ** 0.5
    assert np.std(track.off_centre[~is_dark]) < 1.1 * spread + 0.005


@pytest.mark.parametrize("seed", range(8))
def test_random_rates_and_beginnings(seed: int) -> None:
    """Rates up to 50 ppm of either sign, and a count that begins anywhere."""
    rng = stream(seed, "random clocks")
    made, pulse, is_dark = tags(rng, 30_000, block_s=0.1, ppm=float(rng.uniform(-50, 50)), dark=0.05)
    begin = int(rng.integers(0, 10**15))
    track = track_pulses(made + begin, begin, Fraction(1, 8))
    assert np.unique((track.pulse - pulse)[~is_dark]).size == 1


def test_clicks_without_a_period_have_no_line() -> None:
    """Dark counts alone give none of 200 blocks a line: at 1e-9 each the chance of a single one is 1e-6 (5 places a block)."""
    rng = stream(1, "dark")
    for _ in range(200):
        cycles = np.sort(rng.uniform(0.0, 1e8, 2000))
        assert find_lines(cycles, MAX_OFFSET, 1e-9) == []
    with pytest.raises(SynchronisationError, match="no period within 100 ppm"):
        track_pulses(np.sort(rng.integers(0, 10**9, 50_000)), 0, Fraction(1, 8))


def test_a_pulse_clock_of_another_rate_has_no_period() -> None:
    """1.0003 GHz where 1 GHz is declared is beyond the search, so it is said, not guessed."""
    rng = stream(2, "wrong rate")
    made, _, _ = tags(rng, 20_000, block_s=0.1)
    with pytest.raises(SynchronisationError, match="no period"):
        track_pulses(np.floor(made / 1.0003).astype(np.int64), 0, Fraction(1, 8))


def test_the_power_of_noise_follows_rayleighs_law() -> None:
    """Blocks without a period have a line of chance p no more often than with probability p."""
    rng = stream(3, "rayleigh")
    lines = [find_lines(np.sort(rng.uniform(0.0, 1e6, 256)), MAX_OFFSET, 2.0)[0] for _ in range(400)]
    chances = np.array([line.chance for line in lines])
    # chance < 0.1 in a tenth of the blocks at most (the frequencies overlap): 1e-4 for more than 16 % of 400
    assert np.mean(chances < 0.1) < 0.16
