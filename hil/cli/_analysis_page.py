"""An analysed recording as a page: a run record of its tables and plot, and the report that is made of any record."""

from __future__ import annotations

import shlex
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hil.cli._analysis_tables import tables
from hil.record.writer import EventLog, RunFolder, RunHeader, finish
from hil.testbed.recordings.recording_tables import correlation_plot, event_fields

if TYPE_CHECKING:
    from hil.drivers.recordings.gather import Gathered
    from hil.drivers.recordings.stream import TagFile
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = ["render_page"]


def render_page(seen: RecordingAnalysis, files: tuple[TagFile, ...], tags: Gathered) -> str:
    """HTML in one piece. The record it is made of is gone afterwards."""
    from hil.reports.html import render

    started = time.time()
    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder.create(Path(root), exact=Path(root) / "analysis")
        log = EventLog(folder, "main")
        for entry in tables(seen, files, tags):
            log.append("table", **event_fields(entry))
        log.append("plot", **event_fields(correlation_plot(seen)))
        names = [file.path.name for file in files]
        command = shlex.join(["hil", "analyse", *names])
        header = RunHeader(bench=" and ".join(names), simulated=False, seed=0, started=started, command=command)
        record = finish(folder, header)
        return render(record, folder.path)
