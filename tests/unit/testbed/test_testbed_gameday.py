"""Game days on the twin of a link with short blocks: what is measured, what is judged, what ends a day, what breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from hil.errors import BenchError, FaultUseError, Inconclusive, MissingCapabilityError, ObjectiveMissedError
from hil.gamedays.model import Abort, Alert, Expectation, Gameday, GamedayInfo, Load, PlannedFault, SteadyState
from hil.history.steps import History
from hil.keystores.embedded import EmbeddedKeyStore
from hil.testbed.gamedays.gameday import GamedayRun
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from tests.unit.testbed.conftest import Notebook

BLOCK_S = 0.2


def cut(**expected: Any) -> PlannedFault:
    """From half of the second block to the middle of the fifth."""
    return PlannedFault(at_s=1.5 * BLOCK_S, fault="fiber-cut", duration_s=3.0 * BLOCK_S, expect=Expectation(**expected))


def day(*faults: PlannedFault, blocks: int = 8, **more: Any) -> Gameday:
    return Gameday(
        gameday=GamedayInfo(name="a day", duration_s=blocks * BLOCK_S),
        steady_state=SteadyState(over_s=2 * BLOCK_S, indicators=("qber",)),
        fault=faults,
        **more,
    )


def of(notebook: Notebook) -> dict[str, Any]:
    (entry,) = notebook.of("gameday")
    return entry


def test_a_day_is_measured_and_recorded(link: Link, notebook: Notebook) -> None:
    """Every reaction within what the blocks allow, all invariants checked, the steady state before and after."""
    expected = {
        "detect_within_s": 2 * BLOCK_S,
        "detect_by": ("counts",),
        "stop_delivery_within_s": 2 * BLOCK_S,
        "alert": "dark",
        "alert_within_s": 4 * BLOCK_S,
        "recover_within_s": 2.5 * BLOCK_S,
    }
    alerts = (Alert(name="dark", signal="counts", for_s=2 * BLOCK_S),)
    run = GamedayRun(link, day(cut(**expected), load=Load(keys=4), alert=alerts))
    run.run()
    entry = of(notebook)
    assert entry["outcome"] is Outcome.PASS
    assert {each.name for each in entry["steady"]} == {"qber, before", "qber, after"}
    assert len(entry["checks"]) == 7
    found = {each.what: each.measured_s for each in entry["reactions"]}
    # commanded in the middle of the second block: its end is half a block later, the alert's two blocks after that
    assert found["detect"] == pytest.approx(0.5 * BLOCK_S)
    assert found["stop"] <= 0.5 * BLOCK_S + 1e-6  # the block that the cut touches may give key of what it had before, or not
    assert found["alert"] == pytest.approx(2.5 * BLOCK_S)
    # healed within the fifth block or, where the switch and the look took longer, the sixth; one whole block more
    assert found["recover"] is not None
    assert BLOCK_S <= found["recover"] <= 2 * BLOCK_S
    kinds = [moment.kind for moment in entry["moments"]]
    assert kinds[0] == "fault"
    assert set(kinds) == {"fault", "detect", "alert", "stop", "heal", "recover"}
    # taken back at 4.5 blocks of the day; the switch and the look take longer, and that is no time of the link's
    (broken,) = [fault for _, fault in run.faults]
    (healed_s,) = [moment.time_s for moment in entry["moments"] if moment.kind == "heal"]
    assert broken.window is not None
    assert entry["begins_s"] + 4.5 * BLOCK_S <= healed_s == broken.undone_s < broken.window.end_s
    steps = {step.step for step in run.history}
    assert steps == {"sifted", "reconciled", "amplified", "aborted", "released", "stored", "enc", "dec", "destroyed", "drained"}


def test_a_stop_of_blocks_that_the_parties_would_have_gone_on_with_is_undecided(link: Link, notebook: Notebook) -> None:
    """A third of the efficiency is gone: fewer bits, as good as before. No key comes of them, by this framework's own rule."""
    dimmed = PlannedFault(
        at_s=1.5 * BLOCK_S,
        fault="efficiency-loss",
        duration_s=3.5 * BLOCK_S,
        settings={"loss_ratio": 0.3},
        expect=Expectation(stop_delivery_within_s=2 * BLOCK_S),
    )
    with pytest.raises(Inconclusive, match="barred by this framework; the parties would have gone on"):
        GamedayRun(link, day(dimmed)).run()
    entry = of(notebook)
    assert entry["outcome"] is Outcome.INCONCLUSIVE
    (stop,) = [each for each in entry["reactions"] if each.what == "stop"]
    assert (stop.outcome, stop.measured_s) == (Outcome.INCONCLUSIVE, None)
    assert [block["barred"] for block in notebook.of("block")].count(True) >= 2


