"""Tapes as people see them: shown in order, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.cli import main
from hil.transports.tape_format import FORMAT, Exchange, Header, Opened, Pushed, Redacted, Section, encoded

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header(
    format=FORMAT,
    framework="0",
    recorded="2026-11-24T10:00:00+00:00",
    bench="b",
    bench_hash="h",
    device="voa",
    role="attenuator",
    driver="ozoptics-dd100mc",
    simulated=True,
    clock="virtual",
    vendor="OZ",
    firmware="1.8",
)
ENTRIES = (
    Section(n=1, name="opening"),
    Opened(n=2, t_s=0.0),
    Section(n=3, name="a case"),
    Exchange(n=4, t_s=0.5, send="A3.00\r", receive=("Done\r\n",)),
    Exchange(n=6, t_s=1.0, send="D\r", receive=(None, "3.00\r\n"), times=4, repeatable=True),
    Redacted(n=7, t_s=1.5, port=1, sent=28, received=4096),
    Pushed(n=8, t_s=2.5, after_s=2.5, data="7,8\n"),
)


def write(folder: Path, header: Header = HEADER, entries: tuple[object, ...] = ENTRIES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [encoded(line) for line in (header, *entries)]  # type: ignore[arg-type]
    (folder / f"{header.device}.jsonl").write_bytes(b"".join(lines))
    return folder


def changed(number: int, **fields: object) -> tuple[object, ...]:
    from msgspec.structs import replace

    return tuple(replace(entry, **fields) if entry.n == number else entry for entry in ENTRIES)  # type: ignore[type-var]


def test_show_tells_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, when, what; silence, repetition, what is left out, what came unasked."""
    assert main(["tape", "show", str(write(tmp_path / "t"))]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "OZ 1.8",
        "a case",
        r"A3.00\r",
        "(silence) 3.00",
        "4 times",
        "(4096 bytes)",
        "key material",
        "unasked, 2.5 s",
    ):
        assert words in said, words


def test_show_takes_the_folder_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands in the run's folder, beside its events; and one file alone."""
    write(tmp_path / "run" / "tapes" / "b")
    (tmp_path / "run" / "events-main.jsonl").write_text("{}\n", encoding="utf-8")
    assert main(["tape", "show", str(tmp_path / "run")]) == 0
    assert main(["tape", "show", str(tmp_path / "run" / "tapes" / "b" / "voa.jsonl")]) == 0
    assert capsys.readouterr().out.count("a case") == 2


def test_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times and the day do not count."""
    from msgspec.structs import replace

    later = replace(HEADER, recorded="2027-01-01T00:00:00+00:00", framework="1")
    a, b = write(tmp_path / "a"), write(tmp_path / "b", later, changed(4, t_s=9.0))
    assert main(["tape", "diff", str(a), str(b)]) == 0
    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "fields", "told"),
    [
        (4, {"send": "A4.00\r"}, r"voa: exchange 1 (a case): A3.00\r became A4.00\r"),
        (4, {"receive": ("Error\r\n",)}, r"voa: exchange 1, A3.00\r: answer Done\r\n became Error\r\n"),
        (6, {"times": 9}, r"voa: exchange 2, D\r: asked 4 times, then 9"),
        (6, {"receive": ("3.00\r\n",)}, r"voa: exchange 2, D\r: answer (silence) 3.00\r\n became 3.00\r\n"),
        (6, {"lost": True}, r"became (silence) 3.00\r\n (connection lost)"),
    ],
)
def test_each_change_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int, fields: dict[str, object], told: str
) -> None:
    """What, at which position, from what to what."""
    a, b = write(tmp_path / "a"), write(tmp_path / "b", entries=changed(number, **fields))
    assert main(["tape", "diff", str(a), str(b)]) == 1
    assert told in capsys.readouterr().out


def test_what_was_left_out_moves_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One missing setting is one line."""
    shorter = tuple(entry for entry in ENTRIES if entry.n != 4)
    assert main(["tape", "diff", str(write(tmp_path / "a")), str(write(tmp_path / "b", entries=shorter))]) == 1
    assert capsys.readouterr().out == "voa: exchange 1 (a case): A3.00\\r became nothing\n"


def test_other_firmware_and_a_lone_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headers are compared too, and who is there."""
    from msgspec.structs import replace

    a, b = write(tmp_path / "a"), write(tmp_path / "b", replace(HEADER, firmware="1.9"))
    write(b, replace(HEADER, device="switch"))
    assert main(["tape", "diff", str(a), str(b)]) == 1
    assert capsys.readouterr().out == "switch: only on the second\nvoa: firmware '1.8' became '1.9'\n"


def test_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, exit code 4."""
    assert main(["tape", "show", str(tmp_path)]) == 4
    assert "folders in it: none" in capsys.readouterr().err
    assert main(["tape", "show", str(tmp_path / "x.jsonl")]) == 4
    assert "no tape can be read there" in capsys.readouterr().err


def polled(rounds: int) -> tuple[object, ...]:
    """A section in which two questions were asked round after round."""
    both = {"loop": 4, "rounds": rounds, "repeatable": True}
    return (
        *ENTRIES[:3],
        Exchange(n=4, t_s=0.5, send="BUSY?\n", receive=("1\n",), **both),  # type: ignore[arg-type]
        Exchange(n=6, t_s=0.6, send="TEMP?\n", receive=("20\n",), times=2, **both),  # type: ignore[arg-type]
    )


def test_show_tells_of_rounds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many, and which question of a round it is; that a question was asked twice in each stands there too."""
    assert main(["tape", "show", str(write(tmp_path / "t", entries=polled(40)))]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert next(line for line in lines if "BUSY?" in line).endswith("40 rounds, 1 of 2")
    assert next(line for line in lines if "TEMP?" in line).endswith("2 times; 40 rounds, 2 of 2")


def test_another_number_of_rounds_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the first question of a round."""
    a, b = write(tmp_path / "a", entries=polled(40)), write(tmp_path / "b", entries=polled(41))
    assert main(["tape", "diff", str(a), str(b)]) == 1
    assert capsys.readouterr().out == "voa: exchange 1, BUSY?\\n: rounds that begin so: 40, then 41\n"
