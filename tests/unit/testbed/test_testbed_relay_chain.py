"""A chain on its twins: links at the same time, keys end to end, hops that fail, and what the record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.bench.loader import shipped
from hil.clock import VirtualClock
from hil.errors import InstrumentError, UnknownNameError
from hil.pipeline.hop_keys import POOL_BITS
from hil.testbed.steps import through, together
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hil.testbed.relay_chain import RelayChain
    from hil.testbed.steps import Steps

BLOCK_S = 0.4


@pytest.fixture(scope="module")
def bench_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped chain with short blocks: what is looked at here does not depend on their length."""
    file = tmp_path_factory.mktemp("bench") / "chain.toml"
    file.write_text(shipped()["relay-3"].read_text().replace('block = "1 s"', f'block = "{BLOCK_S} s"'))
    return file


@pytest.fixture
def chain(bench_file: Path) -> Iterator[RelayChain]:
    with Testbed.open(bench_file, seed=11) as testbed:
        testbed.begin("chain")
        yield testbed.chain("backbone")


def test_links_run_at_the_same_time_and_ends_have_the_same_keys(chain: RelayChain) -> None:
    run = chain.run(2 * BLOCK_S)
    spans = {(hop.start_s, hop.end_s) for hop in run.hops.values()}
    assert len(spans) == 1
    assert run.end_s - run.start_s == pytest.approx(2 * BLOCK_S)
    keys = chain.released()
    assert len(keys) * 256 == run.net_secret_bits > 0
    assert all(of_a == of_b for _, of_a, of_b in keys)
    delivered = [256 * sum(len(block.key_fingerprints) for block in hop.blocks) for hop in run.hops.values()]
    assert run.net_secret_bits == min(delivered) - len(run.blocks) * POOL_BITS
    assert run.trusted == ("hub", "mill")
    assert any(entry.what == "trusted: hub, mill" for entry in run.blocks[0].ledger)
    assert all(run.blocks[number].released for number in range(2))


def test_a_dark_hop_is_named_and_its_keys_are_used_once_it_is_back(chain: RelayChain) -> None:
    chain.up()
    chain.links[1].transmitter.set_emitting(emitting=False)
    dark = chain.run(BLOCK_S)
    assert dark.net_secret_bits == 0
    assert "hop hub-mill has none" in dark.stopped[0]
    assert dark.hops["north-hub"].net_secret_bits > 0
    chain.links[1].transmitter.set_emitting(emitting=True)
    back = chain.run(BLOCK_S)
    assert back.net_secret_bits > 0
    assert not back.stopped
    waiting = dark.hops["north-hub"].net_secret_bits
    assert back.net_secret_bits > waiting, "the other hops' keys of the dark time were not used"


def test_a_tampered_hop_gives_no_key_and_is_named(chain: RelayChain) -> None:
    run = chain.run(BLOCK_S, interceptor=lambda message: bytes(len(message.data)) if message.hop == 2 else message.data)
    assert run.net_secret_bits == 0
    assert not chain.released()
    assert "stopped on hop mill-south" in run.stopped[0]
    assert chain.run(BLOCK_S).net_secret_bits > 0


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("bit_error_ratio", "a message that cannot be read"), ("cut_a_to_b", "a message did not arrive")],
)
def test_what_breaks_a_links_classical_channel_breaks_its_hop(chain: RelayChain, setting: str, reason: str) -> None:
    """Keys of all links are there already, and the relay's own messages go over the channel of each hop."""
    chain.prepare()
    for link in chain.links:
        link.run(BLOCK_S)
    chain.feed()
    channel = chain.testbed.classical("mill-south.classical")
    channel.write(setting, 0.01 if setting == "bit_error_ratio" else 1.0)
    keys, _, stop = chain.batch(None)
    assert keys == 0
    assert stop is not None
    assert chain.links[stop.hop].name == "mill-south"
    assert reason in stop.reason
    channel.write(setting, 0.0)
    for link in chain.links:
        link.run(BLOCK_S)
    chain.feed()
    keys, _, stop = chain.batch(None)
    assert stop is None
    assert keys > 0
    assert all(of_a == of_b for _, of_a, of_b in chain.released())


def test_a_hop_that_breaks_down_raises_after_the_others_are_done(chain: RelayChain, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise InstrumentError("mill-from-hub", "no more")

    chain.up()
    monkeypatch.setattr(chain.links[1].receiver, "stop", broken)
    with pytest.raises(InstrumentError) as raised:
        chain.run(BLOCK_S)
    assert "hop hub-mill" in raised.value.__notes__[0]
    assert not chain.released()
    assert not chain.links[1].released()


def test_an_unknown_chain_names_the_nearest(chain: RelayChain) -> None:
    with pytest.raises(UnknownNameError, match="backbone"):
        chain.testbed.chain("backbon")


def test_runs_in_steps_overlap_and_one_that_fails_does_not_stop_the_others() -> None:
    clock, seen = VirtualClock(), []

    def run(name: str, *waits: float) -> Steps[str]:
        for wait_s in waits:
            yield wait_s
            seen.append((name, clock.now_ns() / 1e9))
        return name

    def broken() -> Steps[str]:
        yield 1.0
        raise InstrumentError("b", "no more")

    found = together(clock, {"a": run("a", 1.0, 2.0), "b": broken(), "c": run("c", 2.0, 0.5)})
    assert found["a"] == "a"
    assert found["c"] == "c"
    assert isinstance(found["b"], InstrumentError)
    assert seen == [("a", 1.0), ("c", 2.0), ("c", 2.5), ("a", 3.0)]
    with pytest.raises(InstrumentError):
        through(clock, broken())


def test_a_wait_begins_when_it_is_asked_for() -> None:
    clock = VirtualClock()

    def run() -> Steps[float]:
        clock.sleep(0.3)
        yield 1.0
        return clock.now_ns() / 1e9

    assert through(clock, run()) == pytest.approx(1.3)
