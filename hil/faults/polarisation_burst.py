"""The polarisation spins in bursts, as lightning makes it in an overhead ground wire: too fast for any controller.

A burst begins at every whole multiple of a time and turns the state on the Poincaré sphere about an axis that is in neither
basis; with its end the state is back. On average over bursts of many turns half of their light is wrong. The twin is told to;
hardware would take a polarisation controller. Seen in the errors of looks that cover a whole cycle, or that a black box claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import Mistake
from hil.faults._errors import in_errors
from hil.faults._injection import Injection, injection
from hil.faults._polarisation import UNLESS, error_free, polarised
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "PolarisationBurst"]


@dataclass(frozen=True)
class PolarisationBurst:
    """``burst_s`` of every ``every_s`` the state turns ``spin_hz`` times a second."""

    burst_s: float
    every_s: float = 0.1
    spin_hz: float = 1e3

    def __post_init__(self) -> None:
        longer = self.burst_s > self.every_s
        also = [Mistake("burst_s", f"{self.burst_s:g}", f"at most every_s, {self.every_s:g}")] if longer else []
        checked(self, also, burst_s=(0.0, 1.0), every_s=(1e-3, 1.0), spin_hz=(0.0, 1e7))


def _where(bench: FaultBench, way: str) -> list[tuple[str, str]]:
    polarised(bench, way, "polarisation_burst")
    return [(way, name) for name in ("burst_rate_rad_per_s", "burst_every_s", "burst_s")]


def _becomes(settings: PolarisationBurst, parameter: str, stood: float) -> float:
    if not (settings.burst_s and settings.spin_hz):
        return stood
    rate = 2.0 * math.pi * settings.spin_hz
    return {"burst_rate_rad_per_s": rate, "burst_every_s": settings.every_s}.get(parameter, settings.burst_s)


def _due(bench: FaultBench, way: str, settings: PolarisationBurst) -> float:
    """Mean of sin² of half the angle over a burst, times the share of time that bursts take."""
    angle = 2.0 * math.pi * settings.spin_hz * settings.burst_s
    return 0.5 * (1.0 - math.sin(angle) / angle) * settings.burst_s / settings.every_s * error_free(bench, way)


SPEC = injection(
    Injection(parameters=_where, becomes=_becomes, unless=UNLESS),
    name="polarisation-burst",
    title="The polarisation spins in bursts (twins only)",
    settings=PolarisationBurst,
    zero="A burst of 0 s, or one that turns 0 times a second, turns nothing.",
    target_role="link",
    acts_on="the state of polarisation on the way of light of a link's twin",
    **in_errors(_due, at_least_s=lambda settings: settings.every_s),
    ranges={
        "burst_s": Range(1e-3, 0.1, "1 to 100 ms of a stroke; general knowledge"),
        "every_s": Range(0.1, 1.0, "as often as a look can cover; our choice"),
        "spin_hz": Range(1.0, 8e5, "up to the 5.1 Mrad/s seen in an overhead ground wire in lightning (project catalogue)"),
    },
    magnitude=("burst_s",),
)
