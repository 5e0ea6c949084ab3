"""From clicks to the KMEs in a stream: two blocks in hand at most, held back by a full store, every key there once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.errors import KeyStoreError, MissingCapabilityError
from hil.testbed.channel import classical
from hil.testbed.delivery import KeyDelivery
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.ports.run import LinkRun
    from hil.testbed.link import Link

BLOCK_S = 0.2


@pytest.fixture(scope="module")
def small_stores(tmp_path_factory: pytest.TempPathFactory, write_bench: Callable[..., Path]) -> Iterator[Testbed]:
    """The shipped link in short blocks of some hundred keys, with stores for 300."""
    file = write_bench(
        tmp_path_factory.mktemp("bench") / "small.toml",
        ('block = "1 s"', 'block = "200 ms"'),
        ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"),
        ('sae_id = "SAE-NORTH"', 'sae_id = "SAE-NORTH"\nmax_keys = 300'),
        ('sae_id = "SAE-SOUTH"', 'sae_id = "SAE-SOUTH"\nmax_keys = 300'),
    )
    with Testbed.open(file, seed=7) as opened:
        yield opened


@pytest.fixture
def small(small_stores: Testbed, request: pytest.FixtureRequest) -> Iterator[Link]:
    small_stores.begin(request.node.name)
    yield cast("Link", small_stores.link("metro"))
    small_stores.end()


def keys_of(run: LinkRun) -> int:
    """Keys that the ledgers of a run's blocks say went out."""
    return sum(round(line.value / 256) for block in run.blocks for line in block.ledger if line.what == "keys of 256 bits")


def test_a_run_in_a_stream_is_the_same_run(link: Link) -> None:
    """Blocks, keys and their order do not depend on whether the next block is taken meanwhile."""
    at_once = link.run(3 * BLOCK_S)
    keys = [key_id for key_id, _, _ in link.take_released()]
    link.testbed.begin(link.testbed.case)
    with KeyDelivery(link) as stores:
        streamed = link.run(3 * BLOCK_S, deliver_to=stores)
        drawn = [key.key_id for _ in range(2) for key in stores.a.get_keys(stores.sae_b, 100)]
        left = stores.a.status(stores.sae_b).stored_key_count
    assert streamed.blocks == at_once.blocks
    assert drawn == keys[:200]
    assert left == len(keys) - 200
    assert link.released() == ()


def test_a_full_store_holds_the_link_back_until_an_application_has_drawn_keys(small: Link) -> None:
    """Every 300 ms of bench time the application takes up to 32 keys; all keys come, in order, each once, at both sites."""
    drawn: list[str] = []
    most_waiting = 0
    clock = small.testbed.clock
    with KeyDelivery(small) as stores:

        def draw() -> None:
            nonlocal most_waiting, following
            most_waiting = max(most_waiting, len(small.released()))
            stored = stores.a.status(stores.sae_b).stored_key_count
            if stored:
                taken = stores.a.get_keys(stores.sae_b, min(stored, 32))
                same = stores.b.get_keys_with_ids(stores.sae_a, tuple(one.key_id for one in taken))
                assert [one.key for one in same] == [one.key for one in taken]
                drawn.extend(one.key_id for one in taken)
            following = clock.call_at(clock.now_ns() + 300_000_000, draw)

        following = clock.call_at(clock.now_ns(), draw)
        run = small.run("6 s", deliver_to=stores)
        following.cancel()
        made = keys_of(run)
        in_store = stores.a.status(stores.sae_b).stored_key_count
    assert run.held_s > 1.0
    assert len(run.blocks) < 6.0 / BLOCK_S
    taken_s = sum(block.end_s - block.start_s for block in run.blocks)
    assert run.held_s + taken_s == pytest.approx(run.end_s - run.start_s)
    assert len(set(drawn)) == len(drawn)
    assert len(drawn) + in_store + len(small.released()) == made
    one_block = max(keys_of(run) // len(run.blocks) * 2, 1)
    assert 0 < most_waiting <= one_block


def test_what_finds_no_room_stays_with_the_link(small: Link) -> None:
    """Nobody draws: the stores fill to the last place, at most two blocks more are made, and the rest of the run is held."""
    with KeyDelivery(small) as stores:
        run = small.run("4 s", deliver_to=stores)
        assert stores.a.status(stores.sae_b).stored_key_count == 300
        assert stores.b.status(stores.sae_a).stored_key_count == 300
    waiting = len(small.released())
    assert 300 + waiting == keys_of(run)
    assert waiting <= 2 * max(keys_of(run) // len(run.blocks), 1)
    assert run.held_s > 2.0


@pytest.mark.parametrize("side", ["a", "b"])
def test_keys_of_a_step_that_fails_are_offered_again_or_destroyed_at_both_sites(
    link: Link, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store breaks once. Before any store had the keys they wait in order; after one had them they are gone at both."""
    link.run(BLOCK_S)
    made = [key_id for key_id, _, _ in link.released()]
    with KeyDelivery(link) as stores:
        kmes: Any = stores._kmes
        store = kmes._agreement.store(side)
        working = store.add_all_pending

        def broken(keys: Any) -> None:
            del keys
            raise KeyStoreError("disk full")

        monkeypatch.setattr(store, "add_all_pending", broken)
        with pytest.raises(KeyStoreError, match="disk full"):
            stores.take_in()
        waiting = [key_id for key_id, _, _ in link.released()]
        assert waiting == (made if side == "a" else [])
        monkeypatch.setattr(store, "add_all_pending", working)
        assert stores.take_in() == (len(waiting), True)
        for client, peer in ((stores.a, stores.sae_b), (stores.b, stores.sae_a)):
            assert client.status(peer).stored_key_count == len(waiting)


def test_the_parties_have_two_blocks_in_hand_at_most(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow party: no third block is begun before the first is done with."""
    starts = 0
    most = 0
    done = 0
    real_start, real_pair = link.receiver.start, classical.run_pair
    may_go = threading.Event()

    def start() -> int:
        nonlocal starts, most
        starts += 1
        most = max(most, starts - done)
        if starts >= 2:
            may_go.set()
        return real_start()

    def pair(*args: Any) -> Any:
        nonlocal done
        assert may_go.wait(60.0)  # until the second block has begun
        result = real_pair(*args)
        done += 1
        return result

    monkeypatch.setattr(link.receiver, "start", start)
    monkeypatch.setattr(classical, "run_pair", pair)
    link.run(4 * BLOCK_S)
    assert starts == done == 4
    assert most == 2


def test_a_block_under_way_is_kept_when_the_next_cannot_be_taken(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    real_start, starts = link.receiver.start, 0

    def start() -> int:
        nonlocal starts
        starts += 1
        if starts == 2:
            raise MissingCapabilityError("the receiver is gone")
        return real_start()

    monkeypatch.setattr(link.receiver, "start", start)
    with pytest.raises(MissingCapabilityError, match="the receiver is gone"):
        link.run(3 * BLOCK_S)
    assert link.released()


def test_times_of_the_stages_are_recorded(link: Link, notebook: Any) -> None:
    run = link.run(2 * BLOCK_S)
    told = {event["operation"]: event["durations_s"] for event in notebook.of("latency")}
    expected = {"acquire", "sift", "prepare", "estimate", "reconcile", "verify", "authenticate", "amplify", "cut"}
    assert {operation.removeprefix("block: ") for operation in told} == set(run.stages) == expected
    assert all(len(durations_s) == 2 and min(durations_s) > 0.0 for durations_s in told.values())
