"""A run that is being ended: dark first, then every fault taken back, last in first out, and nobody waits for counts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.testbed.injection.chaos import Chaos

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed
    from tests.unit.testbed.conftest import Notebook


@pytest.fixture
def changes(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Every setting of the world that really changed, in order."""
    world = cast("Any", testbed)._twins.world
    noted: list[tuple[str, float]] = []
    change = world._change

    def note(device: str, setting: str, value: float, now_ns: int) -> None:
        if world.standing(device, setting) != float(value):
            noted.append((setting, float(value)))
        change(device, setting, value, now_ns)

    monkeypatch.setattr(world, "_change", note)
    return noted


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_dark_first_then_undos_the_last_fault_first(
    testbed: Testbed, link: Link, notebook: Notebook, changes: list[tuple[str, float]], kind: type[BaseException]
) -> None:
    """And the record says how they were healed."""
    chaos = Chaos(testbed, link)
    with contextlib.suppress(kind), chaos.thermal_drift(delta_k=2.0) as drift, chaos.fiber_cut() as cut:
        changes.clear()
        began_s = testbed.now_s()
        raise kind
    assert changes == [("emitting", 0.0), ("biased", 0.0), ("channel", 1.0), ("setpoint_c", 30.0)]
    assert testbed.now_s() - began_s < 2.0  # a stage of this bench takes a hundred seconds to come back
    assert drift.healed
    assert cut.healed
    assert [(each["fault"], each["healed"]) for each in notebook.of("fault")] == [("fiber_cut", True), ("thermal_drift", True)]
    assert "nobody waited for the bench to show it" in notebook.of("fault")[0]["healing"]


def test_an_ordinary_error_still_waits_until_the_bench_shows_it(
    testbed: Testbed, link: Link, changes: list[tuple[str, float]]
) -> None:
    """The light stays on, as the counts have to tell."""
    with contextlib.suppress(ZeroDivisionError), Chaos(testbed, link).fiber_cut() as cut:
        changes.clear()
        raise ZeroDivisionError
    assert changes == [("channel", 1.0)]
    assert "counts went from" in cut.healing


def test_a_fault_by_the_clock_is_taken_back_as_well(testbed: Testbed, link: Link, changes: list[tuple[str, float]]) -> None:
    """No with block tells it; the plugin does, once however often it is told."""
    Chaos(testbed, link).at("1 s").fiber_cut(duration="60 s")
    testbed.clock.sleep(3.0)
    changes.clear()
    testbed.interrupt()
    testbed.interrupt()
    assert changes == [("emitting", 0.0), ("biased", 0.0), ("channel", 1.0)]
    testbed.end()
    assert changes[3:] == [("channel", 4.0), ("attenuation_db", 60.0)]
