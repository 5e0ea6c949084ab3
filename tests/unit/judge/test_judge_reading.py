"""Files of counters: both forms say the same, and every mistake is told at once, with its place and what was expected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main
from hil.errors import CountersFileError, UsageError
from hil.judge import judge, read_counters
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Catalogue lim2014-25km-1e+10, counts as whole numbers (two other implementations: 17,645,404 bits before rounding them)
COMMON: dict[str, Any] = {
    "intensities": [0.5, 0.1, 2e-4],
    "probabilities": [0.6, 0.3, 0.1],
    "epsilon_secrecy": 1e-9,
    "epsilon_correctness": 1e-15,
    "pulse_rate_hz": 1e9,
    "loss_db": 5,
}
BLOCK: dict[str, Any] = {
    "block": "a-1",
    "key_bits": 17_640_000,
    "duration_s": 10.0,
    "key_counts": [79294568, 7982108, 6339],
    "key_errors": [1909007, 193321, 634],
    "test_counts": [978945, 98545, 78],
    "test_errors": [23568, 2387, 8],
    "disclosed_bits": 16589087,
    "sifted_bits": 88360583,
}
LENGTH = 17_645_404


def as_csv(*blocks: dict[str, Any]) -> str:
    """One line a block, three columns for three numbers."""
    names = list(dict.fromkeys(name for block in blocks for name in block))
    triples = {name for block in blocks for name, value in block.items() if isinstance(value, list)}
    header = [column for name in names for column in ([f"{name}_{n}" for n in (1, 2, 3)] if name in triples else [name])]
    rows = [
        [str(cell) for name in names for cell in (block.get(name, [""] * 3) if name in triples else [block.get(name, "")])]
        for block in blocks
    ]
    return "".join(",".join(row) + "\r\n" for row in [header, *rows])


@pytest.fixture
def file(tmp_path: Path) -> Callable[[object], Path]:
    """Writes JSON of an object, CSV of a text."""

    def write(content: object) -> Path:
        path = tmp_path / ("counters.csv" if isinstance(content, str) else "counters.json")
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def mistakes(path: Path) -> dict[str, str]:
    """Where -> what is said."""
    with pytest.raises(CountersFileError) as raised:
        read_counters(path)
    return {mistake.where: str(mistake) for mistake in raised.value.mistakes}


def test_both_forms_say_the_same(file: Callable[[object], Path]) -> None:
    """Defaults of a JSON file hold for every block that does not say otherwise; a byte-order mark is passed over."""
    from_json = read_counters(file({**COMMON, "blocks": [BLOCK, BLOCK | {"block": 2, "loss_db": 6.5}]}))
    text = as_csv(COMMON | BLOCK, COMMON | BLOCK | {"block": 2, "loss_db": 6.5})
    assert from_json == read_counters(file("\ufeff" + text + "\n"))
    assert [block.loss_db for block in from_json] == [5, 6.5]


def test_whole_counts_give_the_known_length(file: Callable[[object], Path]) -> None:
    """Within what rounding the counts may do."""
    (block,) = read_counters(file({**COMMON, "blocks": [BLOCK]}))
    found = judge(block)
    assert found.outcome is Outcome.PASS
    assert found.allowed_bits == pytest.approx(LENGTH, rel=1e-4)


def test_every_mistake_of_a_json_file(file: Callable[[object], Path]) -> None:
    """Unknown, missing, of the wrong kind, out of bounds, contradicting each other: dotted key, found, expected."""
    wrong = {
        **COMMON,
        "probabilities": [0.6, 0.3, 0.3],
        "epsilon_secrecy": 1,
        "pulse_rate": 1e9,
        "blocks": [
            BLOCK | {"key_bits": -1, "key_counts": [1, 2]},
            BLOCK | {"block": "a-2", "test_errors": [23568, 99999, 8], "disclosed": 5, "accounting": "both"},
            {"block": True, "duration_s": "10", "sampled_bits": 4.5},
            BLOCK | {"block": "a-3", "test_counts": [1, True, float("nan")]},
            7,
        ],
    }
    found = mistakes(file(wrong))
    assert found["probabilities"] == "probabilities: found a sum of 1.2; expected probabilities that sum to 1"
    assert found["epsilon_secrecy"] == "epsilon_secrecy: found 1; expected a number above 0 and below 1"
    assert "found an unknown field; expected 'pulse_rate_hz'" in found["pulse_rate"]
    assert found["blocks[0].key_bits"] == "blocks[0].key_bits: found -1; expected a whole number of at least 0"
    assert "found [1, 2]; expected 3 numbers, one for each of the intensities" in found["blocks[0].key_counts"]
    assert "no more errors than test_counts [978945, 98545, 78]" in found["blocks[1].test_errors"]
    assert "'disclosed_bits'" in found["blocks[1].disclosed"]
    assert "both-directions, error-pattern" in found["blocks[1].accounting"]
    assert "found nothing" in found["blocks[2].key_bits"]
    assert {"blocks[2].block", "blocks[2].duration_s", "blocks[2].sampled_bits"} < set(found)
    assert {"blocks[3].test_counts[1]", "blocks[3].test_counts[2]", "blocks[4]"} < set(found)
    assert not [where for where in found if "epsilon" in where and where.startswith("blocks")]


def test_every_mistake_of_a_csv_file(file: Callable[[object], Path]) -> None:
    """By line and column, as the spreadsheet shows them; an empty cell is not told, two of three are a mistake."""
    text = as_csv(
        COMMON | BLOCK | {"key_bits": "12k", "key_counts": [1, "", 2]},
        COMMON | BLOCK | {"block": "b", "qber": 1.5, "duration_s": "0", "epsilon_correctness": "inf", "loss_db": "1_0"},
        COMMON | BLOCK | {"block": "c"},
        COMMON | BLOCK | {"block": "c"},
    )
    found = mistakes(file(text.replace("sifted_bits", "sifted", 1) + "1,2\r\n"))
    assert "found 'sifted'; expected a known column: 'sifted_bits'" in found["line 1"]
    assert found["line 2, key_bits"] == "line 2, key_bits: found '12k'; expected a whole number of at least 0"
    assert found["line 2, key_counts_2"] == "line 2, key_counts_2: found nothing; expected a whole number of at least 0"
    assert {f"line 3, {name}" for name in ("qber", "duration_s", "epsilon_correctness", "loss_db")} < set(found)
    assert found["line 5"] == "line 5: found 'c'; expected a name of its own; line 4 has it already"
    assert "one for each column" in found["line 6"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.json", '{"blocks": [\n{"block": 1,,}]}', "line 2, column 13: found '{\"block\": 1,,}]}'; expected valid JSON"),
        ("x.json", "[]", "file: found []; expected an object with the key blocks"),
        ("x.json", "", "line 1, column 1"),
        ("x.json", "{}", "blocks: found nothing; expected a list of blocks"),
        ("x.json", '{"blocks": []}', "file: found no block; expected at least one"),
        (
            "x.json",
            '{"blocks": [{"block": 1, "block": 2, "key_bits": 0, "duration_s": 1}]}',
            "blocks[0].block: found the key twice",
        ),
        ("x.json", f'{{"loss_db": {"9" * 5000}, "blocks": []}}', "expected numbers of fewer digits"),
        ("x.json", f'{{"loss_db": {"9" * 400}, "blocks": []}}', "loss_db: found 999"),
        ("x.json", "[" * 100_000, "file: found lists in lists without end"),
        ("x.csv", "", "line 1: found nothing; expected a header"),
        ("x.csv", "block,block\r\n", "line 1: found the column block twice"),
        ("x.csv", "block;key_bits\r\n1;2\r\n", "line 1: found 'block;key_bits'"),
        ("x.csv", 'block\r\n"1', "expected valid CSV"),
        ("x.xlsx", "", "found the ending '.xlsx'; expected .json or .csv"),
    ],
)
def test_files_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, message: str) -> None:
    """One message and the exit code of a usage error."""
    path = tmp_path / name
    path.write_text(text)
    assert main(["judge", str(path)]) == 4
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    """The system's own reason, and the byte."""
    with pytest.raises(UsageError, match="cannot read the file of counters"):
        read_counters(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"block\xe4")
    with pytest.raises(CountersFileError, match="byte 5: found 0xe4; expected UTF-8 text"):
        read_counters(tmp_path / "latin.csv")


@pytest.mark.parametrize(
    ("changes", "code", "ending"),
    [
        ([{}], 0, "PASS: the device was never more optimistic than allowed (1 PASS of 1)"),
        ([{}, {"key_bits": LENGTH + 2000}], 1, "FAIL: the device was more optimistic than allowed (1 FAIL, 1 PASS of 2)"),
        ([{}, {"disclosed_bits": None}], 11, "INCONCLUSIVE: cannot confirm that"),
        ([{"disclosed_bits": None, "key_bits": 0}], 11, "SKIPPED: no key came out, so there was nothing to judge"),
    ],
)
def test_exit_codes_are_those_of_outcomes(
    file: Callable[[object], Path], capsys: pytest.CaptureFixture[str], changes: list[dict[str, Any]], code: int, ending: str
) -> None:
    """The worst of the blocks; blocks without key decide nothing."""
    blocks = [BLOCK | {"block": number} | changed for number, changed in enumerate(changes)]
    assert main(["judge", str(file({**COMMON, "blocks": blocks}))]) == code
    assert ending in capsys.readouterr().out
