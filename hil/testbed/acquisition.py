"""One block of detections, from start to stop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hil.errors import HilError

if TYPE_CHECKING:
    from hil.ports.detections import DetectionRecords, TagRecords
    from hil.testbed.link import Link
    from hil.testbed.steps import Steps

__all__ = ["acquire"]


def acquire(link: Link, duration_s: float) -> Steps[tuple[DetectionRecords | TagRecords, float, float]]:
    """The clicks of a block of that length, and when it began and ended in bench seconds; yields its length once."""
    testbed = link.testbed
    start_s = testbed.now_s()
    link.receiver.start()
    try:
        yield duration_s
    except BaseException:
        with suppress(HilError):  # what went wrong while waiting is what counts
            link.receiver.stop()
        raise
    end_s = testbed.now_s()
    return link.receiver.stop(), start_s, end_s
