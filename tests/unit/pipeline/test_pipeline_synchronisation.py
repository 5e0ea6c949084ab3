"""Finding Bob's clock, on events whose delay, rate and jitter were put in."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import BenchError, SynchronisationError
from hil.pipeline import correlation
from hil.pipeline.coincidences import pair_events
from hil.pipeline.correlation import SearchLimits, find_peak
from hil.pipeline.synchronisation import ClockMap, synchronise


def _recording(seed, *, pairs=500, others=5000, span=120_000_000, jitter=2.5, rate=0.0, delay=0.0):
    """Two parties' ticks: common events with normal jitter at Bob, and as many unrelated ones at each."""
    random = np.random.default_rng(seed)
    common = random.uniform(0, span, pairs)
    hers = np.concatenate([common, random.uniform(0, span, others)])
    his = np.concatenate([common + random.normal(0, jitter, pairs), random.uniform(0, span, others)])
    return np.sort(np.rint(hers).astype(np.int64)), np.sort(np.rint(delay + (1 + rate) * his).astype(np.int64))


class TestSynchronise:
    """Delay, rate, jitter and number of coincidences come back as they were put in."""

    @pytest.mark.parametrize(
        ("delay", "rate"),
        [(0, 0.0), (1e6, 5e-6), (-1e6, -5e-6), (9_876_543.3, 19.7e-6), (-9e6, -2e-5), (5e7, 5e-6), (-8e7, 1e-5), (3e12, -7e-6)],
    )
    def test_finds_delay_and_rate_near_and_far(self, delay, rate):
        """Up to 20 ppm, from no delay to one longer than the recording."""
        found = synchronise(*_recording(7, delay=delay, rate=rate))
        assert abs(found.measured_rate - rate) < 4.5 * found.rate_error
        middle = 60_000_000
        read = found.clock.delay_ticks + (1 + found.clock.rate) * middle
        assert read == pytest.approx(delay + (1 + rate) * middle, abs=2.5)  # the highest bin of a peak 2.5 ticks wide
        assert found.jitter_ticks == pytest.approx(2.5, rel=0.12)  # 500 pairs know it to 3 %
        assert found.coincidences == pytest.approx(500, rel=0.05)
        assert found.significance > 100

    @pytest.mark.parametrize(
        ("pairs", "others", "span", "jitter"),
        [
            (300, 3000, 10**9, 0.1),
            (2000, 2000, 10**8, 100),
            (1000, 5000, 10**10, 400),
            (60, 60, 10**6, 2),
            (5000, 60_000, 10**9, 2),
        ],
    )
    def test_any_scale_of_jitter_span_and_background(self, pairs, others, span, jitter):
        """Nothing is tuned to one recording: from a tenth of a tick to 400, from 10^6 to 10^10 ticks long."""
        found = synchronise(*_recording(3, pairs=pairs, others=others, span=span, jitter=jitter, rate=8e-6, delay=4e5))
        assert abs(found.measured_rate - 8e-6) < 4.5 * found.rate_error
        assert found.jitter_ticks == pytest.approx((jitter**2 + 1 / 6) ** 0.5, rel=0.3)  # both parties' rounding adds 1/12
        assert found.coincidences == pytest.approx(pairs, rel=0.1)

    def test_its_standard_error_is_one(self):
        """Over forty recordings the rate misses by one standard error in the root mean square (chi-squared: 0.72 to 1.28)."""
        pulls = []
        for seed in range(40):
            events = _recording(seed, pairs=300, others=500, span=10_000_000, rate=3e-6, delay=1000)
            found = synchronise(*events, limits=SearchLimits(near_ticks=20_000))
            pulls.append((found.measured_rate - 3e-6) / found.rate_error)
        assert 0.72 < np.sqrt(np.mean(np.square(pulls))) < 1.28

    def test_the_histogram_is_the_one_numpy_counts(self):
        """Every difference between an event of Alice and one of Bob on her clock, counted by subtraction of all from all."""
        alice, bob = _recording(5, pairs=200, others=400, span=1_000_000, rate=1e-5, delay=300)
        found = synchronise(alice, bob)
        differences = (found.clock.to_alice(bob)[None, :] - alice[:, None]).ravel()
        for lag, number in zip(found.lags_ticks, found.counts, strict=True):
            assert number == np.count_nonzero(differences == lag)
        assert found.lags_ticks[np.argmax(found.counts)] == 0

    def test_detectors_with_delays_of_their_own_do_not_hide_the_half_tick(self):
        """A clock that cuts off is told from one that rounds, with and without whole ticks put back exactly."""
        alice, bob = _recording(11, jitter=1.0)
        for told, half in ((np.rint, 0.0), (np.floor, 0.5)):
            stretched = told(bob * (1 + 6e-6)).astype(np.int64) + 500
            clock = synchronise(alice, stretched).clock
            assert (clock.rate, clock.delay_ticks % 1) == (6e-6, half)
            assert np.ptp(clock.to_alice(stretched) - bob) == 0

    def test_the_same_events_give_the_same_clock(self):
        """Nothing is drawn: a second search is the first."""
        events = _recording(2, rate=-4e-6, delay=77)
        assert synchronise(*events).clock == synchronise(*events).clock


