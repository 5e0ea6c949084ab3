"""What faults of light and its sources take for evidence, on readings made by hand that can be checked on paper."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.errors import MissingCapabilityError, UsageError
from hil.faults import basis_bias, channel_noise, intensity_drift, laser_detuning, macrobend_loss, polarisation_burst, weak_qrng
from hil.faults._dimming import changed_light, light_back, power_ratio
from hil.faults._settings_sent import changed_rate, changed_share
from hil.faults.intensity_drift import IntensityDrift
from hil.faults.laser_detuning import LaserDetuning
from hil.faults.macrobend_loss import MacrobendLoss
from hil.faults.polarisation_burst import PolarisationBurst
from hil.ports.spec import Span, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

_PATH = SimpleNamespace(
    entangled=False, path=("fibre", "voa"), element={}, fibre=SimpleNamespace(traffic=None), free_space=None
)
_BARE = SimpleNamespace(entangled=False, path=(), element={}, fibre=None, free_space=None)


def _tagged(tag: str, **values: Any) -> Any:
    return SimpleNamespace(__struct_config__=SimpleNamespace(tag=tag), **values)


_DECLARED: dict[str, Any] = {
    "metro": _PATH,
    "bare": _BARE,
    "bob": _tagged("receiver", detectors=("z0", "z1"), dark_count_rate_hz=500.0, misalignment=0.0),
    "voa": _tagged("attenuator"),
    "alice": _tagged("transmitter", intensities=(0.5, 0.1), level="L3", encoding="polarisation"),
    "boxed": _tagged("transmitter", intensities=(0.5, 0.1), level="L0"),
    "pump": _tagged("laser", drives="alice", threshold_a=0.01),
}
_STAND = {
    ("voa", "attenuation_db"): 3.0,
    ("pump", "current_a"): 0.03,
    ("pump", "setpoint_c"): 25.0,
    ("alice", "detuning_nm"): 0.0,
}


class Bench:
    """As much of a bench as a plan asks for."""

    def __init__(self, *, laser: bool = False) -> None:
        self._roles = {"transmitter": "alice", "receiver": "bob", "link": "metro", **({"laser": "pump"} if laser else {})}

    def device_of_role(self, role: str) -> str:
        if role not in self._roles:
            raise MissingCapabilityError(f"no {role}")
        return self._roles[role]

    def devices_of_role(self, role: str) -> tuple[str, ...]:
        return (self._roles[role],) if role in self._roles else ()

    def receiver_behind(self, _device: str) -> str:
        return "bob"

    def declared(self, device: str) -> Any:
        return _DECLARED[device]

    def read(self, device: str, setting: str) -> float:
        return _STAND.get((device, setting), 1.0)


def bench(**having: bool) -> FaultBench:
    return cast("FaultBench", Bench(**having))


def look(seconds: float, *counts: float, **others: float) -> Span:
    """A stretch in which the detectors counted this; other readings are those at its end."""
    clicks = {f"clicks.z{number}": count for number, count in enumerate(counts)}
    end: Readings = {"live_s": seconds, "emitting": 1.0, "biased": 1.0, **clicks, **others}
    return Span(dict.fromkeys(end, 0.0), end)


class TestLight:
    """10 kHz of which 1 kHz are dark counts: 9 kHz of light."""

    BEFORE = look(1.0, 5_000, 5_000)

    @pytest.mark.parametrize(
        ("counts", "found"),
        [
            (5_500, True),  # 4.5 of 9 kHz are gone
            (7_500, True),  # 55 % of that: dead time and afterpulses are not accounted for
            (8_500, False),  # a third of it is something else
            (900, False),  # so is twice as much
            (14_500, False),  # and the other way
        ],
    )
    def test_half_of_it(self, counts: int, found: bool) -> None:
        """Factor 0.5: 5,500 Hz are expected, the dark counts stay."""
        finding = changed_light(bench(), "bob", self.BEFORE, look(1.0, counts / 2, counts / 2), 0.5)
        assert finding.shown is found
        assert "where 5500 Hz would be expected" in finding.words

    def test_too_few_counts_are_no_evidence(self) -> None:
        """100 counts and 50 differ by 50 / sqrt(150), 4.1 standard deviations; a hundred times as many by 41."""
        assert not changed_light(bench(), "bob", look(0.01, 50, 50), look(0.01, 25, 25), 0.4).shown
        assert changed_light(bench(), "bob", look(1.0, 5_000, 5_000), look(1.0, 2_500, 2_500), 0.4).shown

    def test_back_is_judged_from_afterwards_and_not_in_the_dark(self) -> None:
        """It must differ by as much again; without light nothing tells."""
        during = look(1.0, 2_750, 2_750)
        assert light_back(bench(), "bob", during, self.BEFORE, 0.5).shown
        assert not light_back(bench(), "bob", during, look(1.0, 2_800, 2_800), 0.5).shown
        dark = light_back(bench(), "bob", during, look(1.0, 500, 500, emitting=0.0), 0.5)
        assert dark.shown
        assert "light off" in dark.words

    def test_noise_has_to_rise(self) -> None:
        """1,000 counts more on 10,000 are 6.9 standard deviations; 500 are 3.5."""
        shown = channel_noise.SPEC.shown
        settings, stood = channel_noise.ChannelNoise(launch_power_w=1e-6), {"set.metro/launch_power_w": 0.0}
        quiet = Span({**self.BEFORE.first}, {**self.BEFORE.last, **stood})
        for more, found in ((1_000, True), (500, False), (-1_000, False)):
            noisy = look(1.0, 5_000 + more / 2, 5_000 + more / 2, **{"set.metro/launch_power_w": 1e-6})
            assert shown(bench(), "metro", settings, quiet, noisy).shown is found


class TestWhatMoves:
    """Absolute values, from what stood."""

    def test_the_attenuator_of_the_path(self) -> None:
        """3 dB and 2 more; a way without attenuator, fibre and air is a skip."""
        undos = macrobend_loss.SPEC.plan(bench(), "metro", MacrobendLoss(2.0))
        (move,) = macrobend_loss.SPEC.moves(bench(), "metro", MacrobendLoss(2.0), undos)
        assert (move.device, move.setting, move.value) == ("voa", "attenuation_db", 5.0)
        with pytest.raises(MissingCapabilityError, match="neither fibre nor air"):
            macrobend_loss.SPEC.plan(bench(), "bare", MacrobendLoss(2.0))

    def test_the_current_above_the_threshold(self) -> None:
        """30 mA over a threshold of 10 mA: half of the light is 20 mA; without the laser the twin's intensities halve."""
        half = IntensityDrift(10.0 * math.log10(0.5))
        for laser, expected in ((True, [("pump", 0.02)]), (False, [("alice", 0.5), ("alice", 0.5)])):
            undos = intensity_drift.SPEC.plan(bench(laser=laser), "alice", half)
            moves = intensity_drift.SPEC.moves(bench(laser=laser), "alice", half, undos)
            assert [move.device for move in moves] == [device for device, _ in expected]
            assert [move.value for move in moves] == pytest.approx([value for _, value in expected])

    def test_a_detuned_laser_loses_what_its_filter_takes(self) -> None:
        """0.4 nm beside a filter 0.8 nm wide: half of the light, to either side."""
        set_to = {"set.alice/detuning_nm": 0.4}
        before, now = look(1.0, 5_000, 5_000, **{"set.alice/detuning_nm": 0.0}), look(1.0, 2_750, 2_750, **set_to)
        assert laser_detuning.SPEC.shown(bench(), "alice", LaserDetuning(0.4), before, now).shown
        assert "where 5500 Hz" in laser_detuning.SPEC.shown(bench(), "alice", LaserDetuning(0.4), before, now).words

    def test_the_set_point_of_the_laser(self) -> None:
        """0.36 nm are 4 K at 0.09 nm a kelvin, upwards; without the laser the twin is detuned."""
        for laser, expected in ((True, ("pump", 29.0)), (False, ("alice", 0.36))):
            undos = laser_detuning.SPEC.plan(bench(laser=laser), "alice", LaserDetuning(0.36))
            (move,) = laser_detuning.SPEC.moves(bench(laser=laser), "alice", LaserDetuning(0.36), undos)
            assert (move.device, move.value) == (expected[0], pytest.approx(expected[1]))

    def test_a_burst_longer_than_its_cycle(self) -> None:
        """Refused by its settings."""
        with pytest.raises(UsageError, match="at most every_s"):
            PolarisationBurst(burst_s=0.2, every_s=0.1)
        undo = Undo("metro", "burst_s", 0.0)
        assert polarisation_burst.SPEC.moves(bench(), "metro", PolarisationBurst(burst_s=0.0), (undo,)) == ()


