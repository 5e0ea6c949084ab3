"""What the plugin costs a test run that does not use it: an empty test with it and with ``-p no:hil``.

``pytest tests/benchmarks/test_benchmark_plugin_overhead.py`` shows the table; the number in brackets behind Min is the ratio.
It measures the Python it is run with, so run it where the wheel is installed. It asserts nothing about time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pytest_benchmark")

FOREIGN = ("benchmark", "cacheprovider")
"""Not of a user's run: what measures, and what writes beside the test."""


@pytest.mark.benchmark(group="an empty test", warmup=True, warmup_iterations=2)
@pytest.mark.parametrize("plugin", ["-p no:hil", "installed, unused"])
def test_empty_run(benchmark: Any, tmp_path: Path, plugin: str) -> None:
    """A process of its own, from start to exit."""
    (tmp_path / "test_empty.py").write_text("def test_empty() -> None: pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    without = ("hil",) if plugin.startswith("-p") else ()
    command = [sys.executable, "-m", "pytest", "-q", *(part for name in (*FOREIGN, *without) for part in ("-p", f"no:{name}"))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}

    def run() -> None:
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)

    benchmark.pedantic(run, rounds=30, warmup_rounds=2)
