"""One block of detections, from start to stop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hil.errors import HilError
from hil.pipeline.stopwatch import Stopwatch

if TYPE_CHECKING:
    from hil.ports.detections import DetectionRecords, TagRecords
    from hil.testbed.link import Link
    from hil.testbed.steps import Steps

__all__ = ["acquire"]


def acquire(
    link: Link, duration_s: float, watch: Stopwatch | None = None
) -> Steps[tuple[tuple[DetectionRecords | TagRecords, ...], float, float]]:
    """The clicks of a block at each receiver, when it began and ended in bench seconds; yields its length once.

    ``watch`` is told what the end of the block and its records took, as "acquire"; whoever watches the link is shown them.
    """
    testbed, watch = link.testbed, watch or Stopwatch()
    start_s = testbed.now_s()
    started = []
    link.acquiring = True
    try:
        for receiver in link.receivers:
            receiver.start()
            started.append(receiver)
        yield duration_s
        end_s = testbed.now_s()
        records: list[DetectionRecords | TagRecords] = []
        while started:
            records.append(watch.call("acquire", started.pop(0).stop))
    except BaseException:
        for receiver in started:
            with suppress(HilError):  # what went wrong before is what counts
                receiver.stop()
        raise
    finally:
        link.acquiring = False
    for watcher in link.watchers:
        watcher(tuple(records), end_s - start_s)
    return tuple(records), start_s, end_s
