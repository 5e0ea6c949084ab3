"""The wheel in an environment of its own, outside the checkout: what a user has after ``pip install qkd-hil``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts folder of a new environment: the wheel installed by pip, its dependencies lent by this one."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    (packages,) = folder.rglob("site-packages")
    lent = [entry for entry in sys.path if Path(entry).name == "site-packages"]
    (packages / "lent.pth").write_text("\n".join(lent) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--ignore-installed", "--disable-pip-version-check", wheel], check=True)
    return scripts


def _run(fresh: Path, *command: str, code: int = 0) -> str:
    """What a command of the new environment prints, started where no checkout is near."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST_", "PYTHON"))}
    done = subprocess.run(
        [fresh / command[0], *command[1:]],
        cwd=fresh.parent,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_is_what_gets_imported(fresh: Path) -> None:
    """All tests of this file would hold for nothing if the checkout were found instead."""
    printed = _run(fresh, "python", "-c", "import hil, hil.suites; print(hil.__file__, hil.suites.__file__)")
    assert all(path.startswith(str(fresh.parent)) for path in printed.split())


def test_every_module_imports(fresh: Path, package_files: dict[str, Path]) -> None:
    """No module needs the checkout, a development tool or another module imported first; each in its turn, in one process."""
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in package_files
        if name.endswith(".py") and not name.endswith("__main__.py")
    )
    script = f"import importlib, json; [importlib.import_module(name) for name in json.loads({json.dumps(modules)!r})]"
    _run(fresh, "python", "-c", script)


@pytest.mark.parametrize(("group", "name"), [("console_scripts", "hil"), ("pytest11", "hil")])
def test_the_entry_points_resolve(group: str, name: str) -> None:
    """The command and the plugin lead to something."""
    (point,) = (point for point in distribution("qkd-hil").entry_points if (point.group, point.name) == (group, name))
    assert point.load()


def test_hil_list_names_what_is_shipped(fresh: Path) -> None:
    """One thing of each kind, found in the wheel."""
    printed = _run(fresh, "hil", "list")
    for name in ("reference-transceiver", "ozoptics-dd100mc", "fiber-cut", "qber", "conformance", "junit"):
        assert name in printed


def test_hil_bench_check_accepts_a_shipped_bench(fresh: Path) -> None:
    """The benches travel in the wheel."""
    _run(fresh, "hil", "bench", "check", "metro-25km")


def test_pytest_finds_the_plugin(fresh: Path) -> None:
    """Installed is enough."""
    assert "--hil-bench" in _run(fresh, "python", "-m", "pytest", "--help")


def test_pytest_collects_the_conformance_suite_by_name(fresh: Path) -> None:
    """From nowhere near a checkout."""
    collect = ("--collect-only", "-q", "--hil-bench", "metro-25km", "--hil-seed", "1", "--pyargs", "hil.suites.conformance")
    printed = _run(fresh, "python", "-m", "pytest", *collect)
    assert sum("::test_" in line for line in printed.splitlines()) >= 25


def test_the_first_test_of_the_readme_passes(fresh: Path, tree: Path, tmp_path: Path) -> None:
    """As it stands there, on the simulated bench."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", (tree / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "test_my_link.py").write_text(example)
    run = (
        "--hil-bench",
        "metro-25km",
        "--hil-seed",
        "1",
        "--hil-record",
        str(tmp_path / "record"),
        str(tmp_path / "test_my_link.py"),
    )
    assert "1 passed" in _run(fresh, "python", "-m", "pytest", *run)
    assert len(example.splitlines()) <= 15
