"""Clock domains of the world: exact ticks over days, rate, drift, flicker, and the delay of the fibre."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.bench import load
from hil.bench.model import Bench, ReceiverDevice
from hil.device_sims.world.clocks import ReceiverClock
from hil.device_sims.world.optics import Optics
from hil.device_sims.world.parameters import Parameters
from hil.device_sims.world.path_delay import PathDelay
from hil.device_sims.world.power_up import initial_state
from hil.device_sims.world.source import PulseClock
from hil.device_sims.world.timeline import Timeline
from hil.ports.detections import DetectionRecords

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

SECOND = 1_000_000_000
DAY_S = 86_400
GROUP_INDEX, LIGHT_KM_PER_S = Fraction("1.468"), Fraction("299792.458")


class Bed:
    """One receiver clock on the shipped bench; its keys as a bench file has them."""

    def __init__(self, link: str = "", **bob: object) -> None:
        import msgspec

        bench: Bench = load("metro-25km")
        table = msgspec.structs.replace(bench.device["bob"], timing="tags", **bob)
        assert isinstance(table, ReceiverDevice)
        bench = msgspec.structs.replace(bench, device=bench.device | {"bob": table})
        self.parameters = Parameters(bench)
        self.timeline = Timeline(initial_state(bench))
        optics = Optics(bench, self.parameters)
        way = optics.way(link)
        path = None if way is None else PathDelay(way, self.parameters, optics)
        self.clock = ReceiverClock(
            "bob", table, 5, timeline=self.timeline, parameters=self.parameters, pulses=PulseClock(1e9), path=path
        )

    def inject(self, device: str, parameter: str, value: float, now_ns: int) -> None:
        self.timeline.change(self.parameters.injection(device, parameter, value, self.timeline.present), now_ns)

    def ticks(self, pulses: list[int]) -> list[int]:
        """When light of these pulses, all at their centres, is told to come."""
        index = np.array(pulses, dtype=np.int64)
        block = DetectionRecords(0, pulses[-1] + 1, index, np.zeros(index.size, dtype=np.uint8), 1.0)
        found = self.clock.tags(block, 0, pulses[-1] + SECOND, np.zeros(index.size))
        return found.ticks.tolist()


@pytest.mark.parametrize("tick_s", [125e-12, 156.25e-12])
def test_ticks_are_exact_over_a_day(tick_s: float) -> None:
    """Floor of rational numbers, where floats have lost 16 ps: a clock 1.7 ppm fast, read over 30 days."""
    bed = Bed(tick_s=tick_s, clock_error_ppm=1.7, clock_offset_s=3.0)
    pulses = [day * DAY_S * SECOND + extra for day in (0, 1, 30) for extra in (0, 1, 7, 123_456_789)]
    tick = Fraction(repr(tick_s))
    exact = [(3 + Fraction(pulse, SECOND) * (1 + Fraction("1.7e-6"))) / tick for pulse in pulses]
    # a reading within 1e-4 of a tick's edge may be told one tick early or late by the floats within a second
    for told, right in zip(bed.ticks(pulses), exact, strict=True):
        assert told in {int(right - Fraction("1e-4")), int(right + Fraction("1e-4"))}


def test_drift_adds_up_from_power_up() -> None:
    """At time t the clock is ahead by y t + d t^2 / 2: 0.36 ppm an hour are 1e-10 a second each second."""
    bed = Bed(clock_error_ppm=-5.0, clock_drift_ppm_per_h=0.36)
    for seconds in (1, 60, 3600):
        reading = bed.clock.reading_s(Fraction(seconds))
        assert reading - seconds == Fraction("-5e-6") * seconds + Fraction("1e-10") * seconds**2 / 2


def test_a_change_of_rate_leaves_no_step() -> None:
    """From 10 s on 2 ppm fast: at 10 s nothing has jumped, at 15 s it is 10 us ahead."""
    bed = Bed()
    bed.inject("bob", "clock_error_ppm", 2.0, 10 * SECOND)
    assert bed.clock.reading_s(Fraction(10)) == 10
    assert bed.clock.reading_s(Fraction(15)) == 15 + Fraction("10e-6")


def test_light_comes_a_path_delay_later() -> None:
    """25 km of group index 1.468 take 122.4 us, 500 m more 2.448 us, and a kelvin 950 ps (38 ps per km and K)."""
    bed = Bed("metro")
    delay = 25 * GROUP_INDEX / LIGHT_KM_PER_S
    assert bed.ticks([0]) == [int(delay / Fraction("125e-12"))]
    bed.inject("metro", "length_km", 25.5, SECOND)
    bed.inject("metro", "temperature_c", 21.0, 2 * SECOND)
    told = bed.ticks([0, SECOND + 10, 2 * SECOND + 10])
    arrivals = [
        delay,
        1 + Fraction("1e-8") + Fraction("25.5") * GROUP_INDEX / LIGHT_KM_PER_S,
        2 + Fraction("1e-8") + Fraction("25.5") * (GROUP_INDEX / LIGHT_KM_PER_S + Fraction("38e-12")),
    ]
    for tick, arrival in zip(told, arrivals, strict=True):
        assert tick == int(arrival / Fraction("125e-12"))


def test_flicker_has_its_allan_deviation_at_every_averaging_time() -> None:
    """Overlapping Allan deviation (IEEE Std 1139-2008, eq. 10) of a floor of 1e-9, over a factor of 64 in time.

    Lines an octave apart make it level to a tenth on average; one realisation of a few hundred averages adds about 20 %.
    """
    bed = Bed(clock_noise=1e-9, tick_s=1e-14)
    step = 20_000_000
    ticks = np.array(bed.ticks([number * step for number in range(20_000)]), dtype=np.int64)
    error_s = (ticks - np.arange(ticks.size) * (step * 100_000)) * 1e-14
    for averaged in (5, 20, 80, 320):
        bend = error_s[2 * averaged :] - 2.0 * error_s[averaged:-averaged] + error_s[: -2 * averaged]
        deviation = np.sqrt(np.mean(bend**2) / 2.0) / (averaged * step * 1e-9)
        assert 0.6e-9 < deviation < 1.5e-9


def test_tags_do_not_depend_on_where_blocks_are_cut(world_where: Callable[..., World]) -> None:
    """One block of 4 ms or two of 2 ms: the same ticks, but for the light at the edge, which is dead or in flight."""
    ticks = []
    for cuts in ((0, 4_000_000), (0, 2_000_000, 4_000_000)):
        world = world_where("bob", timing="tags", jitter_sigma_s=50e-12, clock_error_ppm=3.0)
        world.set_emitting("alice", 0, emitting=True)
        world.set_biased("bob", 0, biased=True)
        parts = []
        for start, end in itertools.pairwise(cuts):
            world.start_block("bob", start)
            world.stop_block("bob", end)
            tags = world.last_tags("bob")
            assert tags is not None
            parts.append(tags.ticks)
        ticks.append(np.concatenate(parts))
    common = np.intersect1d(ticks[0], ticks[1])
    assert common.size > 0.99 * max(part.size for part in ticks)


def test_a_receiver_that_assigns_pulses_has_no_ticks(lit_world: World) -> None:
    """The shipped receiver's electronics know the pulses."""
    lit_world.start_block("bob", 0)
    lit_world.stop_block("bob", 1_000_000)
    assert lit_world.last_tags("bob") is None
    assert lit_world.clock_tick("bob", 5) is None
