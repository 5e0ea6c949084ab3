"""Game days in reports: positions and times against numbers counted by hand, and what did not react is said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from hil.record.model import CheckEntry, GamedayEntry, MomentEntry, ReactionEntry
from hil.record.reader import read_record
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series
from hil.reports import post_mortem
from hil.reports._gamedays import gameday_sections
from hil.reports._link_runs import link_runs
from hil.reports.html import render
from hil.reports.post_mortem import SPEC as POST_MORTEM
from hil.reports.terminal import render as terminal
from hil.verdict import Outcome

if TYPE_CHECKING:
    from pathlib import Path

CASE = "chaos.test_chaos_gamedays::test_gameday[metro-25km-metro-cut]"
REACTIONS = (
    ReactionEntry(
        number=1,
        fault="fiber_cut",
        target="switch",
        what="detect",
        outcome=Outcome.PASS,
        words="counts fell",
        expected_s=20.0,
        measured_s=10.0,
    ),
    ReactionEntry(
        number=1, fault="fiber_cut", target="switch", what="stop", outcome=Outcome.SKIPPED, words="no key", measured_s=5.0
    ),
    ReactionEntry(
        number=1,
        fault="fiber_cut",
        target="switch",
        what="alert",
        outcome=Outcome.FAIL,
        words="link | down did not fire",
        expected_s=30.0,
    ),
    ReactionEntry(
        number=1,
        fault="fiber_cut",
        target="switch",
        what="recover",
        outcome=Outcome.PASS,
        words="key",
        expected_s=50.0,
        measured_s=20.0,
    ),
)
DAY = GamedayEntry(
    name="cut",
    title="A fibre is cut",
    begins_s=0.0,
    ends_s=100.0,
    outcome=Outcome.FAIL,
    steady=(CheckEntry(name="qber, before", outcome=Outcome.PASS, words="1.3 %"),),
    reactions=REACTIONS,
    checks=(CheckEntry(name="unique-key-ids", outcome=Outcome.FAIL, words="given <twice>"),),
    moments=(
        MomentEntry(time_s=40.0, kind="fault", text="fiber_cut on switch", number=1),
        MomentEntry(time_s=50.0, kind="detect", text="counts fell", number=1),
        MomentEntry(time_s=70.0, kind="heal", text="fiber_cut on switch healed", number=1),
        MomentEntry(time_s=90.0, kind="recover", text="key", number=1),
    ),
    history="gamedays/cut.jsonl",
    link="metro",
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A hundred seconds of one link, cut from 40 s to 70 s."""
    folder = RunFolder.create(tmp_path, run_id="day")
    log = EventLog(folder, "main")
    fields = {name: getattr(DAY, name) for name in DAY.__struct_fields__ if name != "case"}
    log.append("gameday", CASE, **fields)
    log.append(
        "fault",
        CASE,
        fault="fiber_cut",
        target="switch",
        start_s=40.0,
        end_s=70.0,
        commanded="fiber_cut",
        evidence="dark",
        healed=True,
        healing="light again",
        link="metro",
    )
    log.append("test", CASE, outcome=Outcome.FAIL, reason="too late", title="A day")
    times = np.linspace(0.0, 100.0, 101)
    save_series(folder, CASE, "metro", {"qber_ratio": (times, np.full(101, 0.013)), "counts_hz": (times, np.full(101, 1e6))})
    finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=7, started=1.8e9, finished=1.8e9 + 1, exit_code=None))
    return folder.path


def test_lanes_lie_where_their_times_say(run: Path) -> None:
    """Over an axis of 0 to 100 s per cents are seconds: detected at 40 + 10, key again at 70 + 20, and what never came."""
    record = read_record(run)
    (day,) = gameday_sections(record, link_runs(record, run, []))
    assert [(lane.what, lane.left, lane.width, lane.limit) for lane in day.lanes] == [
        ("detected", 40.0, 10.0, 60.0),
        ("last key", 40.0, 5.0, None),
        ("alert", 40.0, 30.0, 70.0),
        ("key again", 70.0, 20.0, None),  # expected by 120 s, which is beyond the axis
    ]
    assert [lane.label for lane in day.lanes] == ["detected 10 s", "last key 5 s", "not seen", "key again 20 s"]


