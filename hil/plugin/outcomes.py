"""What an exception means: FAIL, ERROR, INCONCLUSIVE or SKIPPED. Ordinary tests keep pytest's own two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import HilError, Inconclusive, MissingCapabilityError, NotAGateError, ObjectiveMissedError
from hil.fixtures.benches import BenchNotOpenError
from hil.fixtures.places import BENCH_TIME_S, BENCHES, CASE
from hil.plugin.cases import case_id, is_hil, title
from hil.plugin.misuse import is_misuse, place, slip
from hil.plugin.session import RUN
from hil.verdict import WRONG_USE, Outcome

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["NOT_OPENED", "classify", "pytest_itemcollected", "pytest_report_teststatus", "pytest_runtest_makereport"]

NOT_OPENED = "errors, bench not open"
"""Category of the tests whose bench could not be opened: said once in the summary, not once per test."""

_MEANINGS: dict[type[BaseException], Outcome] = {
    ObjectiveMissedError: Outcome.FAIL,
    Inconclusive: Outcome.INCONCLUSIVE,
    MissingCapabilityError: Outcome.SKIPPED,
    NotAGateError: Outcome.SKIPPED,
    pytest.skip.Exception: Outcome.SKIPPED,
}
_CATEGORIES = {
    Outcome.FAIL: ("failed", "F", ("FAIL", {"red": True})),
    Outcome.ERROR: ("error", "E", ("ERROR", {"red": True, "bold": True})),
    Outcome.INCONCLUSIVE: ("inconclusive", "I", ("INCONCLUSIVE", {"yellow": True})),
}
_MISUSED = ("wrong use", "W", (WRONG_USE, {"red": True}))
"""Said once, in the summary of verdicts: there is nothing in pytest's own to add."""


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Give each test of ours its case id."""
    if is_hil(item):
        item.stash[CASE] = case_id(item)


def classify(error: BaseException, when: str) -> Outcome:
    """What an exception of a test means; the worst of its parts for a group.

    An assertion in the test itself is about the device; one in a fixture is about the bench, and so is a timeout.
    """
    if isinstance(error, BaseExceptionGroup):
        return min((classify(one, when) for one in error.exceptions), key=lambda outcome: outcome.severity)
    for kind, outcome in _MEANINGS.items():
        if isinstance(error, kind):
            return outcome
    asserted = isinstance(error, AssertionError | pytest.fail.Exception) and not str(error).startswith("Timeout")
    return Outcome.FAIL if asserted and when == "call" else Outcome.ERROR


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put case, outcome and reason on the report, as plain data that crosses process borders."""
    report = yield
    if CASE in item.stash:
        said = _say(item, call, report)
        report.hil = said | {"case": item.stash[CASE], "title": title(item)}  # type: ignore[attr-defined]
    return report


def _say(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> dict[str, Any]:
    said: dict[str, Any] = {"outcome": Outcome.PASS.value, "reason": ""}
    if report.when == "teardown" and BENCH_TIME_S in item.stash:
        said["bench_s"] = item.stash[BENCH_TIME_S]
    if hasattr(report, "wasxfail"):
        expected = report.skipped
        reason = f"expected to fail: {report.wasxfail}" if expected else f"passed, but was expected to fail: {report.wasxfail}"
        return said | ({"outcome": Outcome.SKIPPED.value, "reason": reason} if expected else {"reason": reason})
    if call.excinfo is None:
        if report.failed:  # a strict xfail that passed
            return said | {"outcome": Outcome.FAIL.value, "reason": str(report.longrepr)}
        if report.when == "call" and item.config.stash[RUN].replaying:
            reason = "replayed from a tape, not measured: every device was told what it was told when the tape was recorded"
            _skip(item, report, reason)
            return said | {"outcome": Outcome.SKIPPED.value, "reason": reason}
        if report.when == "setup":
            said["opened"] = item.config.stash[BENCHES].news()
        return said
    return said | _failure(item, call.excinfo, report)


def _failure(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport) -> dict[str, Any]:
    error = excinfo.value
    outcome: Outcome | None = None
    if not isinstance(error, pytest.skip.Exception):
        outcome = item.ihook.pytest_hil_classify_failure(item=item, when=report.when, error=error)
    misused = outcome is None and is_misuse(item, excinfo)
    outcome = outcome or classify(error, report.when)
    where, reason = place(excinfo, item), _reason(error)
    if misused and not isinstance(error, BenchNotOpenError):
        reason = f"{where}: {reason}"
    said: dict[str, Any] = {"outcome": outcome.value, "reason": reason} | ({"wrong_use": True} if misused else {})
    if outcome is Outcome.SKIPPED:
        _skip(item, report, reason)
        return said
    report.outcome = "failed"
    if isinstance(error, BenchNotOpenError):
        said["not_opened"] = error.bench
    if misused:
        report.longrepr = reason
    elif isinstance(error, HilError):  # raised on purpose, and its message says it all
        report.longrepr = f"{where}: {reason}"
    return said


def _reason(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_reason(one) for one in error.exceptions)
    text = getattr(error, "msg", None) or str(error)
    if isinstance(error, AssertionError) and not isinstance(error, HilError):
        return text.partition("\n")[0] or "an assertion failed"  # the rest shows objects, whose addresses change
    if isinstance(error, HilError | pytest.UsageError | pytest.fail.Exception | pytest.skip.Exception):
        return text or f"{type(error).__name__} without a message"
    if isinstance(error, pytest.FixtureLookupError):
        return f"fixture {error.argname!r} not found; `pytest --fixtures` lists those there are"
    return f"{type(error).__name__}: {text}{slip(error)}" if text else type(error).__name__


def _skip(item: pytest.Item, report: pytest.TestReport, reason: str) -> None:
    if report.skipped:
        return
    path, line, _ = item.location
    report.outcome = "skipped"
    report.longrepr = (path, (line or 0) + 1, f"Skipped: {reason}")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport, config: pytest.Config
) -> tuple[str, str, str | tuple[str, dict[str, bool]]] | None:
    """Own categories for our tests; where progress is shown line by line, without pytest's letters."""
    said = getattr(report, "hil", None)
    if said is None:
        return None
    lines = config.get_verbosity() >= 0
    outcome = Outcome(said["outcome"])
    if said.get("not_opened"):
        category, letter, word = NOT_OPENED, "E", _CATEGORIES[Outcome.ERROR][2]
    elif report.failed and said.get("wrong_use"):
        category, letter, word = _MISUSED
    elif report.failed and outcome in _CATEGORIES:
        category, letter, word = _CATEGORIES[outcome]
    elif not lines or hasattr(report, "wasxfail"):
        return None
    elif report.skipped:
        category, letter, word = "skipped", "", ("SKIPPED", {"yellow": True})
    elif report.when == "call":
        category, letter, word = "passed", "", ("PASSED", {"green": True})
    else:
        return "", "", ""
    return category, "" if lines else letter, word
