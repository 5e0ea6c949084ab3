"""Sessions with the names one guesses. Each hands over to the checkout's own commands, so that there is one way to do it."""

import sys
from pathlib import Path

import nox

CHECKOUT = Path(__file__).parent
PYTHONS = ("3.11", "3.12", "3.13")

nox.options.sessions = ["lint", "typing", "tests", "package"]
nox.options.default_venv_backend = "none"


def _steps(session: nox.Session, *steps: str, python: str = "") -> None:
    which = ["--python", python] if python else []
    session.run(sys.executable, "ci/test", *which, *steps, *(["--", *session.posargs] if session.posargs else []))


@nox.session
@nox.parametrize("version", PYTHONS)
def tests(session: nox.Session, version: str) -> None:
    """Unit, contract and system tests."""
    _steps(session, "unit", "contract", "system", python=version)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the layer contracts on the installed form."""
    _steps(session, "lint", "layers")


@nox.session
def typing(session: nox.Session) -> None:
    """Strict mypy on the installed form."""
    _steps(session, "types")


@nox.session
def docs(session: nox.Session) -> None:
    """Commands, links and names in the documentation exist."""
    session.run(sys.executable, "ci/test", "packaging", "--", "-k", "docs")


@nox.session
def package(session: nox.Session) -> None:
    """The wheel: what it holds, and that it works outside the checkout."""
    _steps(session, "packaging")


@nox.session
@nox.parametrize("version", PYTHONS)
def conformance(session: nox.Session, version: str) -> None:
    """The conformance suite on the simulated bench."""
    session.run(sys.executable, "ci/conformance", "--python", version, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """A million inputs at every dialect of the simulated devices."""
    session.run(sys.executable, "ci/fuzz", *session.posargs)


@nox.session(venv_backend="venv", python="3.11")
def constraints(session: nox.Session) -> None:
    """Write constraints.txt anew: the newest of everything that pyproject.toml allows."""
    session.install("setuptools>=77")
    session.install("--no-build-isolation", ".[dev,fuzz]")
    frozen = (
        session.run("python", "-m", "pip", "freeze", "--all", "--exclude", "pip", "--exclude", "qkd-hil", silent=True) or ""
    )
    file = CHECKOUT / "constraints.txt"
    comments = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    file.write_text("\n".join([*comments, *frozen.split()]) + "\n", encoding="utf-8")
