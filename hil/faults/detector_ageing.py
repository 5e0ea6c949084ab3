"""Detectors are older than they were: less efficiency and more dark counts, each at a constant relative rate.

A twin is told to. Seen in the counters, which must lose what the efficiency lost and gain the dark counts. A ramp ages in fast
motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import folded, unfolded
from hil.faults._detectors import counting
from hil.faults._injection import Injection, of_detectors
from hil.faults._refusal import checked
from hil.physics.ageing import aged
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.faults._clicks import Counted
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "DetectorAgeing"]

_EFFICIENCY, _DARK = "efficiency", "dark_count_rate_hz"
_HOUR_S = 3600.0


@dataclass(frozen=True)
class DetectorAgeing:
    """``age_s``: by how much the detectors get older.

    In 1000 hours they lose ``lost_ratio`` of what efficiency they have, and gain ``gained_ratio`` of their dark counts.
    """

    age_s: float
    lost_ratio: float = 0.01
    gained_ratio: float = 0.1

    def __post_init__(self) -> None:
        checked(self, age_s=(0.0, 1e10), lost_ratio=(0.0, 0.99), gained_ratio=(0.0, 10.0))

    def left(self, value: float) -> float:
        """Of an efficiency."""
        return aged(value, -self.lost_ratio, self.age_s / _HOUR_S)

    def grown(self, value: float) -> float:
        """Of dark counts."""
        return aged(value, self.gained_ratio, self.age_s / _HOUR_S)


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    return [*of_detectors(_EFFICIENCY)(bench, target), *of_detectors(_DARK)(bench, target)]


def _becomes(settings: DetectorAgeing, parameter: str, stood: float) -> float:
    return settings.left(stood) if parameter.endswith(_EFFICIENCY) else settings.grown(stood)


def _counted(settings: DetectorAgeing, quiet_hz: float, who: Counted) -> float:
    offered_hz = unfolded(quiet_hz, who.dead_time_s)
    dark_hz = min(who.declared.dark_count_rate_hz * who.number, offered_hz)
    return folded(settings.grown(dark_hz) + settings.left(offered_hz - dark_hz), who.dead_time_s)


SPEC = counting(
    Injection(
        parameters=_parameters,
        becomes=_becomes,
        unless="it would take the time itself",
    ),
    due=lambda settings: f"{settings.age_s / _HOUR_S:g} hours more",
    becomes=_counted,
    name="detector-ageing",
    title="Detectors are older than they were (twins only)",
    settings=DetectorAgeing,
    zero="0 s older is as old as before: nothing is injected.",
    acts_on="efficiency and dark counts of a receiver's twin, all of its detectors or one",
    ranges={
        "age_s": Range(0.0, 3.2e8, "ten years in service"),
        "lost_ratio": Range(0.0, 0.02, "a fifth of the efficiency in one to two years; our choice"),
        "gained_ratio": Range(0.0, 0.2, "dark counts doubled in half a year, as under radiation in orbit; our choice"),
    },
    magnitude=("age_s",),
)
