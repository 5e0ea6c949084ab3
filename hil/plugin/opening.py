"""Opens a bench: a conftest's own way first, else the testbed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from hil.fixtures.places import BENCHES
from hil.plugin.session import RUN, has_recording

if TYPE_CHECKING:
    from pathlib import Path

    from hil.bench.model import Bench
    from hil.plugin.session import Run
    from hil.record.writer import EventLog, RunFolder
    from hil.testbed.guard.protection import GuardSettings
    from hil.testbed.tapes import TapePlan
    from hil.testbed.testbed import Testbed

__all__ = ["open_bench", "pytest_enter_pdb", "pytest_hil_make_bench", "pytest_leave_pdb"]


def open_bench(config: pytest.Config, bench: Bench) -> Testbed:
    """The opened bench; BenchError where it cannot be."""
    run = config.stash[RUN]
    testbed: Testbed = config.hook.pytest_hil_make_bench(
        config=config,
        bench=bench,
        simulate=run.options.simulate,
        seed=run.seed,
        recording=run.options.recording if has_recording(bench) else None,
        log=run.log,
        folder=run.folder,
        tape=_tape(run),
        guard=_guard(run),
        rehearse=run.options.chaos_plan,
    )
    _tell(config, testbed)
    return testbed


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Whoever thinks at a debugger's prompt does not hang."""
    config.stash[BENCHES].pause()


def pytest_leave_pdb(config: pytest.Config) -> None:
    """The test is on its own again."""
    config.stash[BENCHES].resume()


@pytest.hookimpl(trylast=True)
def pytest_hil_make_bench(  # noqa: PLR0917  (hooks are called by keyword)
    bench: Bench,
    simulate: bool,
    seed: int,
    recording: Path | None,
    log: EventLog,
    folder: RunFolder,
    tape: TapePlan | None,
    guard: GuardSettings,
    rehearse: bool,
) -> Testbed:
    """What happens where no conftest has its own way: drivers are opened and identities checked."""
    from hil.testbed.testbed import Testbed

    return Testbed.open(
        bench,
        simulate=simulate,
        seed=seed,
        recording=recording,
        log=log,
        folder=folder,
        tape=tape,
        guard=guard,
        rehearse=rehearse,
    )


def _tell(config: pytest.Config, testbed: Testbed) -> None:
    """Say at once what earlier runs had left broken; a worker has no terminal, and its record says it."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    guardian = getattr(testbed, "guardian", None)  # a conftest's own way may give something else
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    if guardian is None or not guardian.tidings or terminal is None:
        return
    with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
        terminal.ensure_newline()
        for text in guardian.tidings:
            terminal.write_line(text, yellow=True)


def _guard(run: Run) -> GuardSettings:
    from hil.testbed.guard.protection import GuardSettings

    options = run.options
    return GuardSettings(options.guard, str(options.guard_token or ""), options.lease_s)


def _tape(run: Run) -> TapePlan | None:
    """What to do with tapes, where anything is to be done."""
    if not run.options.tape:
        return None
    from hil.testbed.tapes import TapePlan

    return TapePlan(run.options.tape, run.tapes, run.options.tape_mode)
