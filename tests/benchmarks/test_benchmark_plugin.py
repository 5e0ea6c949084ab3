"""What the installed and unused plugin costs an empty test run. It asserts nothing about time.

``ci/benchmark -k plugin`` shows the table, with the wheel installed: compare the minima, which a busy machine disturbs least.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("pytest_benchmark")

ROUNDS = 20
WITHOUT, UNUSED = ("-p", "no:hil"), ()


@pytest.mark.benchmark(group="an empty test run")
@pytest.mark.parametrize("arguments", [WITHOUT, UNUSED], ids=["without the plugin", "plugin unused"])
def test_an_empty_run(benchmark: BenchmarkFixture, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The same run of one empty test, as a process of its own, with and without."""
    (tmp_path / "test_empty.py").write_text("def test_empty():\n    pass\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}

    def run() -> None:
        command = [sys.executable, "-m", "pytest", "-q", *arguments, "test_empty.py"]
        subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True)

    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=2)