def test_a_reaction_that_comes_too_late_fails_the_day(link: Link, notebook: Notebook) -> None:
    """A tenth of a block is less than the half that passes before anybody could see anything."""
    with pytest.raises(ObjectiveMissedError, match=r"fiber_cut on switch, detect: after 0\.1 s, expected within 0\.02 s"):
        GamedayRun(link, day(cut(detect_within_s=0.1 * BLOCK_S, detect_by=("counts",)), blocks=6)).run()
    assert of(notebook)["outcome"] is Outcome.FAIL


def test_a_key_that_the_framework_refuses_is_no_signal(link: Link) -> None:
    """1 % more errors leave a key, and blocks of in-fault detections give none by rule: nobody may take that for the link's."""
    off = PlannedFault(
        at_s=0.5 * BLOCK_S, fault="misalignment", duration_s=3.0 * BLOCK_S, settings={"added_ratio": 0.01}, expect=Expectation()
    )
    run = GamedayRun(link, day(off, blocks=6))
    run.run()
    barred = [look for look in run.looks if look.barred]
    assert barred
    assert not any(look.released or look.signals.keys() & {"no-key", "key-rate"} for look in barred)


def test_a_day_that_is_called_off_is_an_error_and_healed(link: Link, notebook: Notebook) -> None:
    """Dark detectors are surely below any sensible count: the day ends there, the cut is healed, nothing comes after."""
    with pytest.raises(BenchError, match="was called off, everything is healed: counts"):
        GamedayRun(link, day(cut(), abort=(Abort(quantity="counts", below=1e4),))).run()
    entry = of(notebook)
    assert entry["outcome"] is Outcome.ERROR
    assert [moment.kind for moment in entry["moments"]][-1] in {"abort", "heal"}
    assert "qber, after" not in {each.name for each in entry["steady"]}
    assert link.switch is not None
    assert link.switch.channel() == 1


def test_without_a_steady_state_nothing_is_broken(link: Link, notebook: Notebook) -> None:
    """A link that is out of order already is none to practise on."""
    link.testbed.control.inject("bob", "misalignment", 0.1)
    with pytest.raises(BenchError, match="no steady state to begin with, so nothing was broken: qber"):
        GamedayRun(link, day(cut())).run()
    assert not notebook.of("fault")


