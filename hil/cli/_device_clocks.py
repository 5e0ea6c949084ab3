"""Holds the clocks of devices against this machine's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.ports.time_of_day import HasTimeOfDay

if TYPE_CHECKING:
    from hil.clock import Clock

__all__ = ["CLOCKS_AGREE_S", "ClockOffset", "HostTime", "offset_of"]

CLOCKS_AGREE_S = 5.0
"""A clock that is off by surely more than this is warned of: records, schedules and certificates go by it."""


@dataclass(frozen=True)
class ClockOffset:
    """By how many seconds a device's clock is ahead of ours, and how far from the truth that may be at most.

    Half of the time that the question took, as the answer may be from its beginning or its end, and half of the resolution.
    """

    offset_s: float
    uncertainty_s: float

    @property
    def wrong(self) -> bool:
        """Whether it is surely off by more than :data:`CLOCKS_AGREE_S`."""
        return abs(self.offset_s) - self.uncertainty_s > CLOCKS_AGREE_S

    def __str__(self) -> str:
        digits = 1 if self.uncertainty_s > 0.05 else 3
        return f"{self.offset_s:+.{digits}f} ± {self.uncertainty_s:.{digits}f} s"


class HostTime:
    """This machine's date and time, by the clock of the bench; ``epoch`` is the date of that clock's zero, with our zone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.epoch = datetime.now().astimezone() - timedelta(microseconds=clock.now_ns() / 1000)

    def now(self) -> datetime:
        """The date and time."""
        return self.epoch + timedelta(microseconds=self._clock.now_ns() / 1000)


def offset_of(device: object, host: HostTime) -> ClockOffset | None:
    """What the device's clock is off by; None for one that tells no time of day. One without a zone is taken for local."""
    if not isinstance(device, HasTimeOfDay):
        return None
    before = host.now()
    try:
        reading = device.time_of_day()
    except MissingCapabilityError:
        return None
    half_s = (host.now() - before).total_seconds() / 2
    since_s = (reading.shown.astimezone() - before).total_seconds()
    return ClockOffset(since_s - half_s + reading.resolution_s / 2, half_s + reading.resolution_s / 2)
