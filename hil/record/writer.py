"""Writing a run record, all in one place: make the folder, append events and series, finish.

::

    folder = RunFolder.create(Path(".hil"))            # the controller
    log = EventLog(RunFolder(folder.path), "gw0")      # each worker
    log.append("note", "smoke.test_link::test_key", time_s=1.5, text="detectors cooled")
    record = finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=7, started=time.time()))
"""

from __future__ import annotations

from hil.record.eventlog import EventLog
from hil.record.finishing import finish
from hil.record.folder import RunFolder
from hil.record.header import RunHeader
from hil.record.series import save_series

__all__ = ["EventLog", "RunFolder", "RunHeader", "finish", "save_series"]
