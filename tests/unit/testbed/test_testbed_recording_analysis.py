"""An analysis of recordings whose delay, rate, error rate, visibility and S were put in; bounds stated before the run.

Bounds allow a false alarm of 1e-6 each: five standard deviations, or the quantiles of the binomial distribution.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from hil.pipeline.pairs import PairSettings
from hil.pipeline.synchronisation import SearchLimits, synchronise
from hil.ports.channel_map import default_channels, parse_channels
from hil.ports.detections import TimeTags
from hil.testbed.recordings.recorded_link import half_window_ticks
from hil.testbed.recordings.recording_analysis import analyse
from hil.testbed.recordings.recording_claims import claims_not_supported, findings, sentences
from hil.testbed.recordings.recording_tables import correlation_plot, correlation_table, error_table, window_table
from hil.units import parse

ALARM = 1e-6
TICK_S = 125e-12
PAIRS, OTHERS, SECONDS = 24_000, 40_000, 3.0
DELAY_TICKS, RATE_PPM, JITTER_TICKS = 4_321, 2.0, 1.0
E91 = "0=a:P:0@0 1=a:P:1 2=a:R:0@22.5 3=a:R:1 4=a:Q:0@45 5=a:Q:1 6=b:P:0@0 7=b:P:1 8=b:R:0@22.5 9=b:R:1 10=b:T:0@67.5 11=b:T:1"


def _sorted(times, channel):
    order = np.argsort(times, kind="stable")
    return TimeTags(times[order], channel[order].astype(np.uint8))


def _tags(seed, settings, same_probability):
    """Pairs with random settings, whose results are the same with this probability (by settings); Bob's times moved."""
    random = np.random.default_rng(seed)
    span = SECONDS / TICK_S
    common = random.uniform(0, span, PAIRS)
    a, b = random.integers(0, settings, (2, PAIRS))
    bit = random.integers(0, 2, PAIRS)
    other = np.where(random.random(PAIRS) < same_probability[a, b], bit, 1 - bit)
    alone = random.uniform(0, span, (2, OTHERS))
    lone = random.integers(0, 2 * settings, (2, OTHERS))
    hers = np.rint(np.concatenate([common, alone[0]])).astype(np.int64)
    his = np.concatenate([common + random.normal(0, JITTER_TICKS, PAIRS), alone[1]])
    his = np.rint(np.rint(his) * (1 + 1e-6 * RATE_PPM)).astype(np.int64) + DELAY_TICKS
    return _sorted(hers, np.concatenate([2 * a + bit, lone[0]])), _sorted(his, np.concatenate([2 * b + other, lone[1]]))


def _analysis(tags, channels, window_s=2e-9):
    found = synchronise(tags[0].ticks, tags[1].ticks, alice_channel=tags[0].channel, limits=SearchLimits.for_tick(TICK_S))
    settings = PairSettings(half_window_ticks(window_s, TICK_S) if window_s else None)
    return analyse("test", tags, channels, found, tick_s=TICK_S, half_window=settings.half_window(found))


@pytest.fixture(scope="module")
def bb84_tags():
    """Two settings of each party, 3 % errors within one, half and half across."""
    return _tags(1, 2, np.array([[0.97, 0.5], [0.5, 0.97]]))


@pytest.fixture(scope="module")
def bb84(bb84_tags):
    return _analysis(bb84_tags, default_channels())


@pytest.fixture(scope="module")
def e91():
    """Three settings of each party, a visibility of 0.92, correlations as cos 2 (a - b)."""
    angles = np.radians([0.0, 22.5, 45.0]), np.radians([0.0, 22.5, 67.5])
    same = (1 + 0.92 * np.cos(2 * np.subtract.outer(*angles))) / 2
    return _analysis(_tags(2, 3, same), parse_channels(E91.split()))


def _within(count, trials, probability):
    return binom.ppf(ALARM / 2, trials, probability) <= count <= binom.ppf(1 - ALARM / 2, trials, probability)


