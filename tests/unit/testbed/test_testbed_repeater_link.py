"""A repeater chain behind its drivers: runs, what firmware changes, what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import BenchError, IdentityError, MissingCapabilityError, ObjectiveMissedError
from hil.ports.identity import EvidenceLevel
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.testbed.repeater_link import RepeaterLink

SIGMAS = 6.0
OLD = ('driver = "reference-repeater"\nfirmware = "~=2.1"\nsite = "middle"', 'driver = "reference-repeater"\nsite = "middle"')
TWIN = 'driver = "reference-repeater"\ntwin = "reference-repeater-1x"'


@pytest.fixture(scope="module")
def opened() -> Iterator[Testbed]:
    with Testbed.open("repeater-2", seed=11) as testbed:
        yield testbed


@pytest.fixture
def link(opened: Testbed, request: pytest.FixtureRequest) -> Iterator[RepeaterLink]:
    opened.begin(request.node.name)
    yield cast("RepeaterLink", opened.link("backbone"))
    opened.end()


def test_a_run_counts_pairs_by_basis_in_bench_time(link: RepeaterLink) -> None:
    """Bases in turn, times inside the run and in order, swaps that fit the pairs."""
    link.testbed.clock.sleep(3.5)
    run = link.run("20 s")
    assert (run.start_s, run.end_s) == (3.5, 23.5)
    assert run.simulated
    totals = [total for total, _ in run.visibility.by_basis.values()]
    assert sum(totals) == run.pairs == run.waited_s.size
    assert max(totals) - min(totals) <= 1
    assert run.times_s[0] > 3.5
    assert run.times_s[-1] <= 23.5
    assert (np.diff(run.times_s) > 0).all()
    assert run.swaps["middle"].succeeded == run.pairs
    assert run.swaps["middle"].tried > run.pairs
    assert not any(node.repeating() for node in link.nodes.values())


def test_a_second_run_begins_anew(link: RepeaterLink) -> None:
    first, second = link.run("5 s"), link.run("5 s")
    assert second.start_s == first.end_s
    assert second.swaps["middle"].succeeded == second.pairs > 0
    assert second.times_s[0] > first.end_s


def test_the_same_case_gives_the_same_pairs(opened: Testbed) -> None:
    runs = []
    for case in ("one", "other", "one"):
        opened.begin(case)
        runs.append(cast("RepeaterLink", opened.link("backbone")).run("5 s"))
        opened.end()
    np.testing.assert_array_equal(runs[0].times_s, runs[2].times_s)
    assert runs[0].times_s.tolist() != runs[1].times_s.tolist()


def test_what_is_worse_than_declared_shows(link: RepeaterLink) -> None:
    """Three decibels more in one fibre cost rate; a coherence time of 10 ms costs fidelity."""
    link.testbed.control.inject("backbone", "segment1.excess_loss_db", 3.0)
    lossy = link.run("60 s")
    assert lossy.rate_hz < 0.8 * lossy.prediction.rate_hz
    link.testbed.control.inject("backbone", "segment1.excess_loss_db", 0.0)
    link.testbed.control.inject("middle", "coherence_time_s", 10e-3)
    short = link.run("60 s")
    assert short.rate_hz == pytest.approx(short.prediction.rate_hz, rel=0.1)
    assert short.fidelity < short.prediction.fidelity - 0.1


def test_ends_that_do_not_have_the_same_pairs_are_an_error(link: RepeaterLink, monkeypatch: pytest.MonkeyPatch) -> None:
    west = link.nodes["west"]
    told = west.pairs

    def fewer(first: int = 0) -> Any:
        pairs = told(first)
        import dataclasses

        cut = {name: getattr(pairs, name)[:-1] for name in ("times_ns", "waited_ns", "outcomes")}
        return dataclasses.replace(pairs, **cut)

    monkeypatch.setattr(west, "pairs", fewer)
    with pytest.raises(BenchError, match=r"west has \d+ pairs and east"):
        link.run("1 s")
    assert not any(node.repeating() for node in link.nodes.values())


def test_levels_are_refused_in_words(link: RepeaterLink) -> None:
    with pytest.raises(MissingCapabilityError, match="is a repeater chain: detections take a transmitter and a receiver"):
        link.require(EvidenceLevel.L3, "detections")


def test_old_firmware_is_refused_by_its_pin(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    pinned = OLD[0].replace('driver = "reference-repeater"', TWIN)
    file = write_bench(tmp_path / "bench.toml", (OLD[0], pinned), name="repeater-2")
    with pytest.raises(IdentityError, match=r"firmware 1\.4\.2 found on QKD-HIL Reference Repeater"):
        Testbed.open(file, seed=1)


def test_old_firmware_without_a_pin_shows_in_the_fidelity(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """Swaps of 0.873 in place of 0.97: w falls by 0.8307 / 0.96, which the declared limit of 0.77 does not allow."""
    file = write_bench(
        tmp_path / "bench.toml", (OLD[0], OLD[1].replace('driver = "reference-repeater"', TWIN)), name="repeater-2"
    )
    with Testbed.open(file, seed=1) as testbed:
        assert testbed.identities["middle"].firmware == "1.4.2"
        testbed.begin("firmware")
        link = cast("RepeaterLink", testbed.link("backbone"))
        run = link.run("600 s")
        werner = (4.0 * run.prediction.fidelity - 1.0) / 3.0 * (4.0 * 0.9 * 0.97 - 1.0) / (4.0 * 0.97 - 1.0)
        share = (1.0 - werner) / 2.0
        error = 1.5 * (share * (1.0 - share) / run.pairs) ** 0.5
        assert abs(run.fidelity - (1.0 + 3.0 * werner) / 4.0) < SIGMAS * error
        assert run.fidelity < run.prediction.fidelity - SIGMAS * error
        with pytest.raises(ObjectiveMissedError, match="misses the required 77 %"):
            Slo(link).check(run.visibility, "entanglement_fidelity")


def test_a_run_is_recorded(fresh_notebook: Any) -> None:
    """A table with what was measured beside what was predicted; no outcome of any pair."""
    with Testbed.open("repeater-2", seed=2, log=fresh_notebook) as testbed:
        testbed.begin("case")
        run = cast("RepeaterLink", testbed.link("backbone")).run("10 s")
        (table,) = fresh_notebook.of("table")
    assert table["rows"][0] == (run.rate_hz, run.prediction.rate_hz)
    assert table["rows"][1] == (run.fidelity, run.prediction.fidelity)
    assert table["link"] == "backbone"
