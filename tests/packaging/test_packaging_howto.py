"""The walk through a new instrument is tried literally: its files in an empty folder, installed, tested, listed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "how-to" / "add-a-driver.md"


def files_of(page: Path) -> dict[str, str]:
    """The blocks of a page by the file name that stands before them."""
    found = re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return dict(found)


def run(folder: Path, *arguments: str) -> str:
    """Run Python there, with what was installed into its folder ``site``; its output, or the failure."""
    path = os.pathsep.join([str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=variables | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_walk_through_a_new_instrument_works(tmp_path: Path) -> None:
    """Driver and twin are found by their entry points, the bytes and the contract hold, and a link can be had on the bench."""
    files = files_of(PAGE)
    assert set(files) == {"my_lab/jds_ha9.py", "my_lab/jds_ha9_twin.py", "pyproject.toml", "bench.toml", "test_jds_ha9.py"}
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    run(tmp_path, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", "site", ".")
    told = run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "--hil-bench", "bench.toml", "test_jds_ha9.py")
    assert re.search(r"\b29 passed", told), told[-2000:]
    assert "jds-ha9" in run(tmp_path, "-c", "from hil.cli import main; main(['list', 'drivers'])")
