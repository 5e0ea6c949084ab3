"""A virtual month: dates of a calendar, faults that show in the photons, slices left out, and the verdict of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from scipy.stats import poisson

from hil.cli import main
from hil.errors import OperationsFileError, UnknownNameError, UsageError
from hil.operations.fault_calendar import FaultCalendar, load_calendar, occurrences, shipped_calendars
from hil.operations.month import live
from hil.record.reader import read_record
from hil.testbed.testbed import Testbed
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.testbed.link import Link

HEAD = """
[month]
name = "short"
duration = "2 h"
"""
CUT = """
[fault.cut]
fault = "fiber-cut"
at = ["30 min", "90 min"]
lasts = "5 min"
"""


@pytest.fixture
def calendar(tmp_path: Path) -> Callable[[str], FaultCalendar]:
    def write(text: str) -> FaultCalendar:
        file = tmp_path / "calendar.toml"
        file.write_text(text, encoding="utf-8")
        return load_calendar(file)

    return write


@pytest.fixture(scope="module")
def metro() -> Iterator[Link]:
    """The shipped link, up."""
    with Testbed.open("metro-25km", simulate=True, seed=3) as testbed:
        testbed.begin("month")
        link = cast("Link", testbed.link("metro"))
        link.up()
        yield link


def test_faults_at_dates_take_the_link_down(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """Two hours with two cuts of five minutes: those ten minutes are down, and no other."""
    month = live(metro, calendar(HEAD + CUT), 1)
    assert np.flatnonzero(~month.up).tolist() == [*range(30, 35), *range(90, 95)]
    assert (month.availability().good, month.availability().total) == (110, 120)
    assert month.availability().simulated
    (cut,) = month.shares
    assert (cut.words, cut.times, cut.down, cut.expected) == ("fiber-cut", 2, 10, 10.0)
    assert month.history(600.0).bad.sum() == 10.0
    again = live(metro, calendar(HEAD + CUT), 1, workers=2)
    assert np.array_equal(again.survey.errors, month.survey.errors)


def test_a_month_without_faults_is_up(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """The control: the same link, nothing broken."""
    assert live(metro, calendar(HEAD), 1).up.all()


def test_a_fault_counts_by_what_it_does(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """2 MHz of dark counts a detector drown the signal, 200 Hz do nothing; the share of classes says so."""
    text = HEAD + "".join(
        f'[fault.{name}]\nfault = "dark-count-spike"\nsettings = {{ rate = "{rate}" }}\nat = ["{at} min"]\nlasts = "10 min"\n'
        for name, rate, at in (("loud", "2 MHz", 20), ("quiet", "200 Hz", 60))
    )
    month = live(metro, calendar(text), 2)
    assert {one.name: one.down for one in month.shares} == {"loud": 10, "quiet": 0}
    assert np.flatnonzero(~month.up).tolist() == list(range(20, 30))


def test_what_the_photons_do_not_show_is_declared(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """A classical outage stops the key; of two times of maintenance one spends the budget and one is left out."""
    text = (
        HEAD
        + """