def test_the_page_has_all_of_a_game_day(run: Path) -> None:
    """Its chart once, every reaction with what was expected, what must hold, the timeline; nothing of it unescaped."""
    text = render(read_record(run), run)
    day = text[text.index('<article class="gameday"') : text.index("</article>")]
    assert day.count('<figure class="chart') == 2  # curves, and reactions on the same axis
    assert 'class="band"' in day
    assert len(re.findall(r'<div class="row (PASS|FAIL|SKIPPED)">', day)) == 4
    for said in ("within 20 s", "10 s", "not judged", "not seen", "key again", "unique-key-ids", "gamedays/cut.jsonl"):
        assert said in day
    assert "given &lt;twice&gt;" in day
    assert '<a href="#gameday-1">Drawn with its game day</a>' in text
    assert text.count('aria-label="QBER over bench time') == 1


def test_a_terminal_says_how_soon_it_reacted_and_what_held(run: Path) -> None:
    """A line for each reaction with measured and expected, words where one did not come, the steady state apart by when."""
    told = terminal(read_record(run))
    day = [" ".join(line.split()) for line in told[told.index("game day cut") :].splitlines()]
    assert day[0] == "game day cut on link metro, 0 s to 100 s"
    for line in (
        "F1 fiber_cut on switch detected 10 s within 20 s PASS",
        "last key 5 s – not judged",
        "alert not seen within 30 s FAIL",
        "key again 20 s within 50 s PASS",
        "F1 alert: link | down did not fire",
        "steady state before: qber PASS",
        "held throughout: unique-key-ids FAIL",
        "unique-key-ids: given <twice>",
    ):
        assert line in day
    assert not any("steady state after" in line for line in day)


def test_the_post_mortem_says_what_did_not_react(run: Path) -> None:
    """What was injected, seen and expected, and room for people."""
    path = POST_MORTEM.write(run)
    assert path is not None
    text = path.read_text(encoding="utf-8")
    assert "- fiber\\_cut on switch, 40 s to 70 s, 30 s. Seen: dark. Then healed (light again)." in text
    assert "| F1 fiber\\_cut | detected | 10 s | within 20 s | PASS |" in text
    assert "| F1 fiber\\_cut | last key | 5 s | – | not judged |" in text
    wrong = text.partition("### What did not react")[2].partition("### For people")[0]
    assert "- F1 fiber\\_cut, alert: link \\| down did not fire." in wrong
    assert "- unique-key-ids: FAIL, given &lt;twice&gt;." in wrong
    assert wrong.count("\n- ") == 2


def test_the_post_mortem_does_not_heal_what_was_not(run: Path) -> None:
    """A bench that was left cut is the first thing that a reader has to see of that fault."""
    record = read_record(run)
    left = msgspec.structs.replace(record.faults[0], healed=False, healing="still dark")
    text = post_mortem.render(msgspec.structs.replace(record, faults=(left,)))
    assert "40 s to 70 s, 30 s. Seen: dark. Then NOT SEEN TO BE HEALED." in text


def test_a_run_without_game_days_has_no_post_mortem(tmp_path: Path) -> None:
    """Nothing happened that one could write about."""
    folder = RunFolder.create(tmp_path, run_id="quiet")
    EventLog(folder, "main").append("note", text="nothing")
    finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=7, started=1.8e9, finished=1.8e9 + 1, exit_code=None))
    assert POST_MORTEM.write(folder.path) is None
    assert not (folder.path / "post-mortem.md").exists()
    assert "<article" not in render(read_record(folder.path), folder.path)
