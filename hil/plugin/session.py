"""What one process knows of the run it takes part in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.bench import simulated_devices
from hil.bench.model import RecordingDevice
from hil.record.folder import new_run_id
from hil.record.writer import EventLog, RunFolder

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.plugin.options import Options
    from hil.plugin.signals import Stop
    from hil.record.model import Record

__all__ = ["RUN", "Run", "has_recording"]


@dataclass
class Run:
    """One run as this process sees it; ``worker`` is empty in the main process, ``started`` Unix time."""

    options: Options
    benches: dict[str, Bench]
    seed: int
    folder_path: str
    worker: str
    distributed: bool
    started: float
    stop: Stop
    record: Record | None = None
    ordinary_failures: int = 0
    troubles: list[str] = field(default_factory=list)
    """What the main process has to say in the end: a report that could not be written, a hook that failed."""
    tapes: Path = Path()
    """Where tapes are recorded, or replayed from."""
    _log: EventLog | None = None
    _made: bool = False

    def __post_init__(self) -> None:
        if not self.folder_path:
            self.folder_path = str(self.options.record or Path.cwd() / ".hil" / "runs" / new_run_id())
        self.tapes = self._find_tapes()

    @property
    def replaying(self) -> bool:
        """Whether the devices of this run are tapes."""
        return self.options.tape == "replay"

    @property
    def controls(self) -> bool:
        """Whether this process runs no test itself but hands them to workers."""
        return self.distributed and not self.worker

    @property
    def folder(self) -> RunFolder:
        """Where the run is recorded; the main process makes it, workers only write into it."""
        return RunFolder(Path(self.folder_path))

    @property
    def log(self) -> EventLog:
        """This process's own events."""
        if self._log is None:
            self.make_folder()
            self._log = EventLog(self.folder, self.worker or ("controller" if self.distributed else "main"))
        return self._log

    @property
    def made(self) -> bool:
        """Whether there is a folder to finish."""
        return self._made

    def make_folder(self) -> None:
        """Make the folder, once, and in the main process only; pytest.UsageError where it cannot be."""
        if self._made or self.worker:
            return
        path = Path(self.folder_path)
        try:
            if self.options.record is not None:
                RunFolder.create(path, exact=path)
            else:
                RunFolder.create(path.parent.parent, run_id=path.name)
        except (OSError, ValueError) as error:
            raise pytest.UsageError(f"the run cannot be recorded in {path}: {error}") from None
        self._made = True

    def _find_tapes(self) -> Path:
        """Those to replay are found before this run is the last one; pytest.UsageError where there are none."""
        if self.options.tape_dir is not None or not self.replaying:
            return self.options.tape_dir or Path(self.folder_path) / "tapes"
        runs = Path.cwd() / ".hil" / "runs"
        if not (found := sorted(runs.glob("*/tapes"))):
            raise pytest.UsageError(f"--hil-tape=replay: no run in {runs} has tapes; give their folder with --hil-tape-dir")
        return found[-1]

    def simulated(self, bench: Bench) -> frozenset[str]:
        """The devices of a bench that are twins."""
        return simulated_devices(bench, simulate=self.options.simulate)

    def exclusive(self) -> list[str]:
        """The benches with a real address, longest name first: their tests stay in one process."""
        names = [name for name, bench in self.benches.items() if set(bench.device) - self.simulated(bench) - _recordings(bench)]
        return sorted(names, key=len, reverse=True)


def has_recording(bench: Bench) -> bool:
    """Whether the bench is, in whole or in part, a recorded file."""
    return bool(_recordings(bench))


RUN: pytest.StashKey[Run] = pytest.StashKey()


def _recordings(bench: Bench) -> set[str]:
    return {name for name, device in bench.device.items() if isinstance(device, RecordingDevice)}
