"""Every game day: broken by its timeline, and what the link made of it measured against what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil.testbed.gamedays.gameday import GamedayRun

pytestmark = pytest.mark.hil_level("L3")


def test_gameday(gameday: GamedayRun) -> None:
    """The link reacts in time to every fault of the day, its keys are never wrong, and afterwards it is itself again."""
    gameday.run()
