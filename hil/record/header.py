"""What the controller knows of a run and no event says."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.record.model import DeclaredRule

__all__ = ["RunHeader", "default_versions"]


@dataclass(frozen=True)
class RunHeader:
    """Identity of a run. ``started`` and ``finished`` are Unix time in seconds.

    ``exit_code`` is what the process will return, None to have it settled from the outcomes; one that only an interrupted or
    broken run has (2, 3, 4) makes the run's outcome ERROR at best. ``rules`` are the decision rules declared beforehand.
    ``labels`` are free (operator, commit, CI job); ``problems`` are sentences for whoever reads the record.
    """

    bench: str
    simulated: bool
    seed: int
    started: float
    bench_hash: str = ""
    finished: float = field(default_factory=time.time)
    exit_code: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    rules: tuple[DeclaredRule, ...] = ()
    command: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def default_versions() -> dict[str, str]:
    """Python, this package and what its numbers rest on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in ("qkd-hil", "pytest", "numpy", "scipy", "numba", "pyvisa", "pyvisa-py", "cryptography"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