class TestNoPeak:
    """Events that have nothing to do with each other are refused, in words."""

    @pytest.mark.parametrize("number", [2, 50, 3000])
    def test_unrelated_events_are_refused(self, number):
        """The message has the counts, what was seen, what chance gives and what to check."""
        alice, bob = _recording(1, pairs=0, others=number, span=50_000_000)
        words = r"no coincidence peak .* holds \d+ pairs where chance gives \d+"
        with pytest.raises(SynchronisationError, match=words) as raised:
            synchronise(alice, bob)
        assert f"{number:,} events of Alice" in str(raised.value)
        assert isinstance(raised.value, BenchError)

    def test_a_peak_is_found_beside_higher_slow_structure(self):
        """Where both rates are low together a real peak is lower than the hills of the flicker, and still the peak."""
        random = np.random.default_rng(14)
        span, number, periods = 100_000_000, 12_000, 40
        delay = span // periods // 2  # pairs are displaced by half a period of what flickers without delay
        common = random.uniform(0, span, 400)
        place = random.uniform(0, span, 8 * number)
        keep = random.uniform(0, 2, place.size) < 1 + np.sin(place / span * 2 * np.pi * periods)
        alone = random.permutation(place[keep])[: 2 * number]
        alice = np.sort(np.concatenate([common, alone[:number]])).astype(np.int64)
        bob = np.sort(np.concatenate([common + delay, alone[number:]])).astype(np.int64)
        assert synchronise(alice, bob).clock == ClockMap(float(delay), 0.0)

    def test_rates_that_swing_together_are_no_coincidences(self):
        """A common slow flicker of both parties' rates correlates over thousands of ticks, and is no peak."""
        random = np.random.default_rng(4)
        span, number = 100_000_000, 8000
        flicker = np.sin(np.arange(number * 3) / (number * 3) * 2 * np.pi * 40) + 1
        place = np.linspace(0, span, number * 3)
        alice, bob = (
            np.sort(random.choice(place, number, p=flicker / flicker.sum()) + random.uniform(0, 4000, number)).astype(np.int64)
            for _ in range(2)
        )
        with pytest.raises(SynchronisationError):
            synchronise(alice, bob)

    def test_a_party_without_events_is_named(self):
        """Nothing to correlate is said so."""
        with pytest.raises(SynchronisationError, match="Bob 0: nothing to correlate"):
            synchronise(np.arange(100), np.empty(0, np.int64))

    def test_false_alarms_are_rarer_than_declared(self):
        """A search that allows one false alarm in twenty gives at most 13 in 100 unrelated recordings (Poisson, 99.9 %)."""
        limits = SearchLimits(false_alarm=0.05)
        alarms = 0
        for seed in range(100):
            alice, bob = _recording(seed, pairs=0, others=300, span=300_000)
            alarms += find_peak(alice, bob, limits).chance < limits.false_alarm
        assert alarms <= 13

    def test_a_clock_beyond_the_search_is_refused(self):
        """500 ppm is not searched by default; told to, it is found."""
        alice, bob = _recording(6, pairs=2000, others=2000, rate=500e-6)
        with pytest.raises(SynchronisationError, match="up to 25 ppm"):
            synchronise(alice, bob)
        assert synchronise(alice, bob, limits=SearchLimits(max_rate=600e-6)).clock.rate == pytest.approx(500e-6, rel=1e-4)


class TestClockMap:
    """A clock's readings turn back into whole ticks."""

    @given(
        ticks=st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=20),
        rate_in_hundredths_ppm=st.integers(-10_000, 10_000),
        delay=st.integers(-(10**12), 10**12),
        cut_off=st.booleans(),
    )
    def test_whole_ticks_come_back(self, ticks, rate_in_hundredths_ppm, delay, cut_off):
        """What a clock read, rounded or cut off, is turned back exactly (expected values by exact fractions).

        A reading that falls within 10^-4 of where the rounding turns is left out: floating point decides it.
        """
        rate = Fraction(rate_in_hundredths_ppm, 10**8)
        cut_off = cut_off and rate != 0  # without a drift, cutting off whole ticks cuts nothing
        clock = ClockMap(delay - (0.5 if cut_off else 0.0), float(rate))
        for tick in ticks:
            exact = delay + (1 + rate) * tick
            turn = exact if cut_off else exact + Fraction(1, 2)
            if abs(turn - round(turn)) < Fraction(1, 10**4) and rate != 0:
                continue
            assert clock.to_alice(np.array([floor(turn)])).tolist() == [tick]


def test_binned_correlation_counts_every_pair():
    """The correlation by FFT is the sum over all pairs of events of one for their bins' distance, segment by segment."""
    random = np.random.default_rng(9)
    alice, bob = (np.sort(random.integers(0, 20_000, number)) for number in (150, 170))
    alice -= alice[0]
    width, first, lags = 16, -60, 140
    counts = correlation._by_segment(alice, bob, width, first, lags)
    expected = np.zeros_like(counts)
    bins = alice[-1] // width // len(counts) + 1
    for a in alice // width:
        for b in bob // width:
            if first <= b - a < first + lags:
                expected[a // bins, b - a - first] += 1
    assert np.array_equal(counts, expected)


def test_pairs_put_in_are_paired():
    """Of the common events nearly all are paired with their own partner; half a window of five jitters loses few."""
    random = np.random.default_rng(12)
    alice = np.sort(random.integers(0, 10**8, 4000))
    jitter = np.rint(random.normal(0, 1.0, 4000)).astype(np.int64)
    bob = np.rint((alice + jitter) * (1 - 9e-6)).astype(np.int64) - 123_456
    order = np.argsort(bob, kind="stable")
    clock = synchronise(alice, bob[order]).clock
    pairs = pair_events(alice, clock.to_alice(bob[order]), 5)
    assert np.mean(pairs.alice == order[pairs.bob]) > 0.999
    assert pairs.alice.size > 3980
