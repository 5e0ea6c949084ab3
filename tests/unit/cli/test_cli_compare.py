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


def run_with(root: Path, name: str, qber: tuple[float, float, float], rate_bps: float = 5e5) -> str:
    """A finished run with a verdict on QBER and one on the key rate; bounds given, or 1 % to either side."""
    folder = RunFolder.create(root, run_id=name)
    log = EventLog(folder, "main")
    shared = {"subject": "metro", "outcome": "PASS", "reason": "", "n": 100_000, "confidence": 0.95}
    log.append("verdict", CASE, indicator="qber", estimate=qber[0], low=qber[1], high=qber[2], unit="ratio", **shared)
    key = {"estimate": rate_bps, "low": 0.99 * rate_bps, "high": 1.01 * rate_bps, "unit": "bit/s"}
    log.append("verdict", CASE, indicator="key_rate", **key, **shared)
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
        ("qber=much", "much"),
        ("qber=-1", "a margin of -1"),
        ("chsh=0.1", "chsh: no verdict of the same test on the same subject in both runs; old has 0, old has 0"),
    ],
)
def test_wrong_use_says_so(old: str, capsys: pytest.CaptureFixture[str], margin: str, message: str) -> None:
    assert main(["compare", old, old, "--margin", margin]) == 4
    assert message in capsys.readouterr().err
