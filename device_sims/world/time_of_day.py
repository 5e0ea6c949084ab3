"""The time of day of a bench's world, and what the clocks of its devices show of it.

A world's time begins at zero; which date that was it is told when it is made, so that it never has to look at a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World

__all__ = ["EPOCH", "OFFSET", "time_of_day"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The date of time zero where nobody says another."""

OFFSET = "time_of_day_offset_s"
"""The parameter that puts a device's clock ahead."""


def time_of_day(world: World, device: str, now_ns: int) -> datetime:
    """What the device's clock shows, in the zone of the world's first date."""
    return world.epoch + timedelta(microseconds=now_ns / 1000, seconds=world.injected(device, OFFSET))