class TestTwoBases:
    """What was put in comes out."""

    def test_delay_and_rate_to_the_tick(self, bb84):
        """Whole ticks and hundredths of a ppm are stated exactly; one tick more would be another delay."""
        assert (bb84.delay_ticks, bb84.rate_ppm) == (DELAY_TICKS, RATE_PPM)

    def test_every_pair_and_the_accidentals(self, bb84):
        """Eight jitters to either side hold all pairs; accidentals are R_a R_b tau T."""
        chance = (PAIRS + OTHERS) ** 2 * (17 * TICK_S) / SECONDS
        assert bb84.half_window_ticks == 8
        assert abs(bb84.accidentals[0] - chance) < 5 * math.sqrt(chance / 100)
        assert abs(bb84.pairs - PAIRS - chance) < 5 * math.sqrt(chance) + 5
        assert bb84.ratio == pytest.approx(PAIRS / chance, rel=0.3)

    def test_the_error_rate_of_each_setting(self, bb84):
        """3 % of a quarter of the pairs each, a few accidentals beside them."""
        for errors, pairs in bb84.groups:
            assert _within(errors, pairs, 0.03)
            assert _within(pairs, PAIRS, 0.25)
        assert not bb84.one_setting

    def test_visibility_is_one_minus_twice_the_error_rate(self, bb84):
        """Its interval is that of the error rate, turned over: quantiles of the beta distribution."""
        from scipy.stats import beta

        table = error_table(bb84)
        for (errors, pairs), row in zip(bb84.groups, table.rows, strict=False):
            low, high = beta.ppf(0.025, errors, pairs - errors + 1), beta.ppf(0.975, errors + 1, pairs - errors)
            assert row[:2] == (pairs, errors)
            assert row[3] == f"{1 - 2 * errors / pairs:.3f} ({1 - 2 * high:.3f}–{1 - 2 * low:.3f})"

    def test_a_swapped_channel_is_seen(self, bb84_tags):
        """Bob's channels 4 and 5 the other way round: the first setting's results are opposite, and the sentence says so."""
        swap = np.array([1, 0, 3, 2], np.uint8)
        tags = bb84_tags[0], TimeTags(bb84_tags[1].ticks, swap[bb84_tags[1].channel])
        seen = _analysis(tags, default_channels())
        errors, pairs = seen.groups[0]
        assert _within(pairs - errors, pairs, 0.03)
        assert "Most results are opposite" in " ".join(findings(seen))

    def test_no_s_without_angles(self, bb84):
        """The default map knows none, and says what is missing."""
        assert bb84.chsh is None
        assert "each with its analyser's angle" in " ".join(claims_not_supported(bb84))

    def test_a_window_is_a_time(self, bb84_tags, bb84):
        """2 ns are eight ticks of 125 ps to either side; undeclared, three standard deviations of the peak."""
        seen = _analysis(bb84_tags, default_channels(), 0.0)
        assert seen.half_window_ticks == math.ceil(3 * bb84.jitter_ticks)
        assert half_window_ticks(1.2499e-9, 156.25e-12) == 3
        for tick_ps in ("156.25", "125", "100", "3.90625", "80.955"):
            told = [parse(f"{2 * half * Decimal(tick_ps)} ps", "time") for half in range(1, 300)]
            assert [half_window_ticks(window_s, parse(f"{tick_ps} ps", "time")) for window_s in told] == list(range(1, 300))

    def test_narrower_windows_are_counted(self, bb84):
        """More pairs and more chance in each wider one."""
        rows = window_table(bb84).rows
        assert [row[4] for row in rows].count("used") == 1
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)


class TestThreeSettings:
    """E91: two common settings for the key, four others for S."""

    def test_s_and_its_standard_error(self, e91):
        """2 sqrt 2 V within five of its own standard errors, which are the closed form's: 4 (1 - V^2 / 2) / n."""
        found = e91.chsh
        pairs = PAIRS / 9
        assert found.error == pytest.approx(math.sqrt(4 * (1 - 0.92**2 / 2) / pairs), rel=0.1)
        assert abs(found.value - 2 * math.sqrt(2) * 0.92) < 5 * found.error + 0.001  # three accidental pairs in all

    def test_settings_by_name(self, e91):
        """Those that both have come first, and only they are sifted."""
        assert e91.channels.common == ("P", "R")
        assert [e91.channels.settings_a[n] for n in e91.chsh.settings_a] == ["P", "Q"]
        assert [e91.channels.settings_b[n] for n in e91.chsh.settings_b] == ["R", "T"]
        assert all(_within(errors, pairs, 0.04) for errors, pairs in e91.groups)
        assert np.array(e91.matrix).shape == (6, 6)

    def test_only_common_settings_are_sifted_in_any_window(self, e91):
        """The window in use counts the errors and bits that the matrix has; Q and T are numbered alike and are not the same."""
        (used,) = [one for one in e91.windows if one.half_ticks == e91.half_window_ticks]
        assert (used.errors, used.sifted) == e91.sifted
        assert used.pairs == e91.pairs

    def test_what_s_does_not_support(self, e91):
        """Fair sampling and declared angles, in words; never a key."""
        said = " ".join(sentences(e91))
        assert "fair sampling" in said
        assert "no claim of a secret key" in said
        assert "corrected bits" not in said  # nobody corrected any

    def test_every_pair_of_settings_has_its_correlation(self, e91):
        """Nine rows, the angle beside the name."""
        rows = correlation_table(e91).rows
        assert len(rows) == 9
        assert rows[0][0] == "P (0°)"
        for row in rows:
            assert float(row[4]) == pytest.approx((row[2] - row[3]) / (row[2] + row[3]), abs=5e-4)


def test_fine_ticks_are_drawn_in_bins(bb84_tags):
    """Told in ticks of 1 ps the same peak has fewer bars than ticks, and each pair once."""
    tags = tuple(TimeTags(one.ticks * 125, one.channel) for one in bb84_tags)
    found = synchronise(tags[0].ticks, tags[1].ticks, limits=SearchLimits.for_tick(1e-12))
    seen = analyse("test", tags, default_channels(), found, tick_s=1e-12, half_window=1000)
    plot = correlation_plot(seen)
    assert len(plot.x) <= 160
    assert 0.0 in plot.x
    assert sum(plot.y) >= 0.98 * seen.correlation.sum()
    assert abs(seen.delay_ticks * 1e-12 - DELAY_TICKS * TICK_S) < JITTER_TICKS * TICK_S
    assert Fraction(seen.half_window_ticks, 10**12) == Fraction(1, 10**9)
