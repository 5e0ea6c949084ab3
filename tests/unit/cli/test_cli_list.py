"""hil list faults: everything a test may say to a fault, for people and for programs; tables as wide as the terminal."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main
from hil.cli._tables import columns
from hil.discovery import find, names

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def listed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def said(*arguments: str) -> str:
        assert main(["list", *arguments]) == 0
        return capsys.readouterr().out

    return said


def test_a_fault_says_what_it_takes(listed: Callable[..., str]) -> None:
    """Target, zero, each setting with unit, default, range and source, waveforms; by either spelling of its name."""
    said = " ".join(listed("faults", "polarisation_burst").split())
    assert said.startswith("polarisation-burst The polarisation spins in bursts (twins only) target: link")
    assert "zero: A burst of 0 s, or one that turns 0 times a second, turns nothing." in said
    assert "burst_s (s): to be given; in practice 0.001 to 0.1 [1 to 100 ms of a stroke; general knowledge]" in said
    assert "every_s (s): default 0.1;" in said
    assert "waveforms: step, ramp, burst, random-walk, replay, of burst_s" in said
    assert "waveforms: step only" in listed("faults", "classical-partition")
    assert "settings: none" in listed("faults", "fiber-cut")


def test_names_still_stand_first(listed: Callable[..., str]) -> None:
    """What is said of a fault is indented, so that scripts can cut the names off."""
    lines = [line for line in listed("faults").splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == names("fault")


def test_json_is_complete(listed: Callable[..., str]) -> None:
    """Every setting of every fault with its unit, range and default; a setting without one is required."""
    told: dict[str, dict[str, Any]] = {fault["name"]: fault for fault in json.loads(listed("faults", "--json"))["faults"]}
    assert list(told) == names("fault")
    for name, fault in told.items():
        spec = find("fault", name)
        assert fault["target_role"] == spec.target_role
        assert [each["name"] for each in fault["settings"]] == [info.name for info in fields(spec.settings)]
        assert {each["name"] for each in fault["settings"] if "range" in each} == set(spec.ranges)
        assert [each["required"] for each in fault["settings"]] == [info.default is MISSING for info in fields(spec.settings)]
        assert (fault["waveforms"] == ["step"]) == (not spec.magnitude)
    units = {each["name"]: each["unit"] for fault in told.values() for each in fault["settings"]}
    assert (units["loss_db"], units["rate_bps"], units["delta_k"], units["loss_ratio"]) == ("dB", "bit/s", "K", "")


def test_every_kind_as_json(listed: Callable[..., str]) -> None:
    said = json.loads(listed("--json"))
    assert [one["name"] for one in said["drivers"]] == names("driver")
    assert all(one["title"] for kind in said.values() for one in kind)


def test_a_name_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "faults", "fibre-cut"]) == 4
    assert "faults: no 'fibre-cut'; expected 'fiber-cut'" in capsys.readouterr().err


def test_columns_keep_within_a_terminal() -> None:
    """The last column goes on below itself; where little is left for it, in lines of its own. Without a width, in one line."""
    rows = [["alice", "transmitter", "a long identity of many words that no terminal shows in one line, as it is"]]
    assert "\n" not in columns(rows)
    beside = columns(rows, width=50).splitlines()
    assert max(map(len, beside)) <= 50
    assert all(line.startswith(" " * 22) for line in beside[1:])
    below = columns(rows, width=40).splitlines()
    assert below[0] == "  alice  transmitter"
    assert max(map(len, below)) <= 40
    assert " ".join(" ".join(below).split()) == " ".join(" ".join(rows[0]).split())
