"""Entangled links over their twins: counts, coincidences, errors, CHSH value and key against closed forms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.errors import MissingCapabilityError, UnknownNameError
from hil.physics.chsh import QUANTUM_BOUND
from hil.physics.pair_prediction import pair_rates
from hil.physics.prediction import detector_counts_hz, predict
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.testbed.entangled_link import EntangledLink

SIGMAS = 4.9
"""A false alarm in a million."""


@pytest.fixture(scope="module")
def metro() -> Iterator[Testbed]:
    with Testbed.open("entangled-metro", seed=7) as testbed:
        yield testbed


@pytest.fixture
def link(metro: Testbed, request: pytest.FixtureRequest) -> Iterator[EntangledLink]:
    metro.begin(request.node.name)
    yield cast("EntangledLink", metro.link("pairs"))
    metro.end()


def test_a_run_counts_errs_and_gives_key_as_the_closed_forms_say(link: EntangledLink) -> None:
    """Every detector, both bases' pairs and errors within 4.9 deviations, the key within 10 %; the ends' keys are equal."""
    run = link.run("8 s")
    bench = link.testbed.bench
    for name, hertz in detector_counts_hz(bench, "pairs").items():
        assert abs(int(run.counts[name].sum()) - hertz * 8.0) < SIGMAS * math.sqrt(hertz * 8.0), name
    rates = pair_rates(bench, "pairs")
    key, test = (sum(bits) for bits in zip(*((b.sifted_key_bits, b.sifted_test_bits) for b in run.blocks), strict=True))
    assert abs(key - 8.0 * rates.key_hz) < SIGMAS * math.sqrt(key)
    assert abs(test - 8.0 * rates.test_hz) < SIGMAS * math.sqrt(test)
    wrong = sum(block.key_errors or 0 for block in run.blocks)
    assert abs(wrong - 8.0 * rates.key_errors_hz) < SIGMAS * math.sqrt(wrong)
    assert run.net_secret_bits == pytest.approx(8.0 * link.prediction.key_rate_bps, rel=0.1)
    assert link.prediction == predict(bench, "pairs")
    keys = link.released()
    assert len(keys) > 100
    assert all(of_a == of_b for _, of_a, of_b in keys)
    assert run.visibility is not None
    assert run.visibility.by_basis == {"key": (key, wrong), "test": (test, sum(block.test_errors for block in run.blocks))}


def test_a_cut_arm_costs_the_key_and_leaves_the_other_receiver_its_counts(link: EntangledLink) -> None:
    """Counts of a go on, b is left with dark counts, nothing is released, and afterwards there is key again."""
    with Chaos(link.testbed, link).fiber_cut() as cut:
        during = link.run("4 s")
    assert cut.healed
    assert not during.blocks[0].released
    expected = detector_counts_hz(link.testbed.bench, "pairs")
    assert int(during.counts["alice.z0"].sum()) == pytest.approx(4.0 * expected["alice.z0"], rel=0.01)
    assert int(during.counts["bob.z0"].sum()) < 4.0 * 120.0
    assert link.run("4 s").blocks[0].released


def test_a_warm_stage_turns_the_other_ends_pairs(link: EntangledLink) -> None:
    """10 K off at b misaligns 2 %: the errors of the test basis grow by (1 - 2 Q) of that."""
    before = pair_rates(link.testbed.bench, "pairs")
    with Chaos(link.testbed, link).thermal_drift(delta_k=10.0):
        link.testbed.clock.sleep(300.0)
        run = link.run("4 s")
    block = run.blocks[0]
    expected = before.test_errors_hz / before.test_hz
    expected += 0.02 * (1.0 - 2.0 * expected)
    bits = block.sifted_test_bits
    assert abs(block.test_errors / bits - expected) < SIGMAS * math.sqrt(expected / bits)


def test_dark_counts_of_every_detector(link: EntangledLink) -> None:
    """Without light both receivers show their 60 counts a second, a detector by its receiver's name."""
    found = {gates.detector: gates for gates in link.count_gates("dark", gates=10, gate="1 s")}
    assert len(found) == 8
    for gates in found.values():
        assert abs(int(gates.counts.sum()) - 600) < SIGMAS * math.sqrt(600.0)
        assert gates.predicted_hz == pytest.approx(60.0, rel=1e-4)


def test_what_it_has_not_says_so(link: EntangledLink) -> None:
    """No transmitter; a detector that there is not is told with the nearest that there is."""
    with pytest.raises(MissingCapabilityError, match="its pairs come from source"):
        _ = link.transmitter
    with pytest.raises(UnknownNameError, match=r"alice\.z0"):
        link.detector("alice.q0")
    assert link.detector("alice.x1").number == 3


@pytest.mark.parametrize(("visibility", "violates", "key"), [(0.97, True, True), (0.65, False, False)])
def test_e91_shows_its_chsh_value(
    write_bench: Callable[..., Path], tmp_path: Path, visibility: float, *, violates: bool, key: bool
) -> None:
    """S follows 2 sqrt 2 V but for accidentals, as the closed forms have it; a bad source gives neither violation nor key."""
    changes = (
        ("visibility_key = 0.96", f"visibility_key = {visibility}"),
        ("visibility_test = 0.96", f"visibility_test = {visibility}"),
    )
    with Testbed.open(write_bench(tmp_path / "e91.toml", *changes, name="berlin60"), seed=5) as testbed:
        testbed.begin("e91")
        link: Any = testbed.link("pairs")
        run = link.run("20 s")
        s, error = (float(run.series[name][1][0]) for name in ("chsh_ratio", "chsh_error_ratio"))
        closed = pair_rates(testbed.bench, "pairs").chsh
        assert abs(s - closed) < SIGMAS * error
        assert closed == pytest.approx(QUANTUM_BOUND * visibility, rel=0.03)
        assert (s - SIGMAS * error > 2.0) is violates
        assert run.blocks[0].released is key, run.blocks[0].sentence
        testbed.end()
