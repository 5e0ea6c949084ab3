"""Random sequences of faults break no invariant and leave no fault behind; planted bugs are found and shrunk.

``ci/chaos`` runs a thousand of them: HIL_CHAOS_SEQUENCES says how many, HIL_CHAOS_SEED with which seed the first is drawn.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hil.discovery import find
from hil.keystores.embedded import EmbeddedKeyStore
from hil.ports.spec import Range
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.ports.spec import FaultBench, Move, Undo

SEQUENCES = int(os.environ.get("HIL_CHAOS_SEQUENCES", "6"))
FIRST = int(os.environ.get("HIL_CHAOS_SEED", "1"))
CHUNK = 25


def _module() -> Any:
    """Its file stands beside this one, and is no package's."""
    spec = importlib.util.spec_from_file_location("fault_sequences", Path(__file__).with_name("fault_sequences.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sequences = _module()


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    """One world after the other on one bench."""
    with Testbed.open(sequences.quick_bench(), seed=1) as opened:
        yield opened


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(FIRST, FIRST + SEQUENCES, CHUNK))
def test_no_sequence_breaks_an_invariant_or_leaves_a_fault(testbed: Testbed, first: int) -> None:
    """Each from its own seed; what breaks is shrunk, says how to run it again, and keeps no other from being played."""
    faults, broken = sequences.drawable(), []
    for number in range(first, min(first + CHUNK, FIRST + SEQUENCES)):
        try:
            sequences.play(sequences.sequence(number, testbed, faults))
        except Exception as error:  # noqa: BLE001 - whatever breaks is what is looked for, and all of it is raised below
            error.add_note(f"sequence {number}: ci/chaos --seed {number} --sequences 1 runs it again")
            broken.append(error)
    if broken:
        raise ExceptionGroup(f"{len(broken)} sequences broke", broken)


def test_a_sequence_is_the_same_from_its_seed(testbed: Testbed) -> None:
    """Step by step, with its settings and what the link made of it."""
    traces, histories = [], []
    for _ in range(2):
        machine = sequences.sequence(3, testbed, sequences.drawable())
        sequences.play(machine)
        traces.append(machine.trace)
        histories.append([(step.time_s, step.step, step.bits) for step in testbed.history or ()])
    assert traces[0] == traces[1]
    assert len(traces[0]) > 2


def _forgetful() -> Any:
    """A spike that heals all detectors but one to where they stood, and that one to nothing."""
    spike = find("fault", "dark-count-spike")

    def plan(bench: FaultBench, target: str, settings: Any) -> tuple[Undo, ...]:
        *others, last = spike.plan(bench, target, settings)
        return (*others, replace(last, value=0.0))

    def moves(bench: FaultBench, target: str, settings: Any, stood: tuple[Undo, ...]) -> tuple[Move, ...]:
        return spike.moves(bench, target, settings, (*stood[:-1], replace(stood[-1], value=60.0)))

    fixed = {"rate_hz": Range(5e4, 5e4, "so that there is nothing to shrink in it")}
    return replace(spike, name="forgetful-spike", plan=plan, moves=moves, ranges=fixed, magnitude=())


def test_a_fault_that_forgets_a_setting_is_found_and_shrunk(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """To one injection and its healing, whatever else was in the sequence that found it."""
    planted = _forgetful()
    monkeypatch.setattr(
        "hil.testbed.injection.chaos.find",
        lambda kind, name, **how: planted if name == "forgetful_spike" else find(kind, name, **how),
    )
    machine = sequences.sequence(1, testbed, {"forgetful-spike": planted})
    machine.thorough = False
    with pytest.raises(AssertionError, match=r"left behind by .*x1\.dark_count_rate_hz 0\.0"):
        sequences.play(machine, sequences=40, steps=3)
    assert len(machine.trace) <= 2, machine.trace
    assert "forgetful_spike" in machine.trace[0]


def test_an_entity_that_delivers_twice_is_found_and_shrunk(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a block, whose keys are used once; the application that asks again is what shows it."""
    take = EmbeddedKeyStore.take

    def forgetful(store: EmbeddedKeyStore, key_ids: tuple[str, ...]) -> Any:
        with store._step() as database:
            found = take(store, key_ids)
            marks = ",".join("?" * len(key_ids))
            again = f"UPDATE key SET state = 'reserved', bits = zeroblob(32) WHERE key_id IN ({marks}) AND holder <> ''"
            database.execute(again, key_ids)
        return found

    monkeypatch.setattr(EmbeddedKeyStore, "take", forgetful)
    machine = sequences.sequence(2, testbed, {})
    machine.thorough = False
    with pytest.raises(AssertionError, match="handed out again"):
        sequences.play(machine, sequences=40, steps=3)
    assert [step.split()[0] for step in machine.trace if step != "afterwards"] == ["block", "use"], machine.trace