def sums(**values: float) -> Span:
    """Sums over a stretch of one second that began with none."""
    return Span(dict.fromkeys(["sampled_s", *values], 0.0), {"sampled_s": 1.0, **values})


class TestSettings:
    """Shares and rates."""

    @pytest.mark.parametrize(
        ("key", "found"),
        [
            (7_500, True),  # 83 % to 75 %: 8 of the 10 % due, 13.9 standard deviations
            (7_900, False),  # less than half of it
            (8_100, False),
            (9_000, False),  # the other way
        ],
    )
    def test_a_share(self, key: int, found: bool) -> None:
        """Of 10,000 settings, where 10 % less were due."""
        one, other = sums(part=8_300, whole=10_000), sums(part=key, whole=10_000)
        assert changed_share(one, other, ("part", "whole"), -0.1, words="key").shown is found

    def test_a_share_that_is_not_sure(self) -> None:
        """Of 100 settings 83 and 73: 1.7 standard deviations. Nothing looked at says nothing."""
        assert not changed_share(sums(part=83, whole=100), sums(part=73, whole=100), ("part", "whole"), -0.1, words="key").shown
        finding = changed_share(sums(part=83, whole=100), sums(part=0, whole=0), ("part", "whole"), -0.1, words="key")
        assert not finding.shown
        assert "tell nothing" in finding.words

    @pytest.mark.parametrize(("clicks", "found"), [(12_000, True), (10_700, False), (8_000, False)])
    def test_a_rate(self, clicks: int, found: bool) -> None:
        """10,000 a second, 1.2 times as many due: 14 standard deviations; 700 more are sure and less than half."""
        assert changed_rate(sums(clicks=10_000), sums(clicks=clicks), "clicks", 1.2, words="clicks").shown is found

    def test_a_weak_generator_of_a_transmitter_that_tells_nothing(self) -> None:
        """A skip with that reason; a bias of the bases shows all the same."""
        with pytest.raises(MissingCapabilityError, match="shows neither settings nor raw bits"):
            weak_qrng.SPEC.plan(bench(), "boxed", weak_qrng.WeakQrng(0.1))
        assert basis_bias.SPEC.plan(bench(), "boxed", basis_bias.BasisBias(0.1))


def test_decibels() -> None:
    """3.01 dB are a factor of two."""
    assert power_ratio(10.0 * math.log10(2.0)) == pytest.approx(2.0)
