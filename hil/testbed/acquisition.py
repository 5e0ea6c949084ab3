"""One block of detections, from start to stop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hil.errors import HilError

if TYPE_CHECKING:
    from hil.ports.detections import DetectionRecords, TagRecords
    from hil.testbed.link import Link

__all__ = ["acquire"]


def acquire(link: Link, duration_s: float) -> tuple[DetectionRecords | TagRecords, float, float]:
    """The clicks of a block of that length, and when it began and ended in bench seconds."""
    testbed = link.testbed
    start_s = testbed.now_s()
    link.receiver.start()
    try:
        testbed.clock.sleep(duration_s)
    except BaseException:
        with suppress(HilError):  # what went wrong while waiting is what counts
            link.receiver.stop()
        raise
    end_s = testbed.now_s()
    return link.receiver.stop(), start_s, end_s
