"""One line for each test that is over: outcome, what it does, bench time and wall time. Needs no terminal to write to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.verdict import WRONG_USE, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Progress"]

_MARKUP: dict[Outcome, dict[str, bool]] = {
    Outcome.FAIL: {"red": True},
    Outcome.ERROR: {"red": True, "bold": True},
    Outcome.INCONCLUSIVE: {"yellow": True},
    Outcome.SKIPPED: {"light": True},
    Outcome.PASS: {"green": True},
}


class Progress:
    """Follows the reports of the main process, from whichever process they come."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._total = 0
        self._over = 0
        self._running: dict[str, list[pytest.TestReport]] = {}
        self._opened: set[str] = set()

    def pytest_sessionstart(self) -> None:
        """Each line says how far the run is; pytest's own percentages would only break the lines."""
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and self._config.get_verbosity() >= 0:
            terminal._show_progress_info = False  # noqa: SLF001  (pytest has no public way at run time)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many there are to run, here."""
        self._total = len(getattr(session, "items", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """How many there are to run, in the workers."""
        self._total = len(ids)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect a test's phases; write its line at the last one."""
        if report.when in {"teardown", "???"}:
            self._over += 1
        if not hasattr(report, "hil"):
            return
        phases = self._running.setdefault(report.nodeid, [])
        phases.append(report)
        self._tell_opened(report.hil)
        if report.when in {"teardown", "???"}:
            del self._running[report.nodeid]
            self._tell(phases)

    def _tell_opened(self, said: dict[str, Any]) -> None:
        for bench, firmware in said.get("opened", {}).items():
            if bench not in self._opened:
                self._opened.add(bench)
                answers = ", ".join(f"{device} {version}" for device, version in firmware.items() if version)
                self._write(f"hil: bench {bench} is open; firmware: {answers or 'none told'}", {})

    def _tell(self, phases: list[pytest.TestReport]) -> None:
        said: list[dict[str, Any]] = [phase.hil for phase in phases]
        outcome = min((Outcome(one["outcome"]) for one in said), key=lambda one: one.severity)
        errors = [one for one in said if one["outcome"] == Outcome.ERROR.value]
        word = WRONG_USE if outcome is Outcome.ERROR and all(one.get("wrong_use") for one in errors) else outcome.value
        wall_s = sum(phase.duration for phase in phases)
        bench_s = next((one["bench_s"] for one in reversed(said) if "bench_s" in one), None)
        took = f"{wall_s:.1f} s" if bench_s is None else f"{bench_s:.1f} s on the bench, {wall_s:.1f} s"
        place = f" {phases[0].nodeid[phases[0].nodeid.index('[') :]}" if "[" in phases[0].nodeid else ""
        digits = len(str(self._total))
        self._write(f"[{self._over:>{digits}}/{self._total}] {word:<12} {said[0]['title']}{place}: {took}", _MARKUP[outcome])

    def _write(self, line: str, markup: dict[str, bool]) -> None:
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None or self._config.get_verbosity() < 0:
            return
        if terminal._tw.width_of_current_line:  # noqa: SLF001  (after the file's name, which pytest leaves unended)
            terminal.write("\n")
        terminal.write(line, **markup)
        terminal.write("\n")
        terminal.flush()
