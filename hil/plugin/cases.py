"""Case ids: a test's name in records and seeds, the same however pytest was told to find it."""

from __future__ import annotations

import inspect
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PLACE", "case_id", "is_hil", "is_shipped", "title", "twice"]

PLACE = "_hil_place"
"""The private fixture that every fixture of a bench rests on; a user's own ``clock`` does not."""


def is_hil(item: pytest.Item) -> bool:
    """Whether the test uses a bench's fixtures or the plugin's markers, or is of a shipped suite."""
    if PLACE in getattr(item, "fixturenames", ()):
        return True
    return any(mark.name.startswith("hil_") for mark in item.iter_markers()) or is_shipped(item.path)


def is_shipped(path: Path) -> bool:
    """Whether a file is one of the shipped suites'."""
    return _suite_of(path) is not None


def case_id(item: pytest.Item) -> str:
    """Module path (after ``suites.``, or from the root of the project), then test name with its parameters.

    pytest's own node id changes with the way a file is named on the command line.
    """
    within = _suite_of(item.path) or _below(item.path, item.config.rootpath) or Path(item.path.name)
    module = ".".join(within.with_suffix("").parts)
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class | pytest.Item)]
    return "::".join([module, *names])


def title(item: pytest.Item) -> str:
    """What the test promises: its docstring's first sentence, or its name in words."""
    doc = inspect.getdoc(getattr(item, "obj", None)) if isinstance(item, pytest.Function) else None
    if doc:
        return " ".join(doc.partition("\n\n")[0].split())
    return getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")


def twice(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, in order."""
    seen: set[str] = set()
    again: dict[str, None] = {}
    for name in names:
        if name in seen:
            again[name] = None
        seen.add(name)
    return list(again)


@cache
def _suite_of(path: Path) -> Path | None:
    """The path below ``hil.suites``, installed or in a checkout; None for a file elsewhere."""
    for folder in _suite_folders():
        if (below := _below(path, folder)) is not None:
            return below
    for parent in path.parents:
        if parent.name == "suites" and (parent.parent / "hil" / "plugin" / "cases.py").is_file():
            return _below(path, parent)
    return None


@cache
def _suite_folders() -> tuple[Path, ...]:
    spec = find_spec("hil.suites")
    return tuple(Path(folder).resolve() for folder in (spec.submodule_search_locations or ())) if spec else ()


def _below(path: Path, folder: Path) -> Path | None:
    for one in (path, path.resolve()):
        if one.is_relative_to(folder):
            return one.relative_to(folder)
    return None
