"""Faults of detectors and timing on a bench that says it is real: by an actuator where there is one, else a skip with why."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import load
from hil.clock import SystemClock
from hil.device_sims.host import TwinHost
from hil.errors import EnvelopeError, MissingCapabilityError
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a system that tells when a process ends")

_DETECTORS = ("z0", "z1", "x0", "x1")

_BENCH = """
[bench]
name = "lab"
simulated = {simulated}

[device.alice]
role = "transmitter"
driver = "reference-transceiver"
intensities = [0.55, 0.25, 2e-4]
intensity_probabilities = [0.4, 0.4, 0.2]
pulse_rate = "1 GHz"
key_basis_probability = 0.83
{alice}
[device.bob]
role = "receiver"
driver = "reference-transceiver"
efficiency = 0.2
dark_count_rate = "60 cps"
dead_time = "50 ns"
key_basis_probability = 0.83
{bob}
[device.voa]
role = "attenuator"
driver = "ozoptics-dd100mc"
attenuation = "6 dB"
envelope = {{ attenuation = ["2 dB", "60 dB"] }}
chaos = "allow"
{voa}
{units}
[link.metro]
protocol = "bb84-decoy"
parties = {{ a = "alice", b = "bob" }}
path = ["fibre", "voa"]
auxiliary = {names}

[link.metro.fibre]
length = "25 km"
"""

_UNIT = """
[device.spd_{name}]
role = "detector"
driver = "s-fifteen-spd"
of = "bob"
channel = "{name}"
envelope = {{ bias = ["0 V", "212 V"], setpoint = ["-40 degC", "0 degC"] }}
chaos = "allow"
{address}
"""


def _text(units: tuple[str, ...], host: TwinHost | None = None) -> str:
    """The bench of twins, or, with a host of them, one that says it is real and has their addresses."""

    def address(device: str) -> str:
        if host is None:
            return ""
        at = host.addresses[device]
        return f'address = "{at.resource}"\n' + (f'data_address = "{at.data_resource}"\n' if at.data_resource else "")

    names = [f"spd_{name}" for name in units]
    return _BENCH.format(
        simulated="true" if host is None else "false",
        alice=address("alice"),
        bob=address("bob"),
        voa=address("voa"),
        units="".join(_UNIT.format(name=name, address=address(f"spd_{name}")) for name in units),
        names=str(names).replace("'", '"'),
    )


def _lab(path: Path, units: tuple[str, ...]) -> Iterator[tuple[TwinHost, Testbed]]:
    """Devices in this process, in real time, as a lab would have them; and the real bench over them, opened."""
    twins = path / "twins.toml"
    twins.write_text(_text(units), encoding="utf-8")
    bench = load(twins)
    with TwinHost(bench, list(bench.device), 5, SystemClock()) as host:
        real = path / "lab.toml"
        real.write_text(_text(units, host), encoding="utf-8")
        with Testbed.open(real, seed=1) as testbed:
            testbed.begin("real")
            yield host, testbed
            testbed.end()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[tuple[TwinHost, Testbed]]:
    """A receiver without control units."""
    yield from _lab(tmp_path, ())


@pytest.fixture
def equipped(tmp_path: Path) -> Iterator[tuple[TwinHost, Testbed]]:
    """Every detector has one."""
    yield from _lab(tmp_path, _DETECTORS)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "efficiency_loss": ({"loss_ratio": 0.3}, "bias can be lowered"),
    "afterpulsing": ({"added_ratio": 0.05}, "hold-off"),
    "dead_time_growth": ({"added_s": 1e-6}, "hold-off can be set"),
    "latching": ({}, "bias current"),
    "saturation": ({"gain_db": 10.0}, "attenuator can open by 4 dB"),
    "blinding": ({"power_w": 0.02}, "may kill"),
    "temperature_excursion": ({"delta_k": 20.0}, "cooler can be set"),
    "detector_ageing": ({"age_s": 1e8}, "the time itself"),
    "clock_drift": ({"rate_ppm": 20.0}, "no clock that could drift"),
    "timing_jitter": ({"sigma_s": 3e-10}, "noisy reference clock"),
    "sync_loss": ({}, "synchronisation signal"),
}


def test_what_real_hardware_cannot_be_commanded_to_have_is_a_skip(bare: tuple[TwinHost, Testbed]) -> None:
    """Each with what it would take, before anything moves."""
    host, testbed = bare
    chaos = Chaos(testbed, testbed.link("metro"))
    for fault, (settings, reason) in REFUSED.items():
        with pytest.raises(MissingCapabilityError, match=reason):
            getattr(chaos, fault)(**settings)
    assert host.world.attenuation_db("voa", host.now_ns()) == 6.0


def test_bias_is_lowered_and_coolers_are_set_through_control_units(equipped: tuple[TwinHost, Testbed]) -> None:
    """A third less above breakdown of 189 V; 10 K warmer; within the envelopes, and back."""
    host, testbed = equipped
    chaos, world = Chaos(testbed, testbed.link("metro")), host.world
    with chaos.efficiency_loss(loss_ratio=0.3) as loss:
        assert [world.standing(f"spd_{name}", "bias_v") for name in _DETECTORS] == [203.7] * 4
        assert "fewer counts" in loss.evidence
    assert [world.standing(f"spd_{name}", "bias_v") for name in _DETECTORS] == [210.0] * 4
    with chaos.temperature_excursion("z1", delta="10 K") as warm:
        assert [world.standing(f"spd_{name}", "setpoint_c") for name in _DETECTORS] == [-20.0, -10.0, -20.0, -20.0]
        assert "spd_z1 by +10.0 K" in warm.evidence
    assert world.standing("spd_z1", "setpoint_c") == -20.0
    with pytest.raises(EnvelopeError, match="-40 to 0"), chaos.temperature_excursion(delta="25 K"):
        pytest.fail("was injected")
    assert [world.standing(f"spd_{name}", "setpoint_c") for name in _DETECTORS] == [-20.0] * 4


def test_a_real_attenuator_opens_inside_its_envelope(bare: tuple[TwinHost, Testbed]) -> None:
    """4 dB more light of the 6 dB there are, as the envelope begins at 2 dB."""
    host, testbed = bare
    make = partial(Chaos(testbed, testbed.link("metro")).saturation, "bob")
    with make(gain="4 dB") as bright:
        assert host.world.attenuation_db("voa", host.now_ns()) == 2.0
        assert "of what 4 dB more light would give" in bright.evidence
    assert host.world.attenuation_db("voa", host.now_ns()) == 6.0
