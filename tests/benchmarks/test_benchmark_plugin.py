"""What the installed and unused plugin costs an empty test run. It asserts nothing about time."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 20


def test_an_empty_run(figure: Any, seconds: Any, tmp_path: Path) -> None:
    """The same run of one empty test, as a process of its own, by turns with and without the plugin."""
    (tmp_path / "test_empty.py").write_text("def test_empty():\n    pass\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}

    def run(*arguments: str) -> None:
        command = [sys.executable, "-m", "pytest", "-q", *arguments, "test_empty.py"]
        subprocess.run(command, cwd=tmp_path, env=variables, check=True, capture_output=True)

    unused, without = [], []
    for first in (True, *[False] * ROUNDS):
        both = [seconds(lambda how=how: run(*how), rounds=1, warmup=0, clock="wall") for how in ((), ("-p", "no:hil"))]
        # the first pair only fills the caches
        unused += [] if first else both[0]
        without += [] if first else both[1]
    figure("plugin.unused_s", unused, "s", peer="pytest -p no:hil", peer_runs=without)
