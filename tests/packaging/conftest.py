"""The tree, a copy of it, and the wheel built from that copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
MAPPED = ("device_sims", "fixtures", "suites", "reports", "ci")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


@pytest.fixture(scope="session")
def tree() -> Path:
    """The checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def package_files(tree: Path) -> dict[str, Path]:
    """Every file of the package as the wheel has to name it, and where it lies in the tree."""
    roots = {"hil": tree / "hil", **{f"hil/{name}": tree / name for name in MAPPED}}
    files = {
        f"{prefix}/{path.relative_to(root).as_posix()}": path
        for prefix, root in roots.items()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    commands = {f"hil/ci/{name}" for name in ("conformance", "test", "benchmark", "error-rates", "chaos", "fuzz")}
    assert commands <= set(files)
    return {name: path for name, path in files.items() if name not in commands}


@pytest.fixture(scope="session")
def copy(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build needs, outside the checkout, so that nothing left over from an earlier build gets in."""
    target = tmp_path_factory.mktemp("copy")
    for name in ("hil", *MAPPED):
        shutil.copytree(tree / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(tree / name, target / name)
    return target


@pytest.fixture(scope="session")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without an environment of its own."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", target, copy],
        check=True,
        capture_output=True,
        text=True,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """A folder that holds the installed form, for a test to read or to break."""
    target = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target
