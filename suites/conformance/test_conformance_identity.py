"""Who the devices are, and that they are at rest before anything is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from hil.errors import MissingCapabilityError

if TYPE_CHECKING:
    from hil import Bench, Link
    from hil.clock import Clock

_CLOCK_PPM = 5.0


def test_every_device_is_the_one_the_bench_names(bench: Bench) -> None:
    """Vendor and model are told, and serial numbers are those the bench file pins."""
    for name, device in bench.devices.items():
        said = device.identity()
        assert said.vendor, f"{name} does not tell its vendor"
        assert said.model, f"{name} does not tell its model"
        pinned = bench.bench.device[name].serial
        assert pinned in {"", said.serial}, f"{name} has serial number {said.serial}, the bench file pins {pinned}"


def test_every_firmware_is_in_its_range(bench: Bench) -> None:
    """Each firmware version lies in the range that the bench file pins."""
    for name, device in bench.devices.items():
        pinned, said = bench.bench.device[name].firmware, device.identity().firmware
        allowed = SpecifierSet(pinned, prereleases=True)
        assert not pinned or said in allowed, f"{name} has firmware {said}, the bench file pins {pinned}"


@pytest.mark.hil_needs("receiver")
def test_a_parked_link_is_dark(link: Link) -> None:
    """Before a test brings the link up there is no light, no bias, and the path is shut."""
    assert not link.emitter.emitting(), f"{link.emitter.name} emits while parked"
    for receiver in link.receivers:
        assert not receiver.biased(), f"{receiver.name} has bias while parked"
    if link.switch is not None:
        assert link.switch.channel() != link.switch_declared.through_channel, f"{link.switch.name} passes the link while parked"


@pytest.mark.hil_level("L3")
@pytest.mark.hil_needs("transmitter")
def test_the_transmitter_sends_what_it_declares(link: Link) -> None:
    """Basis and intensity of a hundred thousand pulses come as often as declared, within five standard deviations."""
    import numpy as np

    number = 100_000
    source = link.source
    sent = link.transmitter.prepare(np.arange(number, dtype=np.int64))
    shares = [("key basis", sent.basis == 0, source.key_basis_probability), ("bit 1", sent.bit == 1, 0.5)]
    shares += [
        (f"intensity {intensity:g}", sent.intensity == place, probability)
        for place, (intensity, probability) in enumerate(zip(source.intensities, source.probabilities, strict=True))
    ]
    for what, found, probability in shares:
        deviation = (probability * (1.0 - probability) / number) ** 0.5
        share = float(found.mean())
        assert abs(share - probability) < 5.0 * deviation, f"{what}: {share:.4f} of the pulses, declared {probability:.4f}"


@pytest.mark.hil_level("L3")
@pytest.mark.hil_needs("transmitter")
def test_the_receivers_clock_keeps_its_rate(link: Link) -> None:
    """A receiver that tells times does so within 5 ppm of its declared rate, twice what a TCXO drifts by."""
    if link.receiver_declared.timing != "tags":
        raise MissingCapabilityError(f"{link.receiver.name} has no clock of its own: its electronics assign pulses")
    run = link.run(2.0 * link.declared.block_s)
    unassigned = [block.sentence for block in run.blocks if "no synchronisation" in block.sentence]
    assert not unassigned, unassigned[0]
    _, rates_ppm = run.series["clock_rate_ppm"]
    off_ppm = [rate - link.receiver_declared.clock_error_ppm for rate in rates_ppm.tolist()]
    assert max(map(abs, off_ppm)) < _CLOCK_PPM, (
        f"its clock runs {max(off_ppm, key=abs):+.2f} ppm off, {_CLOCK_PPM:g} are allowed"
    )


@pytest.mark.hil_level("L3")
def test_both_ends_count_the_same_time(clock: Clock, link: Link) -> None:
    """Over ten seconds the clocks of light source and receiver advance alike, within 100 ppm, and the pulse index with them."""
    emitter, receiver, pulse_rate_hz = link.emitter, link.receiver, link.source.pulse_rate_hz
    before = emitter.device_time_ns(), receiver.device_time_ns(), emitter.pulse_index()
    clock.sleep(10.0)
    after = emitter.device_time_ns(), receiver.device_time_ns(), emitter.pulse_index()
    at_a, at_b, pulses = (end - start for end, start in zip(after, before, strict=True))
    assert at_a == pytest.approx(at_b, rel=1e-4)
    assert pulses == pytest.approx(at_a * 1e-9 * pulse_rate_hz, rel=1e-4)
