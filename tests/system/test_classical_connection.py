"""The connection that the parties really use, broken on its way: keys that both ends have alike or none, and no hang."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace

from hil.bench import shipped
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.testbed.link import Link

PATIENT_S, IMPATIENT_S = 20.0, 0.4
"""Of connections that work, however busy this machine is; and of those that cannot."""
BLOCK_S = 0.2
LATENCY_S = 0.02


@pytest.fixture(scope="module", params=["tcp", "tls"])
def testbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The shipped bench with short blocks, two of them in flight over sockets."""
    table = f'[link.metro.classical]\ntransport = "{request.param}"\nblocks_in_flight = 2\ntimeout = "{PATIENT_S:g} s"\n\n'
    text = shipped()["metro-25km"].read_text(encoding="utf-8")
    for old, new in (
        ('block = "1 s"', 'block = "200 ms"'),
        ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"),
        ("[link.metro.proof]", f"{table}[link.metro.proof]"),
    ):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path_factory.mktemp("bench") / "sockets.toml"
    file.write_text(text, encoding="utf-8")
    with Testbed.open(file, seed=3) as opened:
        opened.begin("warm")
        cast("Link", opened.link("metro")).run(BLOCK_S)  # fast loops are compiled here, and not under a timeout below
        opened.end()
        yield opened


@pytest.fixture
def link(testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Link]:
    testbed.begin(request.node.name)
    yield cast("Link", testbed.link("metro"))
    testbed.end()
    assert not [one.name for one in threading.enumerate() if one.name.startswith(("hil-metro", "hil-fault-proxy"))]


@contextmanager
def impatient(link: Link) -> Iterator[None]:
    """Both ends give a connection up early."""
    declared = link.declared
    link.declared = replace(declared, classical=replace(declared.classical, timeout_s=IMPATIENT_S))
    try:
        yield
    finally:
        link.declared = declared


@pytest.fixture
def chaos(link: Link) -> Chaos:
    return Chaos(link.testbed, link)


def keys_are_equal(link: Link) -> bool:
    return all(of_a == of_b for _, of_a, of_b in link.released())


def test_latency_delays_the_parties_and_costs_no_key(link: Link, chaos: Chaos) -> None:
    """A block takes some hundred messages, most of which wait for one of the other side: forty times the latency at least."""
    with chaos.classical_latency(latency_s=LATENCY_S) as slow:
        began_s = time.monotonic()
        run = link.run(BLOCK_S)
        assert time.monotonic() - began_s >= 40.0 * LATENCY_S
    assert slow.healed
    assert run.blocks[0].released, run.blocks[0].sentence
    assert keys_are_equal(link)
    assert link.released()


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("classical_partition", {"cut_way": "both"}),
        ("classical_reset", {}),
        ("classical_corruption", {"bit_error_ratio": 1e-3}),
    ],
)
def test_a_broken_connection_gives_no_key_and_the_healed_one_does(
    link: Link, chaos: Chaos, fault: str, settings: dict[str, Any]
) -> None:
    """Nothing waits for ever: each block ends in words."""
    with getattr(chaos, fault)(**settings) as broken, impatient(link):
        during = link.run(2.0 * BLOCK_S)
    assert broken.healed
    assert [block.released for block in during.blocks] == [False, False]
    assert all(block.sentence for block in during.blocks)
    assert not link.released()
    after = link.run(2.0 * BLOCK_S)
    assert after.blocks[-1].released, after.blocks[-1].sentence
    assert link.released()
    assert keys_are_equal(link)


def test_a_partition_in_mid_session_heals(link: Link, chaos: Chaos) -> None:
    """It comes and goes by itself while blocks are on their way: what is cut ends in words, and keys are equal."""
    cut = chaos.at("300 ms").classical_partition(cut_way="b->a", duration="300 ms")
    with impatient(link):
        run = link.run(8.0 * BLOCK_S)
    assert cut.healed
    assert len(run.blocks) == 8
    assert all(block.released or "classical channel" in block.sentence for block in run.blocks)
    after = link.run(2.0 * BLOCK_S)
    assert after.blocks[-1].released, after.blocks[-1].sentence
    assert keys_are_equal(link)


def test_a_proxy_without_a_fault_changes_nothing(link: Link) -> None:
    plain = link.run(2.0 * BLOCK_S).blocks
    keys = [(key_id, of_a) for key_id, of_a, _ in link.released()]
    link.testbed.begin(link.testbed.case)
    chaos = Chaos(link.testbed, link)
    routed = link.run(2.0 * BLOCK_S).blocks
    assert routed == plain
    assert [(key_id, of_a) for key_id, of_a, _ in link.released()] == keys
    chaos.finish()
