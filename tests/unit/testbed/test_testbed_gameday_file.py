"""Files of game days: the shipped ones load, and every mistake of a wrong one is told at once with key and accepted form."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import jsonschema
import pytest

from hil.bench import load
from hil.errors import GamedayFileError, UnknownNameError
from hil.gamedays.schema import json_schema
from hil.testbed.gamedays.gameday_file import load_gameday, shipped_gamedays

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[gameday]
name = "day"
duration = "10 s"

[steady_state]
over = "2 s"
indicators = ["qber"]

[[fault]]
at = "2 s"
fault = "dark-count-spike"
duration = "2 s"
waveform = "replay levels.csv"
settings = { rate = "5 kHz" }

[fault.expect]
detect_within = "1 s"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "levels.csv").write_text("time_s,level\n0,0.5\n1,1\n", encoding="utf-8")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "day.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", shipped_gamedays())
def test_shipped_game_days_are_right(name: str) -> None:
    """Each has the name of its file, a title, a bench that is there, and fits the schema for editors."""
    day = load_gameday(name)
    assert day.gameday.name == name
    assert day.gameday.title
    assert load(day.gameday.bench, simulate=True)
    assert any(planned.expect.detect_within_s is not None for planned in day.fault), "nothing is expected of the link"
    raw = tomllib.loads(shipped_gamedays()[name].read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(json.dumps(raw)))


def test_what_a_file_names_is_looked_for_beside_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording is found whatever folder one stands in."""
    monkeypatch.chdir(folder.parent)
    day = load_gameday(write(folder, GOOD))
    assert day.fault[0].waveform == f"replay {folder / 'levels.csv'}"
    assert day.fault[0].expect.detect_within_s == 1.0
    assert day.fault[0].expect.recover_within_s is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"dark-count-spike"', '"dark-count-spik"', "fault[0].fault: found 'dark-count-spik'; expected 'dark-count-spike'"),
        ("5 kHz", "5 km", "fault[0].settings.rate: found '5 km'; expected a number in Hz, or a rate"),
        ("rate =", "rats =", "fault[0].settings.rats: found an unknown setting; expected 'rate_hz'"),
        ("levels.csv", "other.csv", "fault[0].waveform: found 'replay "),
        ('at = "2 s"', 'at = "9 s"', "fault[0].at: found 9 s to 11 s; expected a time within the 10 s of the day"),
        (
            'detect_within = "1 s"',
            'detect_by = ["smell"]',
            "fault[0].expect.detect_by[0]: found 'smell'; expected one of: no-key",
        ),
        (
            'detect_within = "1 s"',
            'recover_within = "7 s"',
            "fault[0].expect.recover_within: found 7 s after 4 s; expected a day",
        ),
        ('detect_within = "1 s"', 'alert = "fire"', "fault[0].expect.alert: found 'fire'; expected"),
        (
            'detect_within = "1 s"',
            'alert_within = "1 s"',
            "fault[0].expect.alert_within: found no alert beside it; expected alert",
        ),
        (
            'detect_within = "1 s"',
            'stops = "delivery"',
            "fault[0].expect.stops: found 'delivery' without [load]; expected [load]",
        ),
        ('["qber"]', '["qbear"]', "steady_state.indicators[0]: found 'qbear'; expected 'qber'"),
        ('["qber"]', "[]", "steady_state.indicators: found none; expected one or more"),
        ('name = "day"', 'name = "day"\ninvariants = ["luck"]', "gameday.invariants[0]: found 'luck'; expected one of"),
        (
            'detect_within = "1 s"',
            '[[abort]]\nquantity = "qber"',
            "abort[0]: found both or neither of above and below; expected",
        ),
        (
            'name = "day"',
            'name = "day"\nbench = "metro-25kn"',
            "gameday.bench: found 'metro-25kn'; expected 'metro-25km'",
        ),
        (
            'name = "day"',
            'name = "day"\nbench = "lab.toml"',
            "gameday.bench: found 'lab.toml'; expected a bench file",
        ),
        ('"10 s"', "10", "gameday.duration: found 10; expected a time"),
    ],
    ids=lambda text: text[:24],
)
def test_a_mistake_is_told_with_its_place(folder: Path, old: str, new: str, told: str) -> None:
    """Key, what stands there, and the accepted form."""
    assert old in GOOD
    with pytest.raises(GamedayFileError) as caught:
        load_gameday(write(folder, GOOD.replace(old, new)))
    assert told in str(caught.value)


def test_all_mistakes_come_at_once(folder: Path) -> None:
    """Nobody repairs a file one run at a time."""
    wrong = (
        GOOD.replace("dark-count-spike", "flood")
        .replace("qber", "flow")
        .replace('name = "day"', 'name = "day"\ninvariants = ["x"]')
    )
    with pytest.raises(GamedayFileError) as caught:
        load_gameday(write(folder, wrong))
    assert len(caught.value.mistakes) == 3
    assert str(caught.value).startswith(f"{folder / 'day.toml'}: 3 mistakes\n")


def test_a_table_that_cannot_be_read_hides_no_other_mistake(folder: Path) -> None:
    """Wrong keys and values beside unknown names, wrong settings and times; nothing is told twice."""
    wrong = (
        GOOD.replace("indicators =", "indicatos =")
        .replace('at = "2 s"', "at = 2")
        .replace('rate = "5 kHz"', 'rats = "5 kHz", rate = "-1 Hz"')
        .replace("levels.csv", "none.csv")
        .replace("detect_within", 'alert = "fire"\ndetect_within')
    )
    wrong += '[[abort]]\nquantity = "qber"\nabove = "much"\n[[fault]]\nat = "9 s"\nfault = "flood"\nduration = "2 s"\n'
    with pytest.raises(GamedayFileError) as caught:
        load_gameday(write(folder, wrong))
    assert sorted(mistake.where for mistake in caught.value.mistakes) == [
        "abort[0].above",
        "fault[0].at",
        "fault[0].expect.alert",
        "fault[0].settings.rate",
        "fault[0].settings.rats",
        "fault[0].waveform",
        "fault[1].at",
        "fault[1].fault",
        "steady_state.indicators",
        "steady_state.indicatos",
    ]


def test_a_day_without_a_fault_is_none(folder: Path) -> None:
    """It would pass, and show nothing."""
    with pytest.raises(GamedayFileError, match="at least one"):
        load_gameday(write(folder, "fault = []\n" + GOOD.partition("[[fault]]")[0]))


def test_an_unknown_name_says_which_there_are() -> None:
    """With the nearest."""
    with pytest.raises(UnknownNameError, match="no game day named 'fiber-cut'; did you mean 'fibre-cut'"):
        load_gameday("fiber-cut")
