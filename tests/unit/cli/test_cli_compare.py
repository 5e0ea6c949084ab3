"""hil compare: two records in, differences against their margins out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hil.cli import main
from hil.record.writer import EventLog, RunFolder, RunHeader, finish

if TYPE_CHECKING:
    from pathlib import Path

CASE = "conformance/test_conformance_keys.py::test_quantum_bit_error_rate[metro]"


def run_with(  # noqa: PLR0917
    root: Path, name: str, qber: tuple[float, float, float], rate_bps: float = 5e5, case: str = CASE, subject: str = "metro"
) -> str:
    """A finished run with a verdict on QBER and one on the key rate; bounds given, or 1 % to either side."""
    folder = RunFolder.create(root, run_id=name)
    log = EventLog(folder, "main")
    shared = {"subject": subject, "outcome": "PASS", "reason": "", "n": 100_000, "confidence": 0.95}
    log.append("verdict", case, indicator="qber", estimate=qber[0], low=qber[1], high=qber[2], unit="ratio", **shared)
    key = {"estimate": rate_bps, "low": 0.99 * rate_bps, "high": 1.01 * rate_bps, "unit": "bit/s"}
    log.append("verdict", case, indicator="key_rate", **key, **shared)
    finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=1, started=0.0, finished=1.0))
    return str(folder.path)


@pytest.fixture
def old(tmp_path: Path) -> str:
    return run_with(tmp_path, "old", (0.014, 0.0137, 0.0143))


@pytest.mark.parametrize(("qber", "word", "code"), [(0.0145, "PASS", 0), (0.0200, "FAIL", 1), (0.0158, "INCONCLUSIVE", 11)])
def test_exit_code_is_the_outcome(  # noqa: PLR0917
    tmp_path: Path, old: str, capsys: pytest.CaptureFixture[str], qber: float, word: str, code: int
) -> None:
    """Worse by 0.05 %, 0.6 % and 0.18 % against a margin of 0.2 %, both bounds 0.03 % off: 0.042 % in quadrature."""
    new = run_with(tmp_path, "new", (qber, qber - 0.0003, qber + 0.0003))
    assert main(["compare", old, new, "--margin", "qber=0.2 %"]) == code
    out = capsys.readouterr().out
    assert out.startswith(f"{word:<12}  qber of metro, new against old (test_quantum_bit_error_rate[metro]): new ")
    assert f"{word}: new against old, 1 compared" in out
    assert "PASS if the upper bound < margin" in out


def test_both_arms_are_written(tmp_path: Path, old: str) -> None:
    """Two indicators, each with its own margin: less key is worse."""
    new = run_with(tmp_path, "new", (0.014, 0.0137, 0.0143), rate_bps=4e5)
    file = tmp_path / "comparison.json"
    margins = ["--margin", "qber=0.001", "--margin", "key_rate=50 kbit/s"]
    assert main(["compare", old, new, *margins, "--output", str(file)]) == 1
    first, second = json.loads(file.read_text("utf-8"))["comparisons"]
    assert (first["new"]["estimate"], first["old"]["estimate"]) == (0.014, 0.014)
    assert second["comparison"]["estimate"] == 1e5
    assert second["comparison"]["outcome"] == "FAIL"


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ("qber", "expected INDICATOR=VALUE"),
        ("qbers=1", "did you mean 'qber'"),
        ("qber=much", "--margin qber=much: 'much' is not a ratio"),
        ("qber=-1", "--margin qber=-1: expected a margin of zero or more"),
        ("chsh=0.1", "chsh: no verdict of the same test on the same subject in old and old: neither has a verdict of chsh"),
    ],
)
def test_wrong_use_says_so(old: str, capsys: pytest.CaptureFixture[str], margin: str, message: str) -> None:
    assert main(["compare", old, old, "--margin", margin]) == 4
    assert message in capsys.readouterr().err


def test_wrong_margins_come_at_once(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", old, old, "--margin", "qber", "--margin", "chsch=0.1", "--margin", "key_rate=3 dB"]) == 4
    err = capsys.readouterr().err
    assert [line for line in err.splitlines() if "--margin" in line] == err.splitlines()
    assert len(err.splitlines()) == 3


def test_what_has_no_partner_is_named(tmp_path: Path, old: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By test and subject, and by the run that has it; it does not stop what can be compared."""
    qber = (0.014, 0.0137, 0.0143)
    other = run_with(tmp_path, "other", qber, case="smoke.test_link::test_qber[metro]", subject="north")
    assert main(["compare", old, other, "--margin", "qber=0.002"]) == 4
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"  qber of metro in {CASE}: only in old",
        "  qber of north in smoke.test_link::test_qber[metro]: only in other",
    ]
    folder = RunFolder(tmp_path / "runs" / "other")
    EventLog(folder, "gw1").append(
        "verdict", CASE, indicator="qber", subject="metro", outcome="PASS", reason="", estimate=0.014, low=0.0137, high=0.0143,
        unit="ratio", n=100_000, confidence=0.95
    )  # fmt: skip
    finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=1, started=0.0, finished=1.0))
    assert main(["compare", old, other, "--margin", "qber=0.002"]) == 0
    assert "not compared: qber of north in smoke.test_link::test_qber[metro]: only in other" in capsys.readouterr().out
    # the other way round the new run lost what the old one showed: that it is no worse is not shown
    assert main(["compare", other, old, "--margin", "qber=0.002"]) == 11
    said = capsys.readouterr().out
    assert "not compared, which leaves it open: qber of north in smoke.test_link::test_qber[metro]: only in other" in said
    assert "INCONCLUSIVE: old against other, 1 compared" in said
