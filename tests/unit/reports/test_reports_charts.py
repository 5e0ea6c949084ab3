"""Axes, thinning, lanes and bars: every position against arithmetic done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hil.discovery import find, names
from hil.record.model import BlockEntry, DeclaredRule, FaultEntry, PlotEntry, PlotMark, TableEntry, TimelineEntry, VerdictEntry
from hil.reports._lanes import bands, bricks, marks
from hil.reports._plots import plot, table
from hil.reports._svg import Axis, dots, line, linear_axis, log_axis, pieces, thin
from hil.reports._timechart import time_chart, time_ticks
from hil.reports._verdict_rows import bar, good_side, margin
from hil.verdict import Outcome


def verdict(outcome="PASS", **more):
    return VerdictEntry(**{"indicator": "qber", "subject": "metro", "outcome": Outcome(outcome), "reason": ""} | more)


class TestAxes:
    """Where a value lies."""

    def test_even_and_by_decades(self):
        assert Axis(0.0, 10.0).at(2.5) == 0.25
        assert Axis(1.0, 1e4, log=True).at(100.0) == pytest.approx(0.5)
        assert Axis(0.0, 10.0).at(99.0) == 1.0
        assert Axis(1.0, 1e4, log=True).at(0.0) == 0.0

    def test_ticks_are_round_and_inside(self):
        assert Axis(0.0, 10.0).ticks(4) == [0.0, 2.5, 5.0, 7.5, 10.0]
        assert Axis(-41.1, -38.9).ticks(4) == [-41.0, -40.0, -39.0]
        assert Axis(0.011, 0.52, log=True).ticks(3) == pytest.approx([0.03, 0.1, 0.3])
        assert Axis(5.0, 3e6, log=True).ticks(3) == pytest.approx([10.0, 1e3, 1e5])

    @pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-12, 1e300])
    def test_a_constant_has_an_axis_too(self, value):
        for axis in (linear_axis(value, value), linear_axis(value, value, from_zero=False)):
            assert axis.low < axis.high
            assert axis.holds(value)
        if value > 0:
            assert 0 < log_axis(value, value).low < value < log_axis(value, value).high

    @pytest.mark.parametrize(
        ("low", "high", "labels"),
        [
            (0.0, 30.0, ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]),
            (0.0, 4.0, ["0 s", "0.5 s", "1 s", "1.5 s", "2 s", "2.5 s", "3 s", "3.5 s", "4 s"]),
            (0.0, 2_592_000.0, ["0 d", "5 d", "10 d", "15 d", "20 d", "25 d", "30 d"]),
            (0.0, 172_800.0, ["0 d", "0.25 d", "0.5 d", "0.75 d", "1 d", "1.25 d", "1.5 d", "1.75 d", "2 d"]),
            (259_200.0, 306_000.0, ["72 h", "74 h", "76 h", "78 h", "80 h", "82 h", "84 h"]),
            (60.0, 130.0, ["60 s", "70 s", "80 s", "90 s", "100 s", "110 s", "120 s", "130 s"]),
            (0.0, 0.003, None),
        ],
    )
    def test_times(self, low, high, labels):
        ticks = time_ticks(Axis(low, high))
        assert labels is None or [tick.label for tick in ticks] == labels
        assert 2 <= len(ticks) <= 13
        assert all(0 <= tick.at <= 100 for tick in ticks)


class TestThinning:
    """Fewer points, the same picture."""

    def test_no_extreme_is_lost(self):
        rng = np.random.default_rng(1)
        times, values = np.arange(100_000.0), rng.standard_normal(100_000)
        values[[777, 54_321]] = 99.0, -99.0
        shown_times, shown = thin(times, values, 200)
        assert len(shown) <= 800
        assert shown.max() == 99.0
        assert shown.min() == -99.0
        assert np.all(np.diff(shown_times) > 0)
        assert (shown_times[0], shown_times[-1]) == (0.0, 99_999.0)
        for column in range(200):  # each column keeps its own extremes
            inside = (shown_times >= column * 500) & (shown_times < (column + 1) * 500)
            assert shown[inside].max() == values[column * 500 : (column + 1) * 500].max()

    def test_short_series_are_left_alone(self):
        times = np.arange(40.0)
        assert thin(times, times, 10)[0] is times

    def test_lines_end_where_nothing_was_measured(self):
        """A value that is missing and a pause of more than three steps cut; order in the file does not matter."""
        times = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 9.0, 10.0, 11.0])
        values = np.array([1.0, 1.0, np.nan, 3.0, 4.0, 5.0, 6.0, np.inf])
        shuffled = np.random.default_rng(2).permutation(len(times))
        found = [part[0].tolist() for part in pieces(times[shuffled], values[shuffled])]
        assert found == [[0.0, 1.0], [3.0, 4.0], [9.0, 10.0]]
        assert pieces(np.zeros(0), np.zeros(0)) == []

    def test_paths(self):
        across, up = Axis(0.0, 10.0), Axis(0.0, 4.0)
        times, values = np.array([0.0, 5.0, 10.0]), np.array([0.0, 1.0, 4.0])
        assert line(times, values, across, up) == "M0 100L500 75L1000 0"
        assert dots(times, values, across, up) == "M0 100h0M500 75h0M1000 0h0"


def fault(start, end, name="fiber_cut"):
    return FaultEntry(fault=name, target="switch", start_s=start, end_s=end, healed=True)


class TestLanes:
    """What lies beside the curves."""

    def test_labels_that_would_collide_take_another_lane(self):
        placed, lanes = bands([fault(0, 2), fault(1, 9), fault(60, 61), fault(98, 100)], Axis(0.0, 100.0))
        assert [band.lane for band in placed] == [0, 1, 0, 0]
        assert lanes == 2
        assert (placed[2].left, placed[2].width) == (60.0, 1.0)
        assert [band.flipped for band in placed] == [False, False, False, True]

    def test_blocks_and_moments(self):
        blocks = [BlockEntry(sequence=n, start_s=n, end_s=n + 1, released=n > 0, sentence=f"said {n}") for n in range(4)]
        found = bricks(blocks, Axis(0.0, 4.0))
        assert [(one.left, one.width, one.released) for one in found] == [(25.0 * n, 25.0, n > 0) for n in range(4)]
        assert found[1].words == "block 1, 1 s to 2 s: said 1"
        assert bricks(blocks * 101, Axis(0.0, 4.0)) == ()
        moments = [TimelineEntry(time_s=2.0, kind="key", text="first"), TimelineEntry(time_s=1.0, kind="heal", text="healed")]
        assert [(mark.at, mark.kind) for mark in marks(moments, Axis(0.0, 4.0))] == [(50.0, "key")]


class TestTimeChart:
    """Panels of one test."""

    def test_panels_in_order_with_their_limits(self):
        times = np.arange(10.0)
        series = {
            "temperature_c": (times, np.full(10, 25.0)),
            "x_v": (times, times),
            "counts_hz": (times, np.where(times < 5, 1e6, 240.0)),
            "z0.counts_hz": (times, np.where(times < 5, 4e5, 0.0)),
            "key_rate_bps": (times, np.full(10, 5e5)),
            "qber_ratio": (times, np.full(10, 0.013)),
        }
        limits = [
            verdict(limit=0.02),
            DeclaredRule(indicator="contract_key_rate", rule="", limit=4e5),
            verdict(indicator="key_rate", limit=9e9),
        ]
        chart = time_chart(series, 100, limits=limits)
        titles = [panel.title for panel in chart.panels]
        assert titles == ["QBER", "detector counts", "secret key rate", "temperature", "x"]
        qber, counts, rate, *_ = chart.panels
        # the axis runs from 0 to 0.02 and a tenth more, so the limit stands at 1 - 1/1.1 from the top
        assert (qber.limits[0].at, qber.limits[0].label) == (pytest.approx(100 * (1 - 1 / 1.1), abs=0.01), "limit 2 %")
        assert [limit.label for limit in rate.limits] == ["contract 400 kbit/s"]
        assert rate.notes == ("limit 9 Gbit/s: outside this panel",)
        assert counts.log
        assert counts.notes == ("5 points of zero drawn at the lower edge",)
        assert [curve.label for curve in counts.curves] == ["", "z0"]
        assert not qber.log

    def test_nothing_over_time_is_no_chart(self):
        assert time_chart({}, 100) is None
        assert time_chart({"qber_ratio": (np.zeros(0), np.zeros(0))}, 100) is None

    def test_faults_alone_and_series_without_a_number(self):
        nothing = {"qber_ratio": (np.arange(3.0), np.full(3, np.nan))}
        chart = time_chart(nothing, 100, faults=[fault(0.0, 4.0)])
        assert chart.panels == ()
        assert chart.bands[0].width == 100.0


class TestVerdictRows:
    """The side of the limit, the margin and the bar."""

    @pytest.mark.parametrize("name", names("indicator"))
    def test_the_side_is_read_from_each_shipped_rule(self, name):
        """Against the direction that the indicator declares; a tolerance is filled in as its judge does."""
        spec = find("indicator", name)
        rule = spec.rule.replace("the tolerance", "10 % of the predicted rate") + "; each bound at 95 % confidence"
        assert good_side(verdict(rule=rule)) == (spec.direction, 0.1 if spec.direction == "within" else None)

    def test_of_other_rules_the_outcome_tells(self):
        assert good_side(verdict("PASS", low=1.0, high=2.0, limit=3.0)) == ("below", None)
        # a dead time's tolerance is a tick and a share of the declared value: no side, and no margin in one number
        two_parts = "PASS if the interval lies within one tick of 1 ns and 2 % of the declared dead time, FAIL if outside"
        assert good_side(verdict("PASS", low=51.0, high=52.0, limit=50.0, rule=two_parts)) == ("within", None)
        assert margin(verdict("PASS", low=51.0, high=52.0, limit=50.0, rule=two_parts)) == "–"
        assert good_side(verdict("FAIL", low=1.0, high=2.0, limit=3.0)) == ("above", None)
        assert good_side(verdict("PASS", low=4.0, high=5.0, limit=3.0)) == ("above", None)
        assert good_side(verdict("INCONCLUSIVE", low=1.0, high=5.0, limit=3.0)) == ("", None)

    @pytest.mark.parametrize(
        ("rule", "numbers", "said"),
        [
            ("PASS if the upper bound < limit", (1.0, 1.5, 2.0), "+25 %"),
            ("PASS if the upper bound < limit", (1.0, 2.1, 2.0), "-5.0 %"),
            ("PASS if the lower bound >= limit", (505e3, 506e3, 100.0), "+5,049 ×"),
            ("within 10 % of the predicted rate", (96.0, 103.0, 100.0), "+6.0 %"),
            ("", (1.0, 3.0, 2.0), "–"),
            ("PASS if the upper bound < limit", (None, None, 2.0), "–"),
            ("PASS if the upper bound < limit", (1.0, 1.5, None), "–"),
            ("PASS if the upper bound < limit", (0.0, 1.5, 0.0), "–"),
        ],
    )
    def test_margins(self, rule, numbers, said):
        low, high, limit = numbers
        assert margin(verdict("INCONCLUSIVE", rule=rule, low=low, high=high, limit=limit)) == said

    def test_a_bar_keeps_the_order_of_its_numbers(self):
        found = bar(verdict(rule="PASS if the upper bound < limit", estimate=1.3, low=1.2, high=1.5, limit=2.0))
        assert 0 < found.low < found.estimate < found.high < found.limit < 160
        assert found.bad == ((found.limit, 160 - found.limit),)
        within = bar(verdict(rule="within 10 % of it", estimate=100.0, low=99.0, high=101.0, limit=100.0))
        (start, width), (second, _) = within.bad
        assert start + width < within.low < within.high < second

    def test_an_open_interval_runs_to_the_edge(self):
        found = bar(verdict(estimate=1.0, high=2.0, limit=3.0))
        assert (found.low, found.open_low, found.open_high) == (0.0, True, False)

    @pytest.mark.parametrize("numbers", [{}, {"limit": 2.0}])
    def test_no_number_no_bar(self, numbers):
        assert bar(verdict("SKIPPED", **numbers)) is None

    def test_numbers_decades_apart_stand_apart(self):
        found = bar(verdict(rule="PASS if the lower bound >= limit", estimate=5e5, low=4e5, high=6e5, limit=100.0))
        assert found.high - found.low > 5


class TestPlots:
    """What a recording shows."""

    def test_bars(self):
        found = plot(
            PlotEntry(title="t", x=(0.0, 1.0, 2.0), y=(0.0, 10.0, 5.0), style="bars", marks=(PlotMark(x=1, label="peak"),))
        )
        # x from -0.5 to 2.5, y from 0 to 11
        assert found.path == "M333.33 100.00V9.09H666.67V100.00zM666.67 100.00V54.55H1000.00V100.00z"
        assert found.marks == ((50.0, "peak (1)", 0, False),)
        assert found.words == "t: 3 points, highest 10 at 1"

    def test_many_bars_keep_the_highest(self):
        y = [0.0] * 10_000
        y[4_321] = 7.0
        found = plot(PlotEntry(title="t", x=tuple(map(float, range(10_000))), y=tuple(y), style="bars"))
        assert found.path.count("M") == 1
        assert "V9.09" in found.path

    def test_a_plot_of_nothing(self):
        assert plot(PlotEntry(title="t", x=(1.0,), y=(None,))) is None
        assert plot(PlotEntry(title="t", x=(), y=())) is None

    def test_only_a_matrix_is_shaded(self):
        rows = ((1, 2), (3, 4))
        matrix = table(TableEntry(title="t", columns=("a", "b"), rows=rows, row_names=("x", "y")))
        assert [[cell.heat for cell in cells] for _, cells in matrix.rows] == [[0.25, 0.5], [0.75, 1.0]]
        for other in (
            TableEntry(title="t", columns=("a",), rows=rows),
            TableEntry(title="t", columns=("a",), rows=((1, "x"),), row_names=("r",)),
        ):
            assert {cell.heat for _, cells in table(other).rows for cell in cells} == {None}

    def test_cells_without_a_number(self):
        (row,) = table(TableEntry(title="t", columns=("a", "b", "c"), rows=((None, 1.5, 1234),))).rows
        assert [cell.text for cell in row[1]] == ["–", "1.5", "1,234"]
