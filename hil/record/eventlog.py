"""Each worker's own events file: appended to line by line, so that a killed worker loses one line at most."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hil.errors import UsageError
from hil.record.events import Event, checked

if TYPE_CHECKING:
    from hil.record.folder import RunFolder

__all__ = ["EventLog"]

_WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class EventLog:
    """Appends events of one worker to ``events-<worker>.jsonl``; the file is opened for each line and flushed.

    UsageError for a worker's name that is no file name.
    """

    def __init__(self, folder: RunFolder, worker: str) -> None:
        if not _WORKER.fullmatch(worker):
            raise UsageError(f"worker {worker!r}: expected letters, digits, dots, dashes and underscores")
        self.path = folder.path / f"events-{worker}.jsonl"
        self._seq = 0
        self._lock = threading.Lock()

    def append(self, kind: str, case: str = "", **data: Any) -> None:
        """Write one event; ``kind`` is one of :data:`hil.record.events.KINDS`, ``data`` its fields.

        TypeError for key material in any guise, an unknown field or a wrong type; ValueError for an unknown kind.
        """
        values = checked(kind, data)
        with self._lock:
            event = Event(seq=self._seq, wall_s=round(time.time(), 3), kind=kind, case=case, data=values)
            line = msgspec.json.encode(event) + b"\n"
            with self.path.open("ab") as file:
                if self._seq == 0 and file.tell():
                    line = b"\n" + line  # a worker of that name died here before: its cut line must not swallow ours
                file.write(line)
            self._seq += 1
