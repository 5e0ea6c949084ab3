"""When which fault was in, in bench time: what blocks and reports are told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.ports.run import FaultWindow
from hil.testbed.channel.classical_channel import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FaultWindows"]


class FaultWindows:
    """The fault windows of one test on one link; a fault that is still in ends at infinity."""

    def __init__(self) -> None:
        self._windows: list[FaultWindow] = []
        self._harmless: set[int] = set()

    def __iter__(self) -> Iterator[FaultWindow]:
        return iter(self._windows)

    def open(
        self, fault: str, target: str, start_s: float, *, commanded: str, evidence: str, spoils_detections: bool = True
    ) -> int:
        """Note a fault that is commanded; the number to close it by."""
        if not spoils_detections:
            self._harmless.add(len(self._windows))
        self._windows.append(FaultWindow(fault, target, start_s, math.inf, commanded, evidence, healed=False))
        return len(self._windows) - 1

    def seen(self, number: int, evidence: str) -> FaultWindow:
        """Note what the bench showed of a fault that is in."""
        self._windows[number] = replace(self._windows[number], evidence=evidence)
        return self._windows[number]

    def close(self, number: int, end_s: float, *, healed: bool) -> FaultWindow:
        """Note that a fault is out, or (``healed`` false) that its healing was not seen."""
        self._windows[number] = replace(self._windows[number], end_s=end_s, healed=healed)
        return self._windows[number]

    def touching(self, start_s: float, end_s: float) -> tuple[FaultWindow, ...]:
        """The windows that share time with [start, end]."""
        return tuple(window for window in self._windows if window.start_s < end_s and window.end_s > start_s)

    def beside(self, number: int, start_s: float, end_s: float) -> tuple[str, ...]:
        """Other faults that share time with [start, end], by name; those of messages and keys change nothing of clicks."""
        others = (one for other, one in enumerate(self._windows) if other != number)
        there = (one for one in others if one.start_s < end_s and one.end_s > start_s)
        return tuple(dict.fromkeys(one.fault for one in there if not one.target.endswith(SUFFIX)))

    def cover(self, start_s: float, end_s: float) -> bool:
        """Whether some fault that spoils detections was in at every moment of [start, end]."""
        reached_s = start_s
        spoiling = [window for number, window in enumerate(self._windows) if number not in self._harmless]
        touching = [window for window in spoiling if window.start_s < end_s and window.end_s > start_s]
        for window in sorted(touching, key=lambda one: one.start_s):
            if window.start_s > reached_s:
                return False
            reached_s = max(reached_s, window.end_s)
        return reached_s >= end_s
