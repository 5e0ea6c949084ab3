"""What a run's record shows of objectives: blocks laid end to end, timed operations, a series of up and down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.bench import load
from hil.cli import main
from hil.operations.budget import budget
from hil.operations.from_record import history_of
from hil.operations.standing import objectives_of
from hil.record.axis import begun_s, offsets_s
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series
from hil.telemetry.of_record import LINK_UP
from hil.testbed import delivery
from hil.testbed.channel import auth_channel

if TYPE_CHECKING:
    from pathlib import Path

STARTED = 1_767_225_600.0


def _block(
    log: EventLog, case: str, number: int, *, released: bool = True, errors: int | None = 150, bits: int = 5_000
) -> None:
    log.append(
        "block",
        case,
        link="metro",
        sequence=number,
        start_s=30.0 * number,
        end_s=30.0 * (number + 1),
        sifted_key_bits=10_000,
        sifted_test_bits=1_000,
        test_errors=400,
        key_errors=errors,
        authentication_bits=512,
        secret_bits=bits if released else 0,
        released=released,
        sentence="a block",
    )


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Any]:
    """Two tests of a minute and a half and a minute; in the second the link is down."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    for number in range(3):
        _block(log, "a::steady", number)
    for number in range(2):
        _block(log, "b::broken", number, released=False, errors=None)
    for case in ("a::steady", "b::broken"):
        log.append("test", case, outcome="PASS")
    log.append("latency", "a::steady", operation="key ingestion", durations_s=(0.2, 0.3, 1.4, 0.1), link="metro")
    log.append("latency", "a::steady", operation="authenticated round trip", durations_s=(0.02, 0.03), link="metro")
    header = RunHeader(bench="metro-25km", simulated=True, seed=1, started=STARTED, finished=STARTED + 9.0)
    return folder.path, finish(folder, header)


def _by_name() -> dict[str, Any]:
    return {one.decision.indicator: one for one in objectives_of(load("metro-25km"))}


def test_tests_are_laid_end_to_end(run: tuple[Path, Any]) -> None:
    """Each begins where the one before it ended, the first when the run did."""
    assert offsets_s(run[1]) == {"a::steady": 0.0, "b::broken": 90.0}
    assert begun_s(run[1]) == STARTED


def test_a_block_that_gave_no_bit_is_not_up(tmp_path: Path) -> None:
    """Its key was released, and there was none: nobody could use the link in that minute."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    for number, bits in enumerate((5_000, 5_000, 0, 0)):
        _block(log, "a::empty", number, bits=bits)
    log.append("test", "a::empty", outcome="PASS")
    record = finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=1, started=STARTED, finished=STARTED + 9.0))
    history = history_of(folder.path, record, _by_name()["link_availability"])
    assert history is not None
    assert history.bad.tolist() == [0.0, 1.0]


def test_slices_of_blocks(run: tuple[Path, Any]) -> None:
    """150 s: a minute up, one that is half up (enough), half of one down; 5,000 bits in 30 s are more than 100 bit/s."""
    for indicator in ("link_availability", "key_rate"):
        history = history_of(*run, _by_name()[indicator])
        assert history is not None
        assert (history.bad.tolist(), history.start_s) == ([0.0, 0.0, 1.0], STARTED)
        assert budget(_by_name()[indicator], history).bad == 1.0
    strict = replace(_by_name()["key_rate"], decision=replace(_by_name()["key_rate"].decision, limit=150.0))
    history = history_of(*run, strict)
    assert history is not None
    assert history.bad.tolist() == [1.0, 1.0, 1.0]  # (5,000 - 512) / 30 s = 149.6 bit/s


def test_bits_of_blocks(run: tuple[Path, Any]) -> None:
    """Corrected blocks by their errors, the others by those they compared, in the slot in which the block ended."""
    history = history_of(*run, _by_name()["qber"])
    assert history is not None
    assert history.bad.tolist() == [300.0, 550.0, 400.0]
    assert history.total.tolist() == [20_000.0, 11_000.0, 1_000.0]


def test_durations_of_operations(run: tuple[Path, Any]) -> None:
    """One of four keys took longer than a second; the names are those that the testbed records."""
    history = history_of(*run, _by_name()["key_ingestion"])
    assert history is not None
    assert (history.bad.tolist(), history.total.tolist()) == ([1.0], [4.0])
    other = history_of(*run, _by_name()["auth_round_trip"])
    assert other is not None
    assert other.bad.sum() == 0.0
    assert (delivery.OPERATION, auth_channel.OPERATION) == ("key ingestion", "authenticated round trip")
    assert history_of(*run, replace(_by_name()["qber"], labels={"link": "other"})) is None


def test_a_series_of_up_and_down_goes_before_blocks(tmp_path: Path) -> None:
    """A day of minutes, ten of them down, and twenty that count for nothing."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    log.append("test", "month", outcome="PASS")
    up = np.ones(1440)
    up[700:710], up[900:920] = 0.0, np.nan
    save_series(folder, "month", "metro", {LINK_UP: (60.0 * np.arange(1440.0), up)})
    record = finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=1, started=STARTED))
    history = history_of(folder.path, record, _by_name()["link_availability"])
    assert history is not None
    assert (history.total.sum(), history.bad.sum(), history.bad[700:710].sum()) == (1420.0, 10.0, 10.0)


def test_the_command_says_what_is_left(run: tuple[Path, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Budget, burn rates, what would have fired, and that all of it was simulated."""
    assert main(["slo", "budget", str(run[0])]) == 0
    text = capsys.readouterr().out
    assert "SIMULATED" in text
    assert "1 of 43.2 bad minutes used: 97.7 % left; 3 slices seen" in text
    assert "page at 2026-01-01 00:03:00Z: 14.4x, still firing at the end" in text
    assert "1,250 of 640 bad events used: -95.3 % left" in text
    assert "1 of 0.2 bad events used" in text


def test_the_command_exports_and_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file goes out with a calendar window and comes in again; mistakes are usage errors."""
    file = tmp_path / "slo.yaml"
    window = ["--window", "1M", "--calendar", "2026-01-01", "--zone", "Europe/Berlin"]
    assert main(["slo", "export", "metro-25km", "--out", str(file), *window]) == 0
    assert main(["slo", "import", str(file)]) == 0
    text = capsys.readouterr().out
    assert "5 objectives" in text
    assert "calendar 1M from 2026-01-01 00:00:00 Europe/Berlin" in text
    assert main(["slo", "export", "metro-25km"]) == 0
    assert capsys.readouterr().out.startswith("---\napiVersion: openslo/v1\n")
    assert main(["slo", "export", "metro-25km", "--calendar", "soon"]) == 4
    assert main(["slo", "export", "metro-25km", "--window", "30 days"]) == 4
    assert main(["slo", "import", str(tmp_path / "none.yaml")]) == 4
    said = capsys.readouterr().err
    assert "--calendar soon" in said
    assert "no duration of OpenSLO" in said


def test_a_run_on_a_bench_of_ones_own_needs_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record has its name only."""
    folder = RunFolder.create(tmp_path)
    EventLog(folder, "main").append("test", "a", outcome="PASS")
    finish(folder, RunHeader(bench="rack-7", simulated=False, seed=1, started=STARTED))
    assert main(["slo", "budget", str(folder.path)]) == 4
    assert "rack-7, which is no shipped bench; say --bench FILE, or --slo FILE" in capsys.readouterr().err
    assert main(["slo", "budget", str(folder.path), "--bench", "metro-25km"]) == 0
    assert "nothing seen in this run" in capsys.readouterr().out
