"""What a fault takes for evidence, on readings made by hand: counts whose statistics can be computed on paper."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.faults import _clicks, dark_count_spike, fiber_cut, thermal_drift
from hil.faults.dark_count_spike import DarkCountSpike
from hil.faults.fiber_cut import FiberCut
from hil.faults.thermal_drift import ThermalDrift
from hil.ports.spec import Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

_DECLARED: dict[str, Any] = {
    "switch": SimpleNamespace(through_channel=1, dark_channel=4, isolation_db=40.0),
    "bob": SimpleNamespace(detectors=("z0", "z1"), dark_count_rate_hz=100.0, dead_time_s=1e-6),
    "stage": SimpleNamespace(controls="bob"),
}

BENCH = cast(
    "FaultBench",
    SimpleNamespace(receiver_behind=lambda device: {"switch": "bob"}[device], declared=lambda device: _DECLARED[device]),
)


def look(seconds: float, *counts: float, **others: float) -> Span:
    """A stretch in which the detectors z0, z1, ... counted this; other readings are those at its end."""
    clicks = {f"clicks.z{number}": count for number, count in enumerate(counts)}
    end: Readings = {"live_s": seconds, **clicks, **others}
    return Span(dict.fromkeys(end, 0.0), end)


class TestClicks:
    """Rates and their differences."""

    def test_rates_add_up(self) -> None:
        """300 and 100 clicks in 2 s are 150 Hz and 50 Hz."""
        span = look(2.0, 300, 100)
        assert [_clicks.rate_hz(span, name) for name in _clicks.detectors(span)] == [150.0, 50.0]
        assert _clicks.total_hz(span) == 200.0

    def test_nothing_live_is_no_rate(self) -> None:
        """Without bias nothing is counted, and no difference is ever sure."""
        assert _clicks.total_hz(look(0.0, 0)) == 0.0
        assert math.isinf(_clicks.difference_sigma(1.0, 0.0, 1.0, 1.0))

    def test_deviation_of_a_difference(self) -> None:
        """Poisson: 10,000 counts in 1 s and 2,500 in 0.5 s have variances 100^2 and (50 / 0.5)^2 in hertz."""
        assert _clicks.difference_sigma(10_000.0, 1.0, 5_000.0, 0.5) == pytest.approx(math.hypot(100.0, 100.0))

    def test_no_count_is_not_certainty(self) -> None:
        """Nothing in 50 ms may have been one count: 20 Hz."""
        assert _clicks.difference_sigma(0.0, 0.05, 0.0, 0.05) == pytest.approx(math.sqrt(2) * 20.0)


def cut(before: Span, during: Span) -> Any:
    return fiber_cut.SPEC.shown(BENCH, "switch", FiberCut(), before, during)


class TestFiberCut:
    """Channel and counts, both."""

    LIT = look(0.1, 50_000, 50_000)

    def test_both_shown(self) -> None:
        """The words name what is declared: 2 x 100 Hz dark, and (10^6 - 200) Hz over 40 dB is 100 Hz of leak."""
        finding = cut(self.LIT, look(0.1, 15, 15, channel=4))
        assert finding.shown
        assert "from 1000000 Hz to 300 Hz, where 200 Hz of dark counts and 100 Hz of leak" in finding.words

    def test_channel_alone_is_not_enough(self) -> None:
        """A switch that says it moved while the light goes on."""
        assert not cut(self.LIT, look(0.1, 49_000, 50_500, channel=4)).shown
        assert not cut(self.LIT, look(0.1, 26_000, 25_000, channel=4)).shown  # by less than half

    def test_counts_alone_are_not_enough(self) -> None:
        """Somebody else switched the laser off."""
        assert not cut(self.LIT, look(0.1, 15, 15, channel=1)).shown

    def test_few_counts_are_no_evidence(self) -> None:
        """Ten counts before and two after halve, but by 2.3 standard deviations."""
        assert not cut(look(0.1, 10), look(0.1, 2, channel=4)).shown
        assert cut(look(0.1, 100), look(0.1, 2, channel=4)).shown

    def test_a_dim_link_loses_half_of_what_dark_counts_do_not_explain(self) -> None:
        """Of 350 Hz, 200 are declared dark counts: 230 Hz left in 100 s are evidence, 280 Hz are not."""
        before = look(100.0, 17_500, 17_500)
        assert cut(before, look(100.0, 11_500, 11_500, channel=4)).shown
        assert not cut(before, look(100.0, 14_000, 14_000, channel=4)).shown
        healed = fiber_cut.SPEC.healed
        during = look(100.0, 11_500, 11_500, channel=4)
        lit = {"channel": 1, "emitting": 1.0, "biased": 1.0}
        assert healed(BENCH, "switch", FiberCut(), during, look(100.0, 17_500, 17_500, **lit)).shown
        assert not healed(BENCH, "switch", FiberCut(), during, look(100.0, 11_600, 11_600, **lit)).shown

    def test_dark_before(self) -> None:
        """No light, no evidence; the words ask for it."""
        finding = cut(look(0.1, 0, 0), look(0.1, 0, 0, channel=4))
        assert not finding.shown
        assert "is the light on" in finding.words


def spike(rate_hz: float, quiet: Span, noisy: Span, target: str = "bob", astray_hz: float = 0.0) -> Any:
    """With the dark counts that the twin reads back: 100 Hz a detector, and what was added."""
    names = ["z0"] if "." in target else ["z0", "z1"]
    before = {**quiet.last, **{f"set.bob/{name}.dark_count_rate_hz": 100.0 for name in names}}
    during = {**noisy.last, **{f"set.bob/{name}.dark_count_rate_hz": 100.0 + rate_hz + astray_hz for name in names}}
    return dark_count_spike.SPEC.shown(
        BENCH, target, DarkCountSpike(rate_hz), Span(quiet.first, before), Span(noisy.first, during)
    )


class TestDarkCountSpike:
    """Counts must rise by what dead time leaves of what was added."""

    def test_as_expected(self) -> None:
        """Two detectors at 10 kHz with 1 us of dead time: 1 kHz more each becomes 979 Hz, in 10 s 30.2 sigma.

        10 kHz counted are 10,101 Hz arriving; 11,101 Hz arriving are 10,979 Hz counted; sqrt(2 x 979^2 / 2,098) = 30.2.
        """
        finding = spike(1_000.0, look(10.0, 100_000, 100_000), look(10.0, 109_790, 109_790))
        assert finding.shown
        assert "30.2 standard deviations, 100%" in finding.words
        assert "1958 Hz more counts" in finding.words

    def test_too_little_and_too_much(self) -> None:
        """A quarter of it, or four times as much, is something else."""
        assert not spike(1_000.0, look(10.0, 100_000, 100_000), look(10.0, 102_450, 102_450)).shown
        assert not spike(1_000.0, look(10.0, 100_000, 100_000), look(10.0, 139_000, 139_000)).shown

    def test_counts_alone_are_not_enough(self) -> None:
        """They rose as they should, but the twin reads back 1 Hz less than it was told."""
        finding = spike(1_000.0, look(10.0, 100_000, 100_000), look(10.0, 109_790, 109_790), astray_hz=-1.0)
        assert not finding.shown
        assert "do not read back as set" in finding.words

    def test_zero_must_change_nothing(self) -> None:
        """Neither in the counts nor in what reads back."""
        quiet = look(10.0, 100_000, 100_000)
        assert spike(0.0, quiet, quiet).shown
        assert not spike(0.0, quiet, quiet, astray_hz=1.0).shown

    def test_within_the_noise(self) -> None:
        """The whole rise, but not sure: 100 Hz on 10 kHz in 1 s are 0.7 sigma a detector."""
        assert not spike(100.0, look(1.0, 10_000, 10_000), look(1.0, 10_098, 10_098)).shown

    def test_one_detector_is_judged_alone(self) -> None:
        """Another detector's counts do not count."""
        assert spike(1_000.0, look(10.0, 100_000, 100_000), look(10.0, 109_790, 90_000), "bob.z0").shown
        assert not spike(1_000.0, look(10.0, 100_000, 100_000), look(10.0, 100_000, 109_790), "bob.z0").shown


