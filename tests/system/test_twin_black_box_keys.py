"""Keys of a black-box link under ``hil sim``: they come out of both KMEs, each once, and wait where a KME is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hil.bench import load
from hil.device_sims.feeding import KeyFeeder, black_box_ends
from hil.device_sims.kme.etsi014 import start_kme_pair
from hil.device_sims.serve import ServedBench
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.keystores.embedded import EmbeddedKeyStore
from hil.keystores.etsi014 import Etsi014Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.device_sims.kme.etsi014 import RunningKmes

BENCH = "metro-25km-black-box"
SECOND_NS = 1_000_000_000


def lit() -> World:
    """Both ends at work since power-up."""
    world = World(load(BENCH), 3)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    return world


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningKmes]]:
    """A pair of KMEs with stores for that many keys."""
    started = []

    def make(max_keys: int, key_size: int = 256) -> RunningKmes:
        stores = [EmbeddedKeyStore(tmp_path / f"{side}.sqlite", test=True, max_keys=max_keys) for side in "ab"]
        declared = [load(BENCH).device[name] for name in ("kme_a", "kme_b")]
        devices = [msgspec.structs.replace(one, max_keys=max_keys, key_size=key_size) for one in declared]
        kmes = start_kme_pair(*devices, *stores, tmp_path)
        started.extend([kmes, *stores])
        return kmes

    yield make
    for each in started:
        each.close()


def test_which_links_are_black_boxes() -> None:
    assert black_box_ends(load(BENCH), "metro") == ("alice", "bob")
    assert black_box_ends(load("metro-25km"), "metro") is None


def test_keys_wait_in_the_transceivers_while_the_kmes_are_full(start: Callable[..., RunningKmes]) -> None:
    """A hundred places, hundreds of keys a second: a hundred go in, then as many as were taken, and none is passed over."""
    kmes, world = start(100), lit()
    now_s = 2
    feeder = KeyFeeder(world, lambda: now_s * SECOND_NS, ("alice", "bob"), kmes)
    feeder.close()  # its thread; the steps are made here
    made = [key_id for key_id, _ in lit().take_keys("alice", 3 * SECOND_NS)]
    assert len(made) > 300
    master, slave = _client(kmes), _client(kmes, "b")
    try:
        assert feeder.feed() == 100
        assert (kmes.room(), feeder.feed()) == (0, 0)
        drawn = [key.key_id for key in master.get_keys("SAE-SOUTH", 60)]
        assert feeder.feed() == 0  # what is set aside for the slave still has its place
        slave.get_keys_with_ids("SAE-NORTH", tuple(drawn))
        now_s = 3
        assert feeder.feed() == 60
        drawn += [key.key_id for key in master.get_keys("SAE-SOUTH", 100)]
    finally:
        master.close()
        slave.close()
    assert drawn == made[:160]


def test_keys_of_another_size_are_refused_at_the_start(start: Callable[..., RunningKmes]) -> None:
    with pytest.raises(UsageError, match="a simulated black box makes keys of 256 bits"):
        KeyFeeder(lit(), lambda: 0, ("alice", "bob"), start(100, key_size=128))


def test_a_served_black_box_fills_its_kmes() -> None:
    """A hundred times as fast as real: after light and bias are on, an application gets keys at both sites."""
    with ServedBench(load(BENCH), 3, open_store=_open_store, speed=100.0) as served:
        world = served.host.world
        now_ns = served.host.now_ns()
        world.set_emitting("alice", now_ns, emitting=True)
        world.set_biased("bob", now_ns, biased=True)
        kmes = served.kmes["metro"]
        client_a, client_b = _client(kmes), _client(kmes, "b")
        try:
            for _ in range(2_000):  # each asks over TLS; keys come within a second
                if client_a.status("SAE-SOUTH").stored_key_count >= 5:
                    break
            keys = client_a.get_keys("SAE-SOUTH", 5)
            same = client_b.get_keys_with_ids("SAE-NORTH", tuple(key.key_id for key in keys))
        finally:
            client_a.close()
            client_b.close()
        assert [key.key for key in same] == [key.key for key in keys]


def _open_store(path: Path, max_keys: int) -> EmbeddedKeyStore:
    return EmbeddedKeyStore(path, test=True, max_keys=max_keys)


def _client(kmes: RunningKmes, side: str = "a") -> Etsi014Client:
    tls = kmes.client_tls(side)
    ca_file, certificate_file, private_key_file = (str(path) for path in (tls.ca, tls.certificate, tls.private_key))
    return Etsi014Client(
        kmes.url_a if side == "a" else kmes.url_b,
        ca_file=ca_file,
        certificate_file=certificate_file,
        private_key_file=private_key_file,
        kme_id="KME-NORTH" if side == "a" else "KME-SOUTH",
        test=True,
    )
