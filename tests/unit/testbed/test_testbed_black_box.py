"""A link that shows keys and telemetry only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import pytest

from hil.errors import MissingCapabilityError
from hil.ports.identity import EvidenceLevel
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.testbed.link import Link


@pytest.fixture(scope="module")
def boxed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km-black-box", seed=3) as testbed:
        yield testbed


@pytest.fixture
def black_box(boxed: Testbed, request: pytest.FixtureRequest) -> Iterator[Link]:
    boxed.begin(request.node.name)
    yield cast("Link", boxed.link("metro"))
    boxed.end()


def test_a_run_holds_what_the_box_claims_second_by_second(black_box: Link) -> None:
    """Telemetry of each of 4 seconds; counts and QBER as the closed forms of the declared link have them."""
    run = black_box.run("4 s")
    assert run.level is EvidenceLevel.L0
    assert run.blocks == ()
    assert run.series["key_rate_bps"][0] - run.start_s == pytest.approx([1.0, 2.0, 3.0, 4.0])
    assert run.claimed["counts_hz"] == pytest.approx(black_box.prediction.counts_hz, rel=0.01)
    assert run.claimed["qber_ratio"] == pytest.approx(black_box.prediction.qber_ratio, rel=0.05)
    assert run.claimed["sifted_bits"] > 100_000


def test_both_ends_deliver_the_same_keys_of_the_claimed_rate(black_box: Link) -> None:
    """As many keys as the claimed rate makes in the run, to one key of 256 bits; compared here and nowhere else."""
    black_box.run("1 s")
    black_box.take_released()
    run = black_box.run("3 s")
    keys = black_box.released()
    assert all(of_a == of_b for _, of_a, of_b in keys)
    assert run.net_secret_bits == 256 * len(keys)
    assert run.net_secret_bits == pytest.approx(run.claimed["key_rate_bps"] * 3.0, abs=2 * 256)


def test_the_claims_are_judged_as_claims(black_box: Link) -> None:
    verdicts = Slo(black_box).judge(black_box.run("5 s"), "qber", "key_rate", "contract_key_rate")
    assert {verdict.outcome for verdict in verdicts} == {Outcome.PASS}
    assert "the device's own claim" in verdicts[0].reason


@pytest.mark.parametrize(
    ("level", "ask"),
    [
        ("L1", lambda link: link.count_gates("dark")),
        ("L3", lambda link: link.inter_click_gaps("1 s")),
        ("L3", lambda link: link.run("1 s", interceptor=lambda message: (message.data,))),
    ],
    ids=["gates", "gaps", "interceptor"],
)
def test_what_takes_raw_data_is_a_missing_capability_that_names_the_level(
    black_box: Link, level: str, ask: Callable[[Link], object]
) -> None:
    with pytest.raises(MissingCapabilityError, match=rf"link metro is of evidence level L0; .* take {level} or more"):
        ask(black_box)


def test_a_channel_between_black_boxes_is_not_said_to_be_broken(black_box: Link) -> None:
    """A probe of our own would show the fault, and no message of the boxes would meet it."""
    chaos = Chaos(black_box.testbed, black_box)
    for target in (None, "metro"):
        with pytest.raises(MissingCapabilityError, match="none of their messages goes through a proxy"):
            chaos.classical_latency(target, latency="100 ms")


def test_a_link_that_shows_counters_only_gives_counts_and_no_blocks(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """Evidence level L1: counts as the closed forms have them, and a claim to blocks is refused by name."""
    role = 'role = "receiver"\ndriver = "reference-transceiver"\n'
    file = write_bench(tmp_path / "counters.toml", (role, f'{role}level = "L1"\n'))
    with Testbed.open(file, seed=4) as testbed:
        testbed.begin("a case")
        link = cast("Link", testbed.link("metro"))
        run = link.run("1 s")
        assert run.level is EvidenceLevel.L1
        assert run.blocks == ()
        total = sum(int(gates.sum()) for gates in run.counts.values())
        mean = link.prediction.counts_hz
        assert abs(total - mean) < 5.0 * math.sqrt(1.2 * mean)
        assert run.series["counts_hz"][0].size == 10
        with pytest.raises(MissingCapabilityError, match="level L1; gaps between clicks take L3"):
            link.inter_click_gaps("1 s")