[fault.outage]
stops_key = true
at = ["10 min"]
lasts = "3 min"
[[maintenance]]
first = "50 min"
lasts = "4 min"
[[maintenance]]
first = "60 min"
lasts = "2 min"
every = "20 min"
spends_budget = false
"""
    )
    month = live(metro, calendar(text), 3)
    down = [10, 11, 12, 50, 51, 52, 53, 60, 61, 80, 81, 100, 101]
    assert np.flatnonzero(~month.up).tolist() == down
    assert np.flatnonzero(~month.counted).tolist() == down[7:]
    assert (month.availability().good, month.availability().total) == (107, 114)


def test_overlapping_faults_heal_one_by_one(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """A long weak spike over which a short strong one comes and goes: down during the strong one only."""
    text = HEAD + "".join(
        f'[fault.{name}]\nfault = "dark-count-spike"\nsettings = {{ rate = "{rate}" }}\nat = ["{at}"]\nlasts = "{lasts}"\n'
        for name, rate, at, lasts in (("weak", "200 Hz", "20 min", "60 min"), ("strong", "2 MHz", "40 min", "5 min"))
    )
    month = live(metro, calendar(text), 4)
    assert np.flatnonzero(~month.up).tolist() == list(range(40, 45))
    noisy = month.survey.counts.sum(axis=1)
    assert noisy[40:45].min() > 1.2 * noisy[:20].max()


def test_a_fault_outside_the_light_is_refused(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """A classical channel is no part of a survey; its outage is declared."""
    with pytest.raises(UsageError, match=r"which the light of metro does not see.*stops_key = true"):
        live(metro, calendar(HEAD + '[fault.x]\nfault = "classical-partition"\nat = ["1 min"]\nlasts = "1 min"\n'), 1)
    with pytest.raises(OperationsFileError, match=r"fault\.x\.fault: found 'fibre-cut'; expected 'fiber-cut'"):
        calendar(HEAD + '[fault.x]\nfault = "fibre-cut"\nat = ["1 min"]\nlasts = "1 min"\n')


def test_a_fault_beside_the_light_says_what_it_does(metro: Link, calendar: Callable[[str], FaultCalendar]) -> None:
    """With its effect declared it may be named: the channel of the parties is cut, and no photon knows."""
    month = live(metro, calendar(HEAD + CUT.replace("fiber-cut", "classical-partition") + "stops_key = true\n"), 1)
    assert int((~month.up).sum()) == 10
    assert month.shares[0].words == "classical-partition cut_way both"
    assert month.survey.counts.sum(axis=1).min() > 1000


def test_rates_are_those_declared(calendar: Callable[[str], FaultCalendar]) -> None:
    """500 months of 6 on average: the number's two-sided Poisson bounds at 1e-6; mean length within six standard errors."""
    declared = calendar(
        '[month]\nname = "long"\nduration = "15000 d"\n[fault.a]\nstops_key = true\nper_month = 6.0\nlasts = "10 min"\n'
    )
    found = occurrences(declared, 17)
    low, high = poisson.ppf([5e-7, 1 - 5e-7], 3000)
    assert low <= len(found) <= high
    lengths_s = np.array([one.end_s - one.start_s for one in found])
    assert abs(lengths_s.mean() - 600.0) < 6.0 * 600.0 / np.sqrt(len(found))
    assert lengths_s.std() == pytest.approx(600.0, rel=0.1)  # of an exponential
    assert list(found) == sorted(found, key=lambda one: one.start_s)
    other = occurrences(declared, 18)
    assert [one.start_s for one in other] != [one.start_s for one in found]


def test_another_class_changes_no_dates(calendar: Callable[[str], FaultCalendar]) -> None:
    """Each draws from a stream of its own; what outlasts the month ends with it."""
    one = '[fault.a]\nstops_key = true\nper_month = 2000.0\nlasts = "10 h"\nspread = "fixed"\n'
    alone = occurrences(calendar(HEAD + one), 5)
    both = occurrences(calendar(HEAD + one + one.replace("fault.a", "fault.b")), 5)
    assert [each for each in both if each.name == "a"] == list(alone)
    assert {each.end_s for each in alone} == {7200.0}
    assert len(alone) > 1
    assert not {each.start_s for each in alone} & {each.start_s for each in both if each.name == "b"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fault.a]\nlasts = '1 min'\n", "neither fault nor stops_key"),
        ("[fault.a]\nstops_key = true\nlasts = '1 min'\n", "neither at nor per_month"),
        ("[fault.a]\nstops_key = true\nlasts = '1 min'\nat = ['1 h']\nsettings = {x = 1}\n", "settings of no fault"),
        ("[fault.a]\nstops_key = true\nlasts = '1 parsec'\nat = ['1 h']\n", "fault.a.lasts"),
        ("[fault.a]\nstop_key = true\nlasts = '1 min'\n", "an unknown key"),
        ("[[maintenance]]\nfirst = '1 h'\nlasts = '1 h'\nevery = '1 h'\n", "more than it lasts"),
    ],
)
def test_mistakes_of_a_calendar_are_named(calendar: Callable[[str], FaultCalendar], text: str, said: str) -> None:
    """With their place, as those of a bench file."""
    with pytest.raises(OperationsFileError, match=said):
        calendar(HEAD + text)
    with pytest.raises(OperationsFileError, match="a whole number of slices"):
        calendar(HEAD.replace('"2 h"', '"90 s"'))


