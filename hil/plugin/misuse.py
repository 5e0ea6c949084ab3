"""Tells a test that is wrong itself from a bench that broke: it asked for what there is not, and wants mending."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from hil.errors import UsageError
from hil.fixtures.benches import BenchNotOpenError
from hil.plugin.cases import is_shipped

__all__ = ["is_misuse", "place", "slip"]

_SLIPS = (TypeError, AttributeError, NameError)
"""Python's own words for a call that does not fit, and for a name that is not there."""


def is_misuse(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether an exception that ended a phase of the test is the test's own fault.

    So is every UsageError, a fixture that is not there, and a wrong name or argument in a line of the test's own file (deeper
    down such a slip is the framework's). Of a group, all parts have to be.
    """
    return _is_misuse(item, excinfo.value, _innermost(excinfo))


def _is_misuse(item: pytest.Item, error: BaseException, innermost: Path | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_misuse(item, one, innermost) for one in error.exceptions)
    if isinstance(error, UsageError | pytest.UsageError | pytest.FixtureLookupError):
        return True
    if isinstance(error, BenchNotOpenError):
        return error.misused
    return isinstance(error, _SLIPS) and innermost == item.path and not is_shipped(item.path)


def slip(error: BaseException) -> str:
    """What Python itself has to say of a name that is not there: the nearest one that is."""
    if not isinstance(error, AttributeError) or error.obj is None or not error.name:
        return ""
    known = [name for name in dir(error.obj) if not name.startswith("_")]
    near = difflib.get_close_matches(error.name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def place(excinfo: pytest.ExceptionInfo[BaseException], item: pytest.Item) -> str:
    """Where in the test's own file it happened; the test itself for what happened elsewhere."""
    for entry in reversed(excinfo.traceback):
        if entry.path == item.path:
            return f"{item.location[0]}:{entry.lineno + 1}"
    return f"{item.location[0]}:{(item.location[1] or 0) + 1}"


def _innermost(excinfo: pytest.ExceptionInfo[BaseException]) -> Path | None:
    return Path(excinfo.traceback[-1].path) if excinfo.traceback else None