def drift(settings: ThermalDrift, before: dict[str, float], now: dict[str, float]) -> Any:
    return thermal_drift.SPEC.shown(BENCH, "stage", settings, Span(before, before), Span(before, now))


class TestThermalDrift:
    """Set point, controller and stage."""

    BEFORE = {"setpoint_c": 30.0, "temperature_c": 30.0, "stage_temperature_c": 30.0}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("setpoint_c", "temperature_c", "stage_c", "shown"),
        [
            (32.0, 30.5, 30.4, True),
            (32.0, 30.1, 30.4, False),  # the controller does not follow
            (32.0, 30.5, 30.0, False),  # the stage does not
            (32.0, 29.5, 29.5, False),  # the wrong way
            (30.0, 30.5, 30.4, False),  # nobody moved the set point
        ],
    )
    def test_all_three_follow(self, setpoint_c: float, temperature_c: float, stage_c: float, shown: bool) -> None:
        """Two kelvins up."""
        now = {"setpoint_c": setpoint_c, "temperature_c": temperature_c, "stage_temperature_c": stage_c}
        assert drift(ThermalDrift(delta_k=2.0), self.BEFORE, now).shown is shown

    def test_downwards_to_a_set_point(self) -> None:
        """By its set point, and without a stage that tells."""
        before = {"setpoint_c": 30.0, "temperature_c": 30.0}
        assert drift(ThermalDrift(setpoint_c=25.0), before, {"setpoint_c": 25.0, "temperature_c": 29.6}).shown
        assert not drift(ThermalDrift(setpoint_c=25.0), before, {"setpoint_c": 25.0, "temperature_c": 30.0}).shown

    @pytest.mark.parametrize(("temperature_c", "healed"), [(30.2, True), (30.3, False), (29.7, False)])
    def test_healed_within_tolerance(self, temperature_c: float, healed: bool) -> None:
        """0.2 K, the last of what a display of tenths tells."""
        during = {"setpoint_c": 32.0, "temperature_c": 32.0}
        after = {"setpoint_c": 30.0, "temperature_c": temperature_c}
        finding = thermal_drift.SPEC.healed(BENCH, "stage", ThermalDrift(delta_k=2.0), Span(during, during), Span(after, after))
        assert finding.shown is healed