def test_a_steady_state_that_does_not_come_back_fails_the_day(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that stays worse after everything is healed did not ride it out."""
    run = GamedayRun(link, day(cut(), blocks=6))
    serve = run._serve

    def spoil() -> str:
        if len(run.looks) == 4:
            link.testbed.control.inject("bob", "misalignment", 0.1)
        return serve()

    monkeypatch.setattr(run, "_serve", spoil)
    with pytest.raises(ObjectiveMissedError, match="qber, after"):
        run.run()


def test_a_key_management_entity_that_delivers_twice_is_found(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that forgets to note what it gave away breaks an invariant, and the day."""
    take = EmbeddedKeyStore.take

    def forgetful(store: EmbeddedKeyStore, key_ids: tuple[str, ...]) -> Any:
        with store._step() as database:
            found = take(store, key_ids)
            marks = ",".join("?" * len(key_ids))
            database.execute(
                f"UPDATE key SET state = 'reserved', bits = zeroblob(32) WHERE key_id IN ({marks}) AND holder <> ''", key_ids
            )
        return found

    monkeypatch.setattr(EmbeddedKeyStore, "take", forgetful)
    with pytest.raises(ObjectiveMissedError, match="delivered-once: handed out twice"):
        GamedayRun(link, day(cut(), load=Load(keys=2), blocks=6)).run()


def test_invariants_are_those_that_the_day_names(link: Link, notebook: Notebook) -> None:
    """Two of seven."""
    named = msgspec.structs.replace(
        day(cut(), blocks=6), gameday=GamedayInfo(name="two", duration_s=1.2, invariants=("unique-key-ids", "both-ends-equal"))
    )
    GamedayRun(link, named).run()
    assert [each.name for each in of(notebook)["checks"]] == ["unique-key-ids", "both-ends-equal"]


def test_sparse_blocks_skip_over_a_day(link: Link, notebook: Notebook) -> None:
    """One block every two hours makes twelve of a day, and a fault of hours is seen in them."""
    drift = PlannedFault(
        at_s=6 * 3600.0,
        fault="thermal-drift",
        duration_s=8 * 3600.0,
        settings={"delta_k": 10.0},
        waveform="ramp 2 h",
        expect=Expectation(detect_within_s=6 * 3600.0, detect_by=("qber",), recover_within_s=4 * 3600.0),
    )
    info = GamedayInfo(name="sparse", duration_s=86_400.0, every_s=7200.0)
    run = GamedayRun(link, msgspec.structs.replace(day(drift), gameday=info))
    run.run()
    assert len(run.looks) == 12
    found = {each.what: each.measured_s for each in of(notebook)["reactions"]}
    # 10 K by 0.15 % each on top of 1.25 % are well above the limit of 2 %: seen by the first block after the ramp's two hours
    assert found["detect"] == pytest.approx(7200.0 + BLOCK_S, abs=1.0)


def test_a_day_that_does_not_fit_the_bench_is_told_at_once(link: Link, notebook: Notebook) -> None:
    """Every target and setting of every fault, before anything is judged or moved."""
    bent = PlannedFault(at_s=0.0, fault="macrobend-loss", target="bob", settings={"loss_db": 3.0})
    spike = PlannedFault(at_s=0.0, fault="dark-count-spike", target="voa", settings={"rate_hz": -1.0})
    with pytest.raises(FaultUseError) as caught:
        GamedayRun(link, day(bent, spike)).run()
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "fault[0], macrobend-loss: target",
        "fault[1], dark-count-spike: rate_hz",
        "fault[1], dark-count-spike: target",
    ]
    assert str(caught.value).startswith("game day a day: fault[0], macrobend-loss: target: found 'bob', no way of light")
    assert not notebook.of("verdict")


def test_a_bench_without_the_device_is_skipped(link: Link, notebook: Notebook) -> None:
    """Nothing is recorded of a day that could not begin."""
    planned = PlannedFault(at_s=0.0, fault="thermal-drift", target="", settings={"delta_k": 1.0})
    del link.__dict__["device_names"]
    names = tuple(name for name in link.declared.devices if name != "stage" and name in link.testbed.devices)
    link.__dict__["device_names"] = names
    try:
        with pytest.raises(MissingCapabilityError, match="temperature-controller"):
            GamedayRun(link, day(planned)).run()
    finally:
        del link.__dict__["device_names"]
    assert not notebook.of("gameday")
    assert not notebook.of("verdict")  # or its steady state would pass for the day


def test_histories_of_other_tests_are_not_kept(link: Link) -> None:
    """A link notes the life of its keys only where somebody asked for it."""
    assert link.testbed.history is None
    link.testbed.history = history = History()
    link.run(BLOCK_S)
    assert len(history) == 5
    cast("Any", link.testbed).history = None
