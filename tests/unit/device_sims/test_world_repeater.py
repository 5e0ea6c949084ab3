"""Sampled repeater chains against closed forms of hil.physics, which share no formula with the sampler.

Every bound is six standard errors, two false alarms in a thousand million looks; seeds are fixed.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import load
from hil.bench.model import Bench, BenchInfo, Link, RepeaterNodeDevice, Segment
from hil.device_sims.world import repeater
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.physics.repeater import elementary_success_probability, expected_attempts
from hil.physics.repeater_prediction import predict_repeater

if TYPE_CHECKING:
    from hil.ports.repeater import PairRecords

SIGMAS = 6.0
S = 10**9
LINK = "chain"


def chain(segments: list[Segment], nodes: list[RepeaterNodeDevice]) -> Bench:
    names = [f"n{number}" for number in range(len(nodes))]
    link = Link(
        protocol="entanglement-swapping",
        parties={"a": names[0], "b": names[-1]},
        path=tuple(names[1:-1]),
        segments=tuple(segments),
    )
    devices = dict(zip(names, nodes, strict=True))
    return Bench(bench=BenchInfo(name="chain", simulated=True), device=devices, link={LINK: link})


def node(**keys: float) -> RepeaterNodeDevice:
    return RepeaterNodeDevice(driver="reference-repeater", **{"coherence_time_s": 0.02, **keys})  # type: ignore[arg-type]


def segment(**keys: float) -> Segment:
    declared = {"length_km": 20.0, "attempt_rate_hz": 1e5, "efficiency": 0.3, "fidelity": 0.95}
    return Segment(**{**declared, **keys})  # type: ignore[arg-type]


# what waits in this one loses much of its entanglement, so that every parameter shows
SHORT = chain(
    [segment(efficiency=0.2, attempt_rate_hz=1e4), segment(length_km=25.0, efficiency=0.25, attempt_rate_hz=1e4)],
    [node(memories=2), node(memories=2, swap_success=0.7, swap_fidelity=0.96), node(memories=3)],
)
# nothing fades in this one, so that what the pairs begin with shows
LONG = chain(
    list(SHORT.link[LINK].segments), [node(coherence_time_s=10.0), node(coherence_time_s=10.0), node(coherence_time_s=10.0)]
)
PAIRS = 900_000


def started(bench: Bench, seed: int = 1) -> World:
    world = World(bench, seed)
    for name in bench.device:
        world.set_repeating(name, 0, repeating=True)
    return world


def both(world: World, now_ns: int) -> tuple[PairRecords, PairRecords]:
    (link,) = world.bench.link.values()
    first, second = (world.pairs(link.parties[side], 0, 10**7, now_ns) for side in ("a", "b"))
    assert first.made == second.made == first.outcomes.size
    return first, second


def errors(first: PairRecords, second: PairRecords) -> np.ndarray:
    """Whether the outcomes of each pair go against (|00> + |11>) / sqrt(2): unequal in Z and X, equal in Y."""
    return (first.outcomes != second.outcomes) ^ (np.arange(first.outcomes.size) % 3 == 2)


def _name(bench: Bench) -> str:
    (name,) = bench.link
    return name


def deviations(bench: Bench, world: World, pairs: int) -> dict[str, float]:
    """How many standard errors rate, error share, swap success and wait are away from what the bench file predicts."""
    expected = predict_repeater(bench, _name(bench))
    now_ns = round(pairs / expected.rate_hz * S)
    first, second = both(world, now_ns)
    intervals_s = np.diff(first.times_ns, prepend=0) / S
    wrong = errors(first, second)
    share = 2.0 / 3.0 * (1.0 - expected.fidelity)
    counts = [world.swaps(name, now_ns) for name in bench.link[_name(bench)].path]
    found = {
        "interval": (intervals_s.mean() - 1.0 / expected.rate_hz) / (intervals_s.std() / math.sqrt(first.made)),
        "errors": (wrong.mean() - share) / math.sqrt(share * (1.0 - share) / first.made),
        "wait": _wait_deviation(bench, first),
    }
    for name, count in zip(bench.link[_name(bench)].path, counts, strict=True):
        p = bench.device[name].swap_success  # type: ignore[union-attr]
        found[f"swaps of {name}"] = (count.succeeded - p * count.tried) / math.sqrt(count.tried * p * (1.0 - p) + 1e-9)
    return found


def success_of(bench: Bench) -> list[float]:
    nodes = list(bench.device.values())
    single = [
        elementary_success_probability(
            one.length_km, one.attenuation_db_per_km, one.pair_probability, one.efficiency, one.efficiency
        )
        for one in bench.link[_name(bench)].segments
    ]
    memories = [min(left.memories, right.memories) for left, right in pairwise(nodes)]  # type: ignore[union-attr]
    return [1.0 - (1.0 - p) ** count for p, count in zip(single, memories, strict=True)]


def period_s(bench: Bench) -> float:
    nodes = list(bench.device.values())
    memories = [min(left.memories, right.memories) for left, right in pairwise(nodes)]  # type: ignore[union-attr]
    segments = bench.link[_name(bench)].segments
    return max(
        *(one.length_km * 1.468 / 299792.458 for one in segments),
        *(count / one.attempt_rate_hz for count, one in zip(memories, segments, strict=True)),
    )


def _wait_deviation(bench: Bench, first: PairRecords) -> float:
    """The mean of the slowest less the mean of the fastest, 1 / (1 - product of q)."""
    success = success_of(bench)
    fastest = 1.0 / (1.0 - math.prod(1.0 - p for p in success))
    mean_s = (expected_attempts(success) - fastest) * period_s(bench)
    waited_s = first.waited_ns / S
    return float((waited_s.mean() - mean_s) / (waited_s.std() / math.sqrt(first.made) + 1e-9 * mean_s + 1e-9))


def test_a_long_run_agrees_with_the_closed_forms() -> None:
    """Of 900,000 pairs: a standard error of 0.1 % of the interval, and of 0.0005 of the share of errors."""
    for bench in (SHORT, LONG, load("repeater-2")):
        found = deviations(bench, started(bench), PAIRS)
        assert all(abs(one) < SIGMAS for one in found.values()), found


@pytest.mark.parametrize(
    ("bench", "owners", "parameter", "factor", "seen_in"),
    [
        (SHORT, [LINK], "segment1.efficiency", 1.01, "interval"),
        (SHORT, [LINK], "segment2.efficiency", 0.98, "interval"),
        (SHORT, [LINK], "segment1.attempt_rate_hz", 0.98, "interval"),
        (SHORT, [LINK], "segment1.length_km", 1.02, "interval"),
        (SHORT, [LINK], "segment2.pair_probability", 0.98, "interval"),
        (SHORT, ["n0", "n1", "n2"], "coherence_time_s", 0.96, "errors"),
        (SHORT, ["n1"], "swap_success", 0.99, "swaps of n1"),
        (LONG, [LINK], "segment1.fidelity", 0.99, "errors"),
        (LONG, [LINK], "segment2.fidelity", 0.99, "errors"),
        (LONG, ["n1"], "swap_fidelity", 0.99, "errors"),
    ],
)
def test_one_wrong_factor_is_caught(bench: Bench, owners: list[str], parameter: str, factor: float, seen_in: str) -> None:
    """A sampler that is wrong by 1 or 2 % in one parameter (4 % of the coherence time) is found out by the same comparison."""
    world = World(bench, 1)
    for owner in owners:
        world.inject(owner, parameter, factor * world.injected(owner, parameter), 0)
    for name in bench.device:
        world.set_repeating(name, 0, repeating=True)
    assert abs(deviations(bench, world, PAIRS)[seen_in]) > SIGMAS


@settings(max_examples=25, derandomize=True)
@given(
    data=st.data(),
    segments=st.lists(
        st.builds(
            segment,
            length_km=st.floats(1.0, 60.0),
            attempt_rate_hz=st.floats(1e3, 1e7),
            efficiency=st.floats(0.05, 1.0),
            pair_probability=st.floats(0.2, 1.0),
            fidelity=st.floats(0.8, 1.0),
        ),
        min_size=2,
        max_size=4,
    ),
)
def test_random_chains_agree_with_the_closed_forms(data: st.DataObject, segments: list[Segment]) -> None:
    made = st.builds(
        node,
        memories=st.integers(1, 20),
        coherence_time_s=st.floats(1e-3, 10.0),
        swap_success=st.floats(0.5, 1.0),
        swap_fidelity=st.floats(0.8, 1.0),
    )
    nodes = data.draw(st.lists(made, min_size=len(segments) + 1, max_size=len(segments) + 1))
    bench = chain(segments, nodes)
    found = deviations(bench, started(bench), 4_000)
    assert all(abs(one) < SIGMAS for one in found.values()), found


def test_waiting_times_are_distributed_as_the_difference_of_two_geometric_variables() -> None:
    """Mass p1 p2 (q1^d + q2^d) / (1 - q1 q2) at d periods; chi-square over bins of at least 1,000 expected, p = 1e-6."""
    first, _ = both(started(SHORT), 4_000 * S)
    p1, p2 = success_of(SHORT)
    q1, q2 = 1.0 - p1, 1.0 - p2
    periods = np.rint(first.waited_ns / S / period_s(SHORT)).astype(int)
    assert np.allclose(periods * period_s(SHORT) * S, first.waited_ns, rtol=1e-6, atol=2.0)
    d = np.arange(periods.max() + 2)
    mass = p1 * p2 * (q1**d + q2**d) / (1.0 - q1 * q2)
    mass[0] = p1 * p2 / (1.0 - q1 * q2)
    bins = int(np.argmax(first.made * mass < 1_000))
    expected = np.append(first.made * mass[:bins], first.made * (1.0 - mass[:bins].sum()))
    counted = np.append(np.bincount(periods, minlength=bins)[:bins], np.count_nonzero(periods >= bins))
    statistic = float(((counted - expected) ** 2 / expected).sum())
    from scipy.stats import chi2

    assert bins > 10
    assert statistic < chi2.isf(1e-6, bins)


def test_polling_changes_nothing() -> None:
    """One look at the end, or looks at odd times, some of which fall on a change: the same pairs."""
    once, often = started(SHORT, 5), started(SHORT, 5)
    for world, looks in ((once, ()), (often, (1, 7, 10**6, 123_456_789, S, S + 1, 2 * S - 1, 2 * S))):
        for now_ns in looks:
            world.pairs("n0", 0, 10, now_ns)
            world.swaps("n1", now_ns)
        world.inject("n1", "swap_success", 0.4, 2 * S)
    for now_ns in range(2 * S, 3 * S, 17_000_003):
        often.swaps("n1", now_ns)
    for of_once, of_often in zip(both(once, 3 * S), both(often, 3 * S), strict=True):
        np.testing.assert_array_equal(of_once.times_ns, of_often.times_ns)
        np.testing.assert_array_equal(of_once.outcomes, of_often.outcomes)
    assert once.swaps("n1", 3 * S) == often.swaps("n1", 3 * S)


def test_a_change_taken_back_at_once_is_none_whoever_looked_between() -> None:
    quiet, looked = started(SHORT, 5), started(SHORT, 5)
    looked.inject("n1", "swap_success", 0.1, S)
    looked.pairs("n0", 0, 10, S)
    looked.inject("n1", "swap_success", 0.7, S)
    np.testing.assert_array_equal(both(quiet, 2 * S)[0].times_ns, both(looked, 2 * S)[0].times_ns)


def test_another_seed_gives_other_pairs() -> None:
    assert not np.array_equal(both(started(SHORT, 1), S)[0].times_ns, both(started(SHORT, 2), S)[0].times_ns)


def test_a_cut_fibre_stops_the_chain_and_a_healed_one_starts_it_at_once() -> None:
    """A change makes a fresh start: nobody waits for the end of a round that cannot end."""
    world = started(SHORT)
    before = world.pairs("n0", 0, 1, S).made
    world.inject(LINK, "segment1.excess_loss_db", 200.0, S)
    assert world.pairs("n0", 0, 1, 3 * S).made - before <= 0
    world.inject(LINK, "segment1.excess_loss_db", 0.0, 3 * S)
    assert world.pairs("n0", 0, 1, 4 * S).made - before > 0.5 * predict_repeater(SHORT, LINK).rate_hz


def test_a_round_that_cannot_end_is_given_up_and_swaps_nothing() -> None:
    """A day in the dark costs no time to sample: five hours a round, no pair and no swap; light brings pairs back."""
    world = World(SHORT, 1)
    world.inject(LINK, "segment2.efficiency", 0.0, 0)
    for name in SHORT.device:
        world.set_repeating(name, 0, repeating=True)
    day_ns = 86_400 * S
    assert world.pairs("n0", 0, 1, day_ns).made == 0
    assert world.swaps("n1", day_ns).tried == 0
    world.inject(LINK, "segment2.efficiency", 0.25, day_ns)
    assert world.swaps("n1", day_ns + S).tried > world.pairs("n0", 0, 1, day_ns + S).made > 0


def test_another_chains_or_devices_changes_do_not_restart_a_round() -> None:
    """What is set elsewhere on the bench leaves the same pairs."""
    shipped = load("metro-25km")
    mixed = Bench(bench=SHORT.bench, device={**SHORT.device, **shipped.device}, link={**SHORT.link, **shipped.link})
    alone, among = started(SHORT, 4), World(mixed, 4)
    for name in SHORT.device:
        among.set_repeating(name, 0, repeating=True)
    for now_ns in range(1, S, 13_000_001):
        among.set_attenuation_db("voa", 5.0 + now_ns / S, now_ns)
    np.testing.assert_array_equal(alone.pairs("n0", 0, 10**6, S).times_ns, among.pairs("n0", 0, 10**6, S).times_ns)


def test_only_while_all_nodes_take_part() -> None:
    """Pairs of a stopped chain stay until it starts again, from number 0."""
    world = World(SHORT, 1)
    world.set_repeating("n0", 0, repeating=True)
    world.set_repeating("n2", 0, repeating=True)
    assert world.pairs("n0", 0, 10, S).made == 0
    world.set_repeating("n1", S, repeating=True)
    assert world.pairs("n0", 0, 10, 2 * S).times_ns[0] > S
    world.set_repeating("n1", 2 * S, repeating=False)
    made = world.pairs("n0", 0, 10, 2 * S).made
    assert world.pairs("n0", 0, 10, 9 * S).made == made > 0
    world.set_repeating("n1", 9 * S, repeating=True)
    assert world.pairs("n0", 0, 10, 9 * S).made == 0


def test_a_node_keeps_a_limited_number_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least so many, and says so where one is asked for that is gone."""
    monkeypatch.setattr(repeater, "MOST_KEPT", 500)
    world = started(SHORT)
    made = world.pairs("n0", 0, 1, 1).made
    made = world.swaps("n1", 20 * S).succeeded
    assert world.pairs("n0", made - 500, 500, 20 * S).outcomes.size == 500
    with pytest.raises(UsageError, match="pair 0 is forgotten"):
        world.pairs("n0", 0, 1, 20 * S)


def test_a_node_tells_what_it_knows_and_no_more() -> None:
    world = started(SHORT)
    with pytest.raises(UsageError, match="measures no pair"):
        world.pairs("n1", 0, 1, S)
    with pytest.raises(UsageError, match="swaps nothing"):
        world.swaps("n0", S)
    with pytest.raises(UsageError, match="not a repeater-node"):
        World(load("metro-25km"), 1).set_repeating("alice", 0, repeating=True)
    with pytest.raises(UsageError, match=r"expected 0\.25 to 1"):
        world.inject("n1", "swap_fidelity", 0.2, S)
    with pytest.raises(UsageError, match=r"segment2\.excess_loss_db"):
        world.inject(LINK, "excess_loss_db", 1.0, S)
