"""Virtual environments of a checkout: made once, reused until what they were made from changes.

Runs with the standard library alone, since it runs before anything is installed. No index address is known here: pip's own
configuration decides where packages come from, ``constraints.txt`` which versions.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._progress import StepFailedError, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CHECKOUT",
    "OLDEST",
    "Environment",
    "PythonNotFoundError",
    "find_python",
    "prepare",
    "prepare_peers",
    "python_version",
]

CHECKOUT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PIP_TARGET", "PIP_USER", "PIP_PREFIX", "VIRTUAL_ENV")


class PythonNotFoundError(Exception):
    """No Python that works is of the version asked for."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of this checkout."""

    folder: Path

    @property
    def scripts(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.scripts / ("python.exe" if os.name == "nt" else "python")

    def variables(self) -> dict[str, str]:
        """The caller's variables without those that would reach outside the environment."""
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        return kept | {"PATH": os.pathsep.join((str(self.scripts), kept.get("PATH", ""))), "PYTHONNOUSERSITE": "1"}


def prepare(purpose: str, python: str, *, extra: str = "", editable: bool = True) -> Environment:
    """An environment in ``.hil/venv`` with the package and its pinned dependencies, made only if there is no current one.

    It is editable so that a changed file counts at once. Otherwise the package is built and installed each time.
    """
    version = python_version(python) or OLDEST
    environment = Environment(CHECKOUT / ".hil" / "venv" / f"{purpose}-{version[0]}.{version[1]}")
    stamp, current = environment.folder / "made-from", _made_from(version, extra)
    same = stamp.is_file() and stamp.read_text(encoding="utf-8") == current
    if not (same and python_version(str(environment.python)) == version):
        print(f"making {environment.folder.relative_to(CHECKOUT)} (kept for the next run)", flush=True)
        _make(environment, python)
        _pip(environment, "setuptools", "setuptools")
        target = f".[{extra}]" if extra else "."
        _pip(environment, "package and dependencies", "--no-build-isolation", *(["--editable"] if editable else []), target)
        stamp.write_text(current, encoding="utf-8")
    elif not editable:
        _pip(environment, "package", "--no-build-isolation", "--no-deps", "--force-reinstall", ".")
    return environment


def prepare_peers(python: str) -> Environment | None:
    """An environment with what benchmarks compare with, kept like the others; None, and a word, where it cannot be made."""
    version, wanted = python_version(python) or OLDEST, CHECKOUT / "tests" / "benchmarks" / "peers.txt"
    environment = Environment(CHECKOUT / ".hil" / "venv" / f"peers-{version[0]}.{version[1]}")
    stamp, current = environment.folder / "made-from", wanted.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == current and python_version(str(environment.python)) == version:
        return environment
    print(f"making {environment.folder.relative_to(CHECKOUT)} (kept for the next run)", flush=True)
    try:
        _make(environment, python)
        pip = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        watch("peers", [*pip, "--requirement", str(wanted)], cwd=CHECKOUT, env=environment.variables())
    except StepFailedError as error:
        print(f"{error}\nbenchmarks go on without their peers", flush=True)
        return None
    stamp.write_text(current, encoding="utf-8")
    return environment


def find_python(wanted: str = "") -> str:
    """The Python to use: a path, or a version like ``3.12``; by default the running one."""
    if not wanted:
        return sys.executable
    if not re.fullmatch(r"3\.\d+", wanted):
        if (found := python_version(wanted)) and found >= OLDEST:
            return wanted
        raise PythonNotFoundError(f"{wanted!r} is no Python 3.11 or later; give its path, or a version like 3.12")
    for candidate in _candidates(wanted):
        if python_version(candidate) == tuple(map(int, wanted.split("."))):
            return candidate
    raise PythonNotFoundError(f"no Python {wanted} that works on PATH or among pyenv's; install one, or give --python PATH")


def python_version(python: str) -> tuple[int, int] | None:
    """Major and minor version of an interpreter; None for what does not start (a pyenv shim without its version)."""
    question = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        done = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False, timeout=60)
        major, minor = map(int, done.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return (major, minor)


def _candidates(version: str) -> Iterator[str]:
    for folder in os.get_exec_path():
        if found := shutil.which(f"python{version}", path=folder):
            yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder_path in sorted((root / "versions").glob(f"{version}.*"), reverse=True):
        yield str(folder_path / "bin" / f"python{version}")


def _made_from(version: tuple[int, int], extra: str) -> str:
    """What an environment depends on; another hash, another environment."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    digest = hashlib.sha256(repr((version, extra, str(CHECKOUT), project["project"], project["build-system"])).encode())
    for name in ("setup.py", "constraints.txt"):
        digest.update((CHECKOUT / name).read_bytes())
    return digest.hexdigest()


def _make(environment: Environment, python: str) -> None:
    shutil.rmtree(environment.folder, ignore_errors=True)
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        watch("virtual environment", [python, "-m", "venv", str(environment.folder)], cwd=CHECKOUT)
    except StepFailedError as error:
        hint = "this Python cannot make a virtual environment with pip; Debian's package for that is python3-venv"
        raise StepFailedError(f"{error}\n{hint}") from None


def _pip(environment: Environment, label: str, *arguments: str) -> None:
    command = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    constraints = ["--constraint", str(CHECKOUT / "constraints.txt")]
    watch(label, [*command, *constraints, *arguments], cwd=CHECKOUT, env=environment.variables())
