"""What a time tagger records are the clicks that the receivers' counters count, one for one, however it asks for them."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.bench.model import TimeTaggerDevice
from hil.device_sims.world.world import World
from hil.errors import UsageError

SECOND = 1_000_000_000
INPUTS = ("bob.x1", "bob.z0", "bob.z1")
BEGIN_NS, END_NS = 2 * SECOND + 12_345, 2 * SECOND + 20_012_345


def _world(seed: int = 5) -> World:
    """A lit link of 25 km with jitter, dead time and afterpulses; three of its four detectors go to the tagger."""
    bench = load("metro-25km")
    bob = replace(bench.device["bob"], jitter_sigma_s=2e-9, afterpulse_probability=0.02)
    tagger = TimeTaggerDevice(driver="x", inputs=INPUTS)
    world = World(replace(bench, device={**bench.device, "bob": bob, "tagger": tagger}), seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


def _whole(world: World) -> tuple[np.ndarray, np.ndarray]:
    world.beside.recordings.begin("tagger", BEGIN_NS)
    return world.beside.recordings.take("tagger", END_NS, last=True)


def test_as_many_as_the_counters_gain() -> None:
    """Exactly, of each input, over a gate that begins and ends between pulses; and again after it, and before it."""
    world = _world()
    before = world.counters("bob", BEGIN_NS).counts
    times_s, inputs = _whole(world)
    gained = np.subtract(world.counters("bob", END_NS).counts, before)
    assert np.bincount(inputs).tolist() == [gained[3], gained[0], gained[1]]
    assert gained.min() > 1000
    assert (np.diff(times_s) >= 0).all()
    assert -1e-9 < times_s[0] < times_s[-1] < (END_NS - BEGIN_NS) / 1e9 + 1e-9
    assert world.beside.recordings.take("tagger", END_NS)[0].size == 0
    later = np.subtract(world.counters("bob", END_NS + SECOND).counts, before) - gained
    assert abs(later.sum() / gained.sum() * 0.02 - 1.0) < 0.1


def test_pieces_make_the_whole() -> None:
    """In pieces, with looks at the counters between: the same clicks in the same order.

    Pieces end just after clicks: with jitter of 2 ns every second of those is of light that comes only after the piece.
    """
    times_s, inputs = _whole(_world())
    world = _world()
    world.beside.recordings.begin("tagger", BEGIN_NS)
    edges = [BEGIN_NS + int(at_s * 1e9) + 1 for at_s in times_s[:: times_s.size // 24]]
    pieces = []
    for edge_ns in [*edges, END_NS]:
        world.counters("bob", edge_ns)
        pieces.append(world.beside.recordings.take("tagger", edge_ns, last=edge_ns == END_NS))
    assert np.array_equal(np.concatenate([piece[0] for piece in pieces]), times_s)
    assert np.array_equal(np.concatenate([piece[1] for piece in pieces]), inputs)


def test_it_ends_by_itself() -> None:
    """Asked for late: what had come by its end, which is what the counters gained by then, and nothing of what came after."""
    times_s, inputs = _whole(_world())
    world = _world()
    world.beside.recordings.begin("tagger", BEGIN_NS, END_NS)
    world.counters("bob", END_NS + SECOND)
    late = world.beside.recordings.take("tagger", END_NS + 3 * SECOND)
    assert np.array_equal(late[0], times_s)
    assert np.array_equal(late[1], inputs)


@pytest.mark.parametrize("first", ["tagger", "block"])
def test_a_block_of_the_receiver_has_the_same_clicks(first: str) -> None:
    """Whichever begins first: in the time of both, slot by slot of 1 ns."""
    world = _world()
    middle_ns = BEGIN_NS + 8_000_000
    begin = {
        "tagger": lambda at_ns: world.beside.recordings.begin("tagger", at_ns),
        "block": lambda at_ns: world.start_block("bob", at_ns),
    }
    begin[first](BEGIN_NS)
    world.counters("bob", BEGIN_NS + 5_000_000)
    begin["block" if first == "tagger" else "tagger"](middle_ns)
    started_ns = BEGIN_NS if first == "tagger" else middle_ns
    if first == "tagger":
        times_s, inputs = world.beside.recordings.take("tagger", END_NS, last=True)
        block = world.stop_block("bob", END_NS)
    else:
        block = world.stop_block("bob", END_NS)
        times_s, inputs = world.beside.recordings.take("tagger", END_NS, last=True)
    pulses = np.floor(times_s * 1e9 + 0.5 + 1e-6).astype(np.int64) + started_ns
    for number, detector in enumerate((3, 0, 1)):
        own = pulses[inputs == number]
        theirs = block.index[block.detector == detector]
        shared = max(BEGIN_NS, middle_ns) + 10
        assert np.array_equal(own[own > shared], theirs[theirs > shared])
        assert np.count_nonzero(own > shared) > 1000
    assert not world.block_running("bob")


def test_without_power_it_records_nothing() -> None:
    """The counters go on."""
    world = _world()
    world.beside.recordings.begin("tagger", BEGIN_NS)
    world.darken("tagger", BEGIN_NS + 1_000_000)
    assert world.beside.recordings.take("tagger", END_NS)[0].size == 0
    assert sum(world.counters("bob", END_NS).counts) > 0
    world.reset(6)
    assert world.beside.recordings.take("tagger", 0)[0].size == 0


def test_a_receiver_that_restarts_counts_from_zero() -> None:
    """And no more than what is recorded from then on."""
    world = _world()
    world.beside.recordings.begin("tagger", BEGIN_NS)
    world.beside.recordings.take("tagger", BEGIN_NS + 8_000_000)
    world.restart("bob", BEGIN_NS + 8_000_000)
    world.set_biased("bob", BEGIN_NS + 10_000_000, biased=True)
    _, inputs = world.beside.recordings.take("tagger", END_NS, last=True)
    counts = world.counters("bob", END_NS).counts
    assert np.bincount(inputs).tolist() == [counts[3], counts[0], counts[1]]


def test_devices_of_another_role_record_nothing() -> None:
    with pytest.raises(UsageError, match="not a time-tagger"):
        _world().beside.recordings.begin("voa", 0)
