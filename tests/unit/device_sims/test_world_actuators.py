"""Actuators, light and temperature of the simulated world against closed forms."""

from __future__ import annotations

from math import exp

import msgspec
import pytest

from hil.bench import load
from hil.device_sims.world.world import World
from hil.errors import UnknownNameError, UsageError

SECOND = 1_000_000_000


@pytest.fixture
def world() -> World:
    """The world of the shipped bench."""
    return World(load("metro-25km"), seed=7)


def test_bright_tap_sees_the_pilot_behind_every_loss_before_it(world: World) -> None:
    """The tap's power is the pilot less fibre, switch and attenuator, times the tap ratio: -20 dBm - 8.7 dB - 10 dB."""
    world.set_emitting("alice", 0, emitting=True)
    assert world.tap_power_w("meter", 0) == pytest.approx(10 ** (-38.7 / 10) * 1e-3, rel=1e-12)


def test_attenuator_moves_the_tap_decibel_for_decibel(world: World) -> None:
    """Three more decibels of attenuation take three decibels from the tap, from that time on."""
    world.set_emitting("alice", 0, emitting=True)
    before = world.tap_power_w("meter", SECOND)
    world.set_attenuation_db("voa", 6.0, SECOND)
    assert world.attenuation_db("voa", SECOND) == 6.0
    assert world.tap_power_w("meter", SECOND) / before == pytest.approx(10**-0.3, rel=1e-12)


def test_switch_off_its_channel_leaks_at_its_isolation(world: World) -> None:
    """A switch on its dark channel takes 50 dB, not everything."""
    world.set_emitting("alice", 0, emitting=True)
    through = world.tap_power_w("meter", 0)
    world.set_switch_channel("switch", 4, SECOND)
    assert world.switch_channel("switch", SECOND) == 4
    assert world.tap_power_w("meter", SECOND) / through == pytest.approx(1e-5, rel=1e-12)


def test_no_pilot_without_emission(world: World) -> None:
    """A transmitter that does not emit leaves the tap dark, and none emits at power-up."""
    assert not world.emitting("alice")
    assert world.tap_power_w("meter", 0) == 0.0


def test_attenuator_may_differ_from_its_setting() -> None:
    """An attenuator that is actually 1.5 dB worse than declared reads back its setting and takes 1.5 dB more."""
    bench = load("metro-25km")
    worse = msgspec.structs.replace(bench.device["voa"], actual={"attenuation_db": 4.5})
    world = World(msgspec.structs.replace(bench, device={**bench.device, "voa": worse}), seed=1)
    world.set_emitting("alice", 0, emitting=True)
    world.set_attenuation_db("voa", 10.0, SECOND)
    assert world.attenuation_db("voa", SECOND) == 10.0
    assert world.tap_power_w("meter", SECOND) == pytest.approx(1e-5 * 10 ** (-(5.7 + 11.5 + 10) / 10), rel=1e-12)


def test_stage_relaxes_exponentially_to_its_setpoint(world: World) -> None:
    """T(t) = target + (start - target) exp(-t / 20 s), for the first step and for one that interrupts it."""
    assert world.temperature_c("stage", 5 * SECOND) == 30.0
    world.set_setpoint_c("stage", 40.0, 10 * SECOND)
    assert world.temperature_c("stage", 30 * SECOND) == pytest.approx(40 - 10 * exp(-1), abs=1e-9)
    start = 40 - 10 * exp(-2)
    world.set_heater_enabled("stage", 50 * SECOND, enabled=False)
    assert world.temperature_c("stage", 60 * SECOND) == pytest.approx(22 + (start - 22) * exp(-0.5), abs=1e-9)
    assert world.stage_temperature_c("bob", 60 * SECOND) == world.temperature_c("stage", 60 * SECOND)
    assert world.setpoint_c("stage") == 40.0
    assert not world.heater_enabled("stage")


def test_pulse_index_counts_the_pulses_that_left(world: World) -> None:
    """At 1 GHz the index is the time in nanoseconds, exactly, also after a month."""
    month = 30 * 86_400 * SECOND + 1
    assert world.pulse_index("alice", month) == month
    assert world.pulse_index("bob", month) == month


def test_injection_is_read_back_and_reset_removes_it(world: World) -> None:
    """An injected parameter reads as injected; a world reset is the declared one again."""
    world.inject("bob", "dark_count_rate_hz", 5000.0, SECOND)
    assert world.injected("bob", "dark_count_rate_hz") == 5000.0
    assert world.injected("bob", "z0.dark_count_rate_hz") == 5000.0
    world.inject("bob", "z0.dark_count_rate_hz", 9000.0, SECOND)
    assert (world.injected("bob", "z0.dark_count_rate_hz"), world.injected("bob", "z1.dark_count_rate_hz")) == (9000.0, 5000.0)
    world.inject("bob", "dark_count_rate_hz", 60.0, SECOND)
    assert world.injected("bob", "z0.dark_count_rate_hz") == 60.0
    world.inject("metro", "excess_loss_db", 2.5, SECOND)
    world.reset(8)
    assert world.injected("fibre", "excess_loss_db") == 0.0


@pytest.mark.parametrize(
    ("device", "parameter", "value", "words"),
    [
        ("bob", "dark_counts", 1.0, "dark_count_rate_hz"),
        ("bob", "efficiency", 1.2, "expected 0 to 1"),
        ("bob", "misalignment", float("nan"), "expected 0 to 0.5"),
        ("kme_a", "efficiency", 0.5, "injectable: none"),
    ],
)
def test_impossible_injection_is_refused(world: World, device: str, parameter: str, value: float, words: str) -> None:
    """An unknown parameter names the known ones, an impossible value its bounds."""
    with pytest.raises(UsageError, match=words):
        world.inject(device, parameter, value, 0)


def test_wrong_name_or_role_is_refused(world: World) -> None:
    """A device that is not there, or of another role, is named."""
    with pytest.raises(UnknownNameError, match="carol"):
        world.inject("carol", "efficiency", 0.1, 0)
    with pytest.raises(UsageError, match="voa: not a switch"):
        world.set_switch_channel("voa", 1, 0)


def test_noise_is_keyed_by_component_and_time(world: World) -> None:
    """The same reading at the same time has the same noise, another component or time another."""
    first = world.noise("meter", 5).standard_normal(4)
    assert (world.noise("meter", 5).standard_normal(4) == first).all()
    assert (world.noise("meter", 6).standard_normal(4) != first).any()
    assert (world.noise("stage", 5).standard_normal(4) != first).any()


def test_calibrations_come_every_five_days(world: World) -> None:
    """A transmitter that calibrates itself every 432,000 s did so six times in 30 days."""
    times = world.calibrations_s("alice", 30 * 86_400 * SECOND)
    assert times.tolist() == [432_000.0 * number for number in range(1, 7)]
