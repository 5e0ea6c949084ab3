"""Hooks that a conftest or another plugin may implement; pytest only sees hooks whose names begin with ``pytest_``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from hil.bench.model import Bench
    from hil.record.model import VerdictEntry
    from hil.record.writer import EventLog, RunFolder
    from hil.testbed.guard.protection import GuardSettings
    from hil.testbed.tapes import TapePlan
    from hil.testbed.testbed import Testbed
    from hil.verdict import Outcome

__all__ = ["pytest_hil_classify_failure", "pytest_hil_make_bench", "pytest_hil_report_measurement", "pytest_hil_safe_state"]


@pytest.hookspec(firstresult=True)
def pytest_hil_make_bench(  # noqa: PLR0917  (hooks are called by keyword)
    config: pytest.Config,
    bench: Bench,
    simulate: bool,
    seed: int,
    recording: Path | None,
    log: EventLog,
    folder: RunFolder,
    tape: TapePlan | None,
    guard: GuardSettings,
    rehearse: bool,
) -> Testbed | None:
    """Open a bench before the first test that needs it; None leaves it to the next implementation.

    A BenchError makes every test that needs the bench an ERROR with that message.
    """


@pytest.hookspec(firstresult=True)
def pytest_hil_classify_failure(item: pytest.Item, when: str, error: BaseException) -> Outcome | None:
    """Say what an exception of a test means, before the plugin's own rules do; None leaves it to them.

    ``when`` is ``setup``, ``call`` or ``teardown``. Skips and expected failures are not asked about.
    """


@pytest.hookspec
def pytest_hil_safe_state(config: pytest.Config, testbed: Testbed) -> None:
    """Put away what no driver covers: called after each test, once the framework has healed and parked the bench."""


@pytest.hookspec
def pytest_hil_report_measurement(config: pytest.Config, verdict: VerdictEntry) -> None:
    """Take one verdict of the finished record (to a trend database, say); called once for each, in the main process."""
