"""Writes what each test came to as it goes, and in the main process makes the record, the reports and the exit code of it."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import bench_hash
from hil.discovery import find, names
from hil.fixtures.places import BENCHES, CASE
from hil.plugin.cases import title, twice
from hil.record.writer import RunHeader, finish
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Generator

    from hil.plugin.session import Run

__all__ = ["Recording"]

_NOTHING_DECIDED = 11
_EARLY_ENDS = {2, 3, 4}
_BROKEN = 10


class Recording:
    """The run record of one session, in this process."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config = config
        self._run = run
        self._reports = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """With a test of ours among them, make the folder; two tests of one case id would be one in the record."""
        run = self._run
        if run.controls or run.worker or session.config.option.collectonly:
            return
        cases = [item.stash[CASE] for item in session.items if CASE in item.stash]
        if again := twice(cases):
            raise pytest.UsageError(f"several tests have one case id: {', '.join(again)}; give their files different names")
        if cases:
            run.make_folder()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Leave a note of the test that runs, so that one cut short is in the record too."""
        if CASE not in item.stash:
            return (yield)
        note = self._run.log.path.with_name(f"running-{self._run.worker or 'main'}.json")
        note.write_text(json.dumps({"case": item.stash[CASE], "title": title(item)}), encoding="utf-8")
        result = yield
        note.unlink(missing_ok=True)
        return result

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is pytest's own failure."""
        self._run.ordinary_failures += report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a phase of a test came to, in the process that ran it."""
        said: dict[str, Any] | None = getattr(report, "hil", None)
        if said is None:
            self._run.ordinary_failures += report.failed
            return
        self._reports += 1
        if not self._run.controls:
            self._run.log.append(
                "test",
                said["case"],
                outcome=said["outcome"],
                reason=said["reason"],
                duration_s=round(report.duration, 6),
                title=said["title"],
                phase=report.when,
                wrong_use=said.get("wrong_use", False),
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """A test whose worker died is an ERROR, by the note its worker left."""
        worker = getattr(getattr(report, "node", None), "gateway", None)
        note = self._run.folder.path / f"running-{getattr(worker, 'id', '')}.json"
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(note.read_text(encoding="utf-8"))
            report.hil = said | {"outcome": Outcome.ERROR.value, "reason": str(report.longrepr)}  # type: ignore[attr-defined]

    @pytest.hookimpl(trylast=True)  # after the fixtures are torn down and the workers are gone
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Leave every bench; in the main process, finish the record, write the reports and set the exit code."""
        run = self._run
        for bench, trouble in self._config.stash[BENCHES].close().items():
            run.log.append("test", f"{bench}::closing", outcome=Outcome.ERROR, reason=trouble, title=f"leaving bench {bench}")
        if run.worker:
            return
        asked_for = bool(self._config.getoption("hil_bench"))  # an ini file's bench changes nothing for ordinary sessions
        if asked_for and int(exitstatus) == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = _NOTHING_DECIDED
        if not run.made:
            return
        self._settle_unfinished(interrupted=int(exitstatus) == pytest.ExitCode.INTERRUPTED)
        if not self._reports:
            with contextlib.suppress(OSError):
                run.folder.path.rmdir()
            return
        run.record = finish(run.folder, self._header(int(exitstatus)))
        self._report()
        code = run.record.exit_code
        session.exitstatus = _BROKEN if run.troubles and code == 0 else code

    def _settle_unfinished(self, *, interrupted: bool) -> None:
        for note in sorted(self._run.folder.path.glob("running-*.json")):
            worker = note.stem.partition("-")[2]
            ended = "the run was interrupted" if interrupted else f"its worker process {worker} died"
            said = {"case": f"worker {worker}", "title": ""}
            with contextlib.suppress(OSError, ValueError):
                said = json.loads(note.read_text(encoding="utf-8"))
            self._reports += 1
            self._run.log.append(
                "test", said["case"], outcome=Outcome.ERROR, reason=f"{ended} while this test ran", title=said["title"]
            )
            note.unlink(missing_ok=True)

    def _header(self, exitstatus: int) -> RunHeader:
        run = self._run
        hashes = [bench_hash(bench) for bench in run.benches.values()]
        code = exitstatus if exitstatus in _EARLY_ENDS else 1 if run.ordinary_failures else None
        return RunHeader(
            bench=", ".join(run.benches),
            simulated=any(run.simulated(bench) for bench in run.benches.values()),
            seed=run.seed,
            started=run.started,
            bench_hash=", ".join(hashes),
            exit_code=code,
            command=shlex.join(["pytest", *map(str, self._config.invocation_params.args)]),
            labels={"bench kind": self._kind()} | ({"rehearsal": "chaos plan"} if run.options.chaos_plan else {}),
            problems=self._outside(),
        )

    def _kind(self) -> str:
        """What the bench files say, for a record in which no device could be opened."""
        run = self._run
        kinds = {name in run.simulated(bench) for bench in run.benches.values() for name in bench.device}
        return "mixed" if len(kinds) == 2 else "simulated" if True in kinds else "real"

    def _outside(self) -> tuple[str, ...]:
        """Failures that pytest reports and no bench has to do with; they end the run with 1 all the same."""
        number = self._run.ordinary_failures
        if not number:
            return ()
        what = "a test or file that uses no bench" if number == 1 else f"{number} tests or files that use no bench"
        return (f"{what} failed: see pytest's own output; this record holds the tests on benches only",)

    def _report(self) -> None:
        run = self._run
        assert run.record is not None
        for name in names("reporter"):
            try:
                find("reporter", name).write(run.folder.path)
            except Exception as error:  # noqa: BLE001  (the other reports are wanted all the same)
                run.troubles.append(f"report {name} could not be written: {type(error).__name__}: {error}")
        for verdict in run.record.verdicts:
            self._config.hook.pytest_hil_report_measurement(config=self._config, verdict=verdict)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The verdict table, and where to read on."""
        run = self._run
        if run.record is None:
            return
        from hil.reports.terminal import render

        writer = terminalreporter
        writer.write_sep("=", "hil verdicts")
        writer.write(render(run.record, width=writer._tw.fullwidth, color=writer._tw.hasmarkup))  # noqa: SLF001
        for trouble in run.troubles:
            writer.write_line(trouble, red=True)
        page = run.folder.path / "report.html"
        writer.write_line(f"report: {_short(page if page.is_file() else run.folder.path)}")


def _short(path: Path) -> str:
    """Relative to where the user stands, if below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
