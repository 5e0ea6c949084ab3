"""What can be injected into the twin of a channel: turned polarisation, bursts, traffic in the fibre, each by a closed form.

Bounds are five sigma: a right world fails one comparison in 1.7 million.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import integrate

from hil.bench import load
from hil.bench.model import Bench, Traffic
from hil.device_sims.world.world import World
from hil.physics.link_model import link_model

SECOND = 1_000_000_000
FLAWLESS = {"dark_count_rate_hz": 0.0, "dead_time_s": 0.0, "afterpulse_probability": 0.0, "misalignment_per_k": 0.0}


def flawless(name: str, misalignment: float = 0.0) -> Bench:
    """A shipped bench whose receiver has no flaw but this."""
    bench = load(name)
    bob = replace(bench.device["bob"], **FLAWLESS, misalignment=misalignment)
    return replace(bench, device={**bench.device, "bob": bob})


BENCH = flawless("metro-25km")


def lit(bench: Bench) -> World:
    """Emitting and biased from time zero on."""
    world = World(bench, 11)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


def error_ratios(bench: Bench, injected: dict[str, float], for_s: float) -> tuple[list[float], list[int]]:
    """Share of errors in each basis of a block, and the bits they are of."""
    world = lit(bench)
    for parameter, value in injected.items():
        world.inject("metro", parameter, value, 0)
    world.start_block("bob", 0)
    records = world.stop_block("bob", round(for_s * SECOND))
    sent = world.prepare("alice", records.index)
    own = sent.basis == records.detector // 2
    wrong = sent.bit != records.detector % 2
    bits = [int((own & (sent.basis == basis)).sum()) for basis in (0, 1)]
    return [float((own & wrong & (sent.basis == basis)).sum()) / bits[basis] for basis in (0, 1)], bits


@pytest.mark.parametrize(("degrees", "error"), [(10.0, 0.0076), (20.0, 0.0302), (90.0, 0.5)])
def test_a_turned_polarisation_makes_errors_in_both_bases(degrees: float, error: float) -> None:
    """10 degrees on the sphere cost 0.8 % and 20 degrees 3 % of QBER, a quarter turn everything; a time bin nothing."""
    turned = {"rotation_rad": float(np.radians(degrees))}
    ratios, bits = error_ratios(BENCH, turned, 0.1)
    for ratio, count in zip(ratios, bits, strict=True):
        assert ratio == pytest.approx(error, abs=5.0 * sqrt(error * (1.0 - error) / count) + 1e-4)
    alice = replace(BENCH.device["alice"], encoding="time-bin", extinction_db=200.0)
    time_bin = replace(BENCH, device={**BENCH.device, "alice": alice})
    assert error_ratios(time_bin, turned, 0.01)[0] == [0.0, 0.0]


def test_bursts_spin_the_polarisation_while_they_last() -> None:
    """200 rad/s for 20 ms in every 50 ms: the mean of sin² over it by quadrature, in clicks and in what a black box tells."""
    burst = {"burst_rate_rad_per_s": 200.0, "burst_s": 0.02, "burst_every_s": 0.05}
    expected = integrate.quad(lambda t: np.sin(100.0 * t) ** 2, 0.0, 0.02)[0] / 0.05
    ratios, bits = error_ratios(BENCH, burst, 0.1)
    for ratio, count in zip(ratios, bits, strict=True):
        assert ratio == pytest.approx(expected, abs=5.0 * sqrt(expected / count))
    world = lit(load("metro-25km-black-box"))
    quiet = world.telemetry("bob", 2 * SECOND)
    for parameter, value in burst.items():
        world.inject("metro", parameter, value, 2 * SECOND)
    told = world.telemetry("bob", 3 * SECOND)
    assert quiet.qber_ratio is not None
    assert told.qber_ratio is not None
    rise = told.qber_ratio - quiet.qber_ratio
    # what is wrong already turns right: (1 - 2 e) of the rise
    assert rise == pytest.approx(expected * (1.0 - 2.0 * quiet.qber_ratio), abs=5.0 * sqrt(expected / told.sifted_bits) + 5e-4)


def test_a_black_box_takes_a_turn_for_misalignment() -> None:
    """Its key rate is that of a receiver with sin²(a/2) of misalignment, at a = 0.2 rad."""
    rates = []
    for misalignment, turned in ((0.0, 0.2), (float(np.sin(0.1) ** 2), 0.0)):
        world = lit(flawless("metro-25km-black-box", misalignment))
        world.inject("metro", "rotation_rad", turned, 0)
        rates.append(world.telemetry("bob", 2 * SECOND).key_rate_bps)
    assert rates[0] > 0.0
    assert rates[0] == pytest.approx(rates[1], rel=1e-3)


def test_traffic_can_come_into_a_fibre_that_declares_none() -> None:
    """20 uW injected are the counts of a bench that declares them, which hil.physics expects after Eraerds et al."""
    world = World(BENCH, 11)
    world.set_biased("bob", 0, biased=True)
    world.inject("metro", "launch_power_w", 2e-5, 0)
    world.start_block("bob", 0)
    found = np.bincount(world.stop_block("bob", SECOND).detector, minlength=4)
    fibre = replace(BENCH.link["metro"].fibre, traffic=Traffic(launch_power_w=2e-5))
    busy = replace(BENCH, link={"metro": replace(BENCH.link["metro"], fibre=fibre)})
    key_hz, test_hz = link_model(busy, "metro").background_hz
    assert key_hz > 1e4
    for count, expected in zip(found, (key_hz, key_hz, test_hz, test_hz), strict=True):
        assert abs(count - expected) <= 5.0 * sqrt(expected)
