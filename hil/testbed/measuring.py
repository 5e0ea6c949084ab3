"""Measurements over a link that make no key: count rates, gaps between clicks, and the devices' own logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.ports.run import Availability, CalibrationLog, CountGates, InterClickGaps
    from hil.testbed.link import Link

__all__ = ["count_gates", "inter_click_gaps", "watch"]


def count_gates(link: Link, condition: str, gates: int, gate: str | float) -> list[CountGates]:
    raise NotImplementedError


def inter_click_gaps(link: Link, duration: str | float) -> list[InterClickGaps]:
    raise NotImplementedError


def watch(link: Link, duration: str | float) -> tuple[Availability, CalibrationLog]:
    raise NotImplementedError
