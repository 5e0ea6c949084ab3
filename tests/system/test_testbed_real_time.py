"""A bench whose every device has an address: real time, real randomness, and the same code as on twins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from hil.bench import load
from hil.bench.model import KmeDevice
from hil.clock import SystemClock
from hil.device_sims.host import TwinHost
from hil.errors import MissingCapabilityError
from hil.pipeline.entropy import SystemEntropy
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench
    from hil.testbed.link import Link


def as_real(bench: Bench, host: TwinHost) -> Bench:
    """The bench with each device at an address, as a lab's would be; without key management entities."""
    devices = {
        name: cast("Any", msgspec.structs.replace)(
            device, address=host.addresses[name].resource, data_address=host.addresses[name].data_resource
        )
        for name, device in bench.device.items()
        if not isinstance(device, KmeDevice)
    }
    links = {
        name: msgspec.structs.replace(
            link, kmes={}, block_s=0.5, proof=msgspec.structs.replace(link.proof, epsilon_secrecy=1e-4)
        )
        for name, link in bench.link.items()
    }
    return msgspec.structs.replace(
        bench, bench=msgspec.structs.replace(bench.bench, simulated=False), device=devices, link=links
    )


@pytest.fixture(scope="module")
def lab() -> Iterator[Testbed]:
    bench = load("metro-25km")
    served = [name for name, device in bench.device.items() if not isinstance(device, KmeDevice)]
    with TwinHost(bench, served, 5, SystemClock()) as host, Testbed.open(as_real(bench, host), seed=5) as testbed:
        yield testbed


def test_a_link_with_addresses_runs_in_real_time_and_makes_key(lab: Testbed) -> None:
    """Two blocks of half a second; counts as the closed forms have them, by the time the device says it listened."""
    lab.begin("a case")
    link = cast("Link", lab.link("metro"))
    run = link.run("1 s")
    assert isinstance(lab.clock, SystemClock)
    assert run.end_s - run.start_s >= 1.0
    assert not run.simulated
    assert not link.simulated
    assert 1 <= len(run.blocks) <= 2  # distilling takes real time here, and no block starts late
    block = run.blocks[0]
    assert block.live_s >= 0.5 - 1e-3  # and as much longer as this machine is busy
    assert block.released
    mean = link.prediction.counts_hz * block.live_s
    assert abs(block.detections - mean) < 5.0 * math.sqrt(1.2 * mean)
    keys = link.released()
    assert keys
    assert all(of_a == of_b and of_a.test for _, of_a, of_b in keys)
    lab.end()


def test_gates_last_as_long_as_the_device_listened(lab: Testbed) -> None:
    """Real waits are a little longer than asked for; rates are of the live time."""
    lab.begin("a case of gates")
    link = cast("Link", lab.link("metro"))
    for gates in link.count_gates("lit", gates=4, gate="20 ms"):
        assert gates.gate_s >= 0.02
        mean = (gates.predicted_hz or 0.0) * gates.gate_s * 4
        assert abs(int(gates.counts.sum()) - mean) < 5.0 * math.sqrt(1.3 * mean)
        assert not gates.simulated
    lab.end()


def test_nothing_of_a_real_bench_follows_from_the_seed(lab: Testbed) -> None:
    """Hash seeds, shuffles and authentication keys are the operating system's, and nothing can be injected."""
    assert isinstance(lab.entropy("pool"), SystemEntropy)
    assert lab.entropy("pool").draw("pool", 16) != lab.entropy("pool").draw("pool", 16)
    with pytest.raises(MissingCapabilityError, match="no simulated device"):
        _ = lab.control
