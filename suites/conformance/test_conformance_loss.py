"""Loss against received power, and what follows the light: counts, QBER, key rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from hil.physics.link_model import calibration_uncertainty
from hil.physics.prediction import tap_power_w

if TYPE_CHECKING:
    from hil import Link
    from hil.ports.run import CountGates

_STEPS_DB = (3.0, 6.0, 10.0)
_SETTING_DB = 0.15
"""Two settings of an attenuator that moves in tenths of a decibel, and the meter's noise."""


def _read_dbm(link: Link) -> float:
    """Ten readings of the power meter, averaged, in dBm."""
    assert link.power_meter is not None
    return 10.0 * math.log10(sum(link.power_meter.power_w() for _ in range(10)) / 10.0 / 1e-3)


def _lit_hz(link: Link, gates: int = 10) -> float:
    return _seen_hz(link, link.count_gates("lit", gates=gates))


def _seen_hz(link: Link, counted: list[CountGates]) -> float:
    """Clicks a second of the link's receiver; of an entangled link, that of its party b."""
    names = link.detector_names(link.receiver)
    return sum(float(one.counts.mean()) / one.gate_s for one in counted if one.detector in names)


@pytest.mark.hil_needs("power-meter")
def test_received_power_is_what_the_path_lets_expect(link: Link) -> None:
    """The tap reads what pilot power and declared losses make, within its calibration and half a decibel of connectors."""
    from datetime import date

    link.up()
    expected_dbm = 10.0 * math.log10(tap_power_w(link.testbed.bench, link.name) / 1e-3)
    uncertainty = calibration_uncertainty(link.testbed.bench, link.name, date.today())  # noqa: DTZ011  (certificates bear local dates)
    allowed_db = 0.5 + 10.0 * math.log10(1.0 + min(uncertainty, 1.0))
    assert _read_dbm(link) == pytest.approx(expected_dbm, abs=allowed_db)


@pytest.mark.hil_needs("power-meter", "attenuator")
def test_received_power_follows_the_attenuator(link: Link) -> None:
    """Each step of the attenuator takes as many decibels from the light behind it."""
    link.up()
    assert link.attenuator is not None
    start_db, start_dbm = link.attenuator.attenuation_db(), _read_dbm(link)
    for step_db in _STEPS_DB:
        link.attenuator.set_attenuation_db(start_db + step_db)
        lost_db = start_dbm - _read_dbm(link)
        assert lost_db == pytest.approx(step_db, abs=_SETTING_DB), f"{step_db} dB more took {lost_db:.2f} dB of light"


@pytest.mark.hil_level("L1")
@pytest.mark.hil_needs("attenuator")
def test_counts_follow_the_attenuator(link: Link) -> None:
    """3 dB more halve the counts, dead time and dark counts aside."""
    link.up()
    assert link.attenuator is not None
    before_hz = _lit_hz(link)
    link.attenuator.set_attenuation_db(link.attenuator.attenuation_db() + 3.0)
    dark_hz = link.prediction.dark_counts_hz * len(link.receiver.detectors)
    share = (_lit_hz(link) - dark_hz) / (before_hz - dark_hz)
    # 3 dB leave 0.501; dead time lets the brighter link count up to a tenth less than its light
    assert 0.49 < share < 0.56, f"3 dB more attenuation left {share:.3f} of the counts"


@pytest.mark.hil_level("L3")
@pytest.mark.hil_needs("attenuator")
def test_key_rate_follows_the_attenuator(link: Link) -> None:
    """3 dB more leave key, and less than two thirds of it; the QBER does not get better."""
    link.up()
    assert link.attenuator is not None
    near = link.run(2.0 * link.declared.block_s)
    link.attenuator.set_attenuation_db(link.attenuator.attenuation_db() + 3.0)
    far = link.run(2.0 * link.declared.block_s)
    assert 0 < far.net_secret_bits < near.net_secret_bits * 2 / 3, far.blocks[-1].sentence
    qber_near, qber_far = (
        sum(block.key_errors or 0 for block in run.blocks) / sum(block.sifted_key_bits for block in run.blocks)
        for run in (near, far)
    )
    assert qber_far > qber_near - 0.001


@pytest.mark.hil_level("L1")
@pytest.mark.hil_needs("switch")
def test_the_switch_isolates_as_declared(link: Link) -> None:
    """On the dark port no more light leaks through than the declared isolation lets, within 1.5 dB; on a twin it does leak."""
    link.up()
    assert link.switch is not None
    declared = link.switch_declared
    dark_hz = _seen_hz(link, link.count_gates("dark", gates=60, gate="2 s"))
    lit_hz = _lit_hz(link)
    link.switch.select(declared.dark_channel)
    gates = link.count_gates("lit", gates=60, gate="2 s")
    seen_hz = _seen_hz(link, gates)
    counting_s = 60 * gates[0].gate_s
    deviation_hz = math.sqrt((dark_hz + seen_hz) / counting_s) * 1.1  # afterpulses spread counts a little more than Poisson
    leak_hz = lit_hz * 10.0 ** (-declared.isolation_db / 10.0)
    if link.simulated and leak_hz > 10.0 * deviation_hz:  # hardware may be better than it says, a twin may not
        assert seen_hz - dark_hz > leak_hz / 2.0, f"{seen_hz - dark_hz:.1f} cps leak, {leak_hz:.1f} cps are declared"
    most_hz = lit_hz * 10.0 ** (-(declared.isolation_db - 1.5) / 10.0)
    assert seen_hz - dark_hz < most_hz + 3.0 * deviation_hz, (
        f"{seen_hz - dark_hz:.1f} cps leak through {link.switch.name}, not {most_hz:.1f} cps"
    )