def test_shipped_calendars_are_read() -> None:
    """And one that is not shipped is named with those that are."""
    assert "ordinary" in shipped_calendars()
    assert all(load_calendar(name).fault for name in shipped_calendars())
    with pytest.raises(UnknownNameError, match="no calendar named 'ordinry'; did you mean 'ordinary'"):
        load_calendar("ordinry")


@pytest.mark.parametrize(("minutes", "code", "outcome"), [(0, 11, "INCONCLUSIVE"), (30, 1, "FAIL")])
def test_the_command_judges_and_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], minutes: int, code: int, outcome: str
) -> None:
    """Two hours show 99.9 % of nothing, and half an hour of them down that it was missed; every output says simulated."""
    calendar_file = tmp_path / "short.toml"
    broken = f'[fault.cut]\nfault = "fiber-cut"\nat = ["30 min"]\nlasts = "{minutes} min"\n' if minutes else ""
    calendar_file.write_text(HEAD + broken)
    run = tmp_path / "run"
    assert main(["month", str(calendar_file), "--seed", "4", "--record", str(run)]) == code
    said = capsys.readouterr().out
    assert "0.0833333 virtual days of metro" in said
    assert "SIMULATED, it says nothing about a device" in said
    assert f"{outcome}: up in {120 - minutes} of 120 slices" in said
    assert ("page at day 1, 00:31: 14.4x" in said) is bool(minutes)
    record = read_record(run)
    (verdict,) = record.verdicts
    assert (verdict.outcome, verdict.simulated, verdict.n) == (Outcome(outcome), True, 120)
    assert (record.simulated, record.outcome.value, len(record.faults)) == (True, outcome, int(bool(minutes)))
    assert "imulated" in (run / "report.html").read_text()
    assert main(["slo", "budget", str(run)]) == 0
    assert f"{minutes} of 43.2 bad minutes used" in capsys.readouterr().out
    _backfillable(run / "openmetrics.txt", minutes)


def _backfillable(file: Any, minutes: int) -> None:
    """The telemetry of the month: a gauge by the minute."""
    values = [line.split(" ")[1] for line in file.read_text().splitlines() if line.startswith("qkd_link_up{")]
    assert (len(values), values.count("0.0")) == (120, minutes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--link", "lake"], "--link lake: bench metro-25km has metro"),
        (["--workers", "0"], "expected one process or more"),
        (["--bench", "repeater-2"], "backbone: entanglement-swapping cannot be lived for a month"),
    ],
)
def test_mistakes_of_the_command(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Usage errors, before anything is simulated."""
    assert main(["month", *arguments, "--record", str(tmp_path / "run")]) == 4
    assert said in capsys.readouterr().err


def test_every_mistake_of_a_calendar_comes_at_once(calendar: Callable[[str], FaultCalendar]) -> None:
    """A key that cannot be read hides no fault that nobody has, no wrong setting and no wrong time; nothing is told twice."""
    wrong = """
[month]
nme = "short"
duration = "2 h"
slice = "7 min"

[fault.cut]
fault = "fiber-cat"
per_month = "often"
lasts = "1 h"

[fault.bend]
fault = "macrobend_loss"
settings = { loss_d = 3, loss = "3 Hz" }
at = ["1 h"]
waveform = "ramp"
lasts = "-1 h"

[fault.nothing]
lasts = "1 h"

[[maintenance]]
first = "1 h"
lasts = "1 h"
every = "1 min"
"""
    with pytest.raises(OperationsFileError) as caught:
        calendar(wrong)
    assert sorted(mistake.where for mistake in caught.value.mistakes) == [
        "fault.bend.lasts",
        "fault.bend.settings.loss",
        "fault.bend.settings.loss_d",
        "fault.bend.waveform",
        "fault.cut.fault",
        "fault.cut.per_month",
        "fault.nothing",
        "fault.nothing",
        "maintenance[0].every",
        "month.name",
        "month.nme",
        "month.slice",
    ]


def test_every_wrong_option_of_the_command_comes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["month", "ordinry", "--link", "nort", "--workers", "0"]) == 4
    err = capsys.readouterr().err
    assert [word in line for word, line in zip(("ordinry", "--link nort", "--workers 0"), err.splitlines(), strict=True)] == [
        True
    ] * 3
