"""What a device's own clock shows: a date and a time of day, to be held against this machine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["HasTimeOfDay", "TimeOfDay"]


@dataclass(frozen=True)
class TimeOfDay:
    """One reading. ``shown`` without a zone is the local time of wherever the device stands.

    ``resolution_s``: what the clock leaves out of what it shows: 1 for whole seconds, which begin with the one shown.
    """

    shown: datetime
    resolution_s: float


@runtime_checkable
class HasTimeOfDay(Protocol):
    """A driver of a device that has such a clock and tells it. One that does not has no such method."""

    def time_of_day(self) -> TimeOfDay:
        """Read the clock; MissingCapabilityError where this model or version does not tell it."""
        ...
