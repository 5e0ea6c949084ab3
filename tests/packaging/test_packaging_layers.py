"""The layer contracts hold on the installed form, see all of it, and break when something breaks them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LINTER = (sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())")
LAYERS = "Higher may import lower; siblings on one line never import each other"


def _lint(installed: Path, tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LINTER, "--config", tree / "pyproject.toml", "--no-cache"],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def _sources(package_files: dict[str, Path]) -> int:
    return sum(1 for name in package_files if name.endswith(".py"))


def test_the_layers_hold(installed: Path, tree: Path) -> None:
    """Nothing imports upwards, sideways or what is forbidden besides."""
    done = _lint(installed, tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("errors.py", "import hil.units", LAYERS),
        ("drivers/ozoptics_dd100mc.py", "import hil.slo", LAYERS),
        ("bench/model.py", "import hil.transports", LAYERS),
        ("device_sims/spec.py", "import hil.transports", "Twins share no wire code"),
        ("device_sims/world/world.py", "import hil.physics", "Twins share no wire code"),
        ("pipeline/settings.py", "import hil.bench", "The key pipeline knows no bench"),
        ("suites/conformance/__init__.py", "import hil.drivers", "Suites reach devices by fixtures only"),
        ("record/model.py", "import pytest", "Only plugin, fixtures and suites know pytest"),
        ("testbed/injection/windows.py", "import _pytest.config", "Only plugin, fixtures and suites know pytest"),
        ("newcomer.py", '"""A module that no layer names."""', "newcomer"),
    ],
)
def test_a_planted_import_is_found(installed: Path, tree: Path, module: str, line: str, broken: str) -> None:
    """Each contract goes red for one import of the kind it is there for, and for a module that no layer names."""
    planted = installed / "hil" / module
    planted.write_text((planted.read_text() if planted.exists() else "") + f"\n{line}\n")
    done = _lint(installed, tree)
    assert done.returncode == 1, done.stdout + done.stderr
    said = [said for said in done.stdout.splitlines() if broken in said]
    assert any("BROKEN" in said or "newcomer" in said for said in said), done.stdout


def test_the_linter_reads_every_file(installed: Path, package_files: dict[str, Path]) -> None:
    """A contract over files that were not looked at would hold for nothing."""
    done = subprocess.run(
        [sys.executable, "-c", "import grimp; print(len(grimp.build_graph('hil', cache_dir=None).modules))"],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == _sources(package_files)


def test_mypy_reads_every_file(installed: Path, tree: Path, package_files: dict[str, Path]) -> None:
    """In the checkout it would see a third of them without a word."""
    script = (
        "from mypy.find_sources import create_source_list; from mypy.options import Options;"
        "from mypy.config_parser import parse_config_file; import sys; options = Options();"
        "parse_config_file(options, lambda: None, sys.argv[1]);"
        "print(len(create_source_list(['hil'], options)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tree / "pyproject.toml"], cwd=installed, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == _sources(package_files)
