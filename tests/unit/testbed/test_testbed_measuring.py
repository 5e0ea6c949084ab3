"""Counts, gaps and logs of a link on its twin, against closed forms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.errors import BenchError, UsageError
from hil.physics.dark_counts import counted_rate
from hil.physics.prediction import detector_counts_hz
from hil.ports.detections import DetectionRecords
from hil.testbed.counting import gated

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

DARK_HZ = 60.0 / (1.0 - 0.01)
"""60 cps of primary dark counts, each followed by an afterpulse with 1 % (and that by another): 60.6 cps."""


class TestGates:
    """Clicks in equal gates."""

    def test_dark_gates_count_dark_counts_only(self, link: Link) -> None:
        """Each within 5 sigma of 60.6 cps over 20 s, where light behind the switch's 50 dB would add 15; also of a lit link."""
        link.up()
        for gates in link.count_gates("dark", gates=200):
            assert gates.condition == "dark"
            assert gates.counts.size == 200
            assert gates.gate_s == pytest.approx(0.1)
            mean = DARK_HZ * 20.0
            assert abs(int(gates.counts.sum()) - mean) < 5.0 * math.sqrt(1.02 * mean)
            assert gates.predicted_hz == pytest.approx(counted_rate(60.0, 50e-9, 0.01))
            assert gates.predicted_relative_uncertainty == 0.0
            assert gates.simulated

    def test_dark_gates_leave_the_link_as_they_found_it(self, link: Link) -> None:
        """Also when the link was up."""
        link.up()
        link.count_gates("dark", gates=2)
        assert link.transmitter.emitting()
        assert link.receiver.biased()
        assert link.switch is not None
        assert link.switch.channel() == 1

    def test_lit_gates_agree_with_the_calibrated_prediction(self, link: Link) -> None:
        """Within 5 sigma of the closed form; its uncertainty is the meter's 5 % at k = 2 as a 95 % one (1.96 / 2 * 5 %)."""
        expected = detector_counts_hz(link.testbed.bench, "metro")
        for gates in link.count_gates("lit", gates=20, gate="50 ms"):
            mean = expected[gates.detector] * 1.0
            assert abs(int(gates.counts.sum()) - mean) < 5.0 * math.sqrt(1.2 * mean)
            assert gates.predicted_hz == pytest.approx(expected[gates.detector])
            assert gates.predicted_relative_uncertainty == pytest.approx(0.049)

    def test_lit_gates_count_what_the_link_shows_now(self, link: Link) -> None:
        """A switch that somebody moved stays where it is: the link is not mended by being looked at."""
        link.up()
        assert link.switch is not None
        link.switch.select(4)
        gates = link.count_gates("lit", gates=5)
        leak_hz = detector_counts_hz(link.testbed.bench, "metro")["z0"] * 10 ** (-(50.0 - 0.7) / 10.0) + DARK_HZ
        assert int(gates[0].counts.sum()) < 0.5 * leak_hz + 5.0 * math.sqrt(0.5 * leak_hz)
        assert link.switch.channel() == 4

    @pytest.mark.parametrize(("condition", "gates", "gate"), [("dim", 20, "100 ms"), ("lit", 0, "100 ms"), ("lit", 1, "0 s")])
    def test_gates_that_cannot_be_are_refused(self, link: Link, condition: str, gates: int, gate: str) -> None:
        with pytest.raises(UsageError, match="expected 'dark' or 'lit', and one gate or more above 0 s"):
            link.count_gates(condition, gates, gate)  # type: ignore[arg-type]

    def test_a_receiver_that_did_not_count_is_no_zero(self, link: Link) -> None:
        """Without bias the live time stands still, which is said, and never mistaken for darkness."""
        link.up()
        link.receiver.set_biased(biased=False)
        with pytest.raises(BenchError, match=r"bob: counted for 20 gates of 0.1 s, but its live time stands still"):
            link.count_gates("lit")

    def test_records_fall_into_gates_by_their_pulse(self) -> None:
        """Against a loop over clicks; those of the last, incomplete gate are left out."""
        rng = np.random.default_rng(5)
        index = np.sort(rng.integers(1000, 8500, 4000))
        detector = rng.integers(0, 4, 4000).astype(np.uint8)
        expected = np.zeros((7, 4), dtype=np.int64)
        for pulse, number in zip(index.tolist(), detector.tolist(), strict=True):
            if (pulse - 1000) // 1000 < 7:
                expected[(pulse - 1000) // 1000, number] += 1
        found = gated(DetectionRecords(1000, 8500, index, detector, live_s=7.5e-6), 4, 1e-6, 1e9)
        assert np.array_equal(found, expected)
        empty = DetectionRecords(0, 500, index[:0], detector[:0], live_s=0.0)
        assert gated(empty, 4, 1e-6, 1e9).shape == (0, 4)


class TestGaps:
    """Gaps between clicks of one detector."""

    def test_no_gap_is_shorter_than_the_dead_time(self, link: Link) -> None:
        """50 ns at a pulse each ns; the mean gap is the inverse of the click rate."""
        expected = detector_counts_hz(link.testbed.bench, "metro")
        for gaps in link.inter_click_gaps("100 ms"):
            assert gaps.tick_s == 1e-9
            assert gaps.declared_dead_time_s == 50e-9
            assert 50 <= gaps.gaps.min() <= 53
            assert gaps.gaps.mean() * 1e-9 == pytest.approx(1.0 / expected[gaps.detector], rel=0.03)


class TestWatch:
    """What the devices' own logs say of a long time."""

    def test_a_quiet_month_is_up_and_calibrated_every_five_days(self, link: Link) -> None:
        """30 d are 43,200 minutes; the bench file says a calibration each 432,000 s."""
        availability, calibrations = link.watch("30 d")
        assert (availability.good, availability.total, availability.slice_s) == (43_200, 43_200, 60.0)
        assert calibrations.times_s.tolist() == [432_000.0 * number for number in range(1, 7)]
        start_s, end_s = calibrations.window_s
        assert end_s - start_s == pytest.approx(30 * 86_400.0)
        assert calibrations.subject == "alice"

    def test_minutes_without_light_are_not_good(self, testbed: Testbed, link: Link) -> None:
        """Dark from minute 10 to minute 30 of an hour."""
        link.up()
        clock, switch = testbed.clock, link.switch
        assert switch is not None
        clock.call_at(60_000_000_000 * 11, lambda: switch.select(4))
        clock.call_at(60_000_000_000 * 31, lambda: switch.select(1))
        availability, _ = link.watch("1 h")
        assert (availability.good, availability.total) == (40, 60)
