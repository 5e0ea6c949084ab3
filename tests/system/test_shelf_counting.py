"""Detectors' counters and time taggers through their drivers: counts of the world, in virtual time to the nanosecond."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hil import discovery
from hil.bench import load
from hil.clock import SystemClock, VirtualClock
from hil.device_sims.host import TwinHost
from hil.errors import UsageError
from hil.ports.spec import DeviceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench
    from hil.clock import Clock

SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"
DARK_HZ = 500.0
SIGMAS = 4.9


@pytest.fixture
def bench() -> Bench:
    return load(SHELF)


@pytest.fixture
def twin(bench: Bench) -> Iterator[TwinHost]:
    """The shelf's counters, the receiver with its bias and no light."""
    with TwinHost(bench, ["spd", "tdc1", "websq"], 5, VirtualClock()) as host:
        host.world.set_biased("bob", 0, biased=True)
        yield host


def opened(host: TwinHost, bench: Bench, name: str, clock: Clock) -> Any:
    declared = bench.device[name]
    settings = DeviceSettings(
        name, host.addresses[name].resource, clock, declared=declared, data_resource=host.addresses[name].data_resource
    )
    driver = discovery.find("driver", declared.driver).build(settings)
    driver.open()
    return closing(driver)


def test_a_detector_counts_for_its_gate_and_no_longer(twin: TwinHost, bench: Bench) -> None:
    """Without its bias nothing; with it exactly what the receiver's own counter gained in the gate, on the bench's clock."""
    clock = twin._clock
    with opened(twin, bench, "spd", clock) as driver:
        assert driver.counts(2.0) == 0
        driver.set_biased(biased=True)
        assert driver.biased()
        before, begun_ns = twin.world.counters("bob", clock.now_ns()).counts[0], clock.now_ns()
        counted = driver.counts(10.0)
        assert clock.now_ns() - begun_ns == 10_000_000_000
        assert counted == twin.world.counters("bob", clock.now_ns()).counts[0] - before
        assert abs(counted - 10.0 * DARK_HZ) < SIGMAS * math.sqrt(10.0 * DARK_HZ)
        driver.park()
        assert driver.counts(1.0) == 0
        with pytest.raises(UsageError, match=r"0\.001 to 65\.535 s"):
            driver.counts(100.0)


def test_a_tagger_counts_every_input_and_its_pairs(twin: TwinHost, bench: Bench) -> None:
    """Singles as the receiver counts them (without the control unit's detector, which has no bias); accidentals are rare."""
    clock = twin._clock
    with opened(twin, bench, "tdc1", clock) as driver:
        before = twin.world.counters("bob", clock.now_ns()).counts
        singles = driver.singles(4.0)
        after = twin.world.counters("bob", clock.now_ns()).counts
        assert singles == tuple(int(now - was) for now, was in zip(after, before, strict=True))
        assert singles[0] == singles[3] == 0
        found = driver.coincidences(2.0)
        assert list(found) == [(1, 3), (1, 4), (2, 3), (2, 4)]
        assert max(found.values()) < 3  # 500 Hz x 500 Hz x 2 ns x 2 s is 1e-3


def test_pushed_counts_are_those_of_a_whole_period(twin: TwinHost, bench: Bench) -> None:
    """The second line of a connection counts one period, begun when the first was said; the unit's own bias is needed."""
    clock = twin._clock
    with opened(twin, bench, "websq", clock) as driver:
        assert driver.identity().model == "WebSQ"
        assert driver.counts(1.0) == 0
        driver.set_biased(biased=True)
        begun_ns = clock.now_ns()
        looks: list[int] = []
        clock.call_at(
            begun_ns + 10_000_000_000, lambda: looks.append(int(twin.world.counters("bob", clock.now_ns()).counts[3]))
        )
        counted = driver.counts(10.0)
        assert clock.now_ns() - begun_ns == 20_000_000_000
        assert counted == twin.world.counters("bob", clock.now_ns()).counts[3] - looks[0]
        assert abs(counted - 10.0 * DARK_HZ) < SIGMAS * math.sqrt(10.0 * DARK_HZ)
        driver.park()
        assert not driver.biased()


def test_on_a_real_clock_the_answer_comes_after_the_gate(bench: Bench) -> None:
    """Behind a pty, 50 ms of counting take 50 ms; the next question is answered in step."""
    clock = SystemClock()
    with TwinHost(bench, ["spd"], 5, clock) as host:
        host.world.set_biased("bob", 0, biased=True)
        with opened(host, bench, "spd", clock) as driver:
            driver.set_biased(biased=True)
            begun_ns = clock.now_ns()
            counted = driver.counts(0.05)
            assert clock.now_ns() - begun_ns >= 50_000_000
            assert 0 <= counted < 25.0 + 5.0 * SIGMAS
            assert driver.identity().model == "SPD"
