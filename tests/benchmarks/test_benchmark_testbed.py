"""Time that opening a twin, beginning a test and one block of the shipped link take. They assert nothing about time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.testbed.link import Link

pytest.importorskip("pytest_benchmark")


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km", seed=7) as opened:
        yield opened


def test_a_block_of_one_second(testbed: Testbed, benchmark: Any, figure: Any) -> None:
    """Three million clicks: sampled, carried over sockets, counted, and distilled by both parties."""
    testbed.begin("a block")
    link = cast("Link", testbed.link("metro"))
    link.run("1 s")
    run = benchmark.pedantic(link.run, args=("1 s",), rounds=5)
    assert run.blocks[0].released
    figure("testbed.block_s", benchmark, "s", peer="real time, a core for each party", peer_value=2.0)
    testbed.end()


def test_a_test_that_does_nothing(testbed: Testbed, benchmark: Any, figure: Any) -> None:
    """Reset, parked, brought up, parked again."""

    def empty() -> None:
        testbed.begin("nothing")
        cast("Link", testbed.link("metro")).up()
        testbed.end()

    benchmark.pedantic(empty, rounds=10, iterations=5, warmup_rounds=1)
    figure("testbed.empty_test_s", benchmark, "s")


def test_opening_and_closing(benchmark: Any, figure: Any) -> None:
    """Twins started, drivers connected, identities checked; and all of it undone."""
    benchmark.pedantic(lambda: Testbed.open("metro-25km", seed=7).close(), rounds=3)
    figure("testbed.open_and_close_s", benchmark, "s")
