"""The polarisation drifts beyond what a controller holds back: bits of both bases go wrong.

The state of polarisation is turned on the Poincaré sphere by an angle a, about an axis that is in neither basis: sin²(a/2) of
the light is then in the wrong state. A waveform makes the drift: a ramp of a quarter turn in 160 s is 0.01 rad/s. The twin is
told to; hardware would take a polarisation controller. Seen in the errors of what a look sifts, or that a black box claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._errors import in_errors
from hil.faults._injection import Injection, injection
from hil.faults._polarisation import UNLESS, error_free, polarised
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "PolarisationDrift"]


@dataclass(frozen=True)
class PolarisationDrift:
    """``rotation_rad``: angle on the Poincaré sphere that it drifts to."""

    rotation_rad: float

    def __post_init__(self) -> None:
        checked(self, rotation_rad=(-math.pi, math.pi))


def _where(bench: FaultBench, way: str) -> list[tuple[str, str]]:
    polarised(bench, way, "polarisation_drift")
    return [(way, "rotation_rad")]


def _due(bench: FaultBench, way: str, settings: PolarisationDrift) -> float:
    return math.sin(settings.rotation_rad / 2.0) ** 2 * error_free(bench, way)


SPEC = injection(
    Injection(
        parameters=_where,
        becomes=lambda settings, _parameter, stood: float(stood + settings.rotation_rad),
        unless=UNLESS,
    ),
    name="polarisation-drift",
    title="The polarisation drifts (twins only)",
    settings=PolarisationDrift,
    zero="An angle of 0 rad turns nothing.",
    target_role="link",
    acts_on="the state of polarisation on the way of light of a link's twin",
    **in_errors(_due),
    ranges={
        "rotation_rad": Range(
            0.1,
            math.pi / 2.0,
            "up to a quarter turn, which leaves no key; drifts of 1e-4 to 1e-2 rad/s in buried and of 0.01 to 10 rad/s in"
            " aerial fibre (project catalogue, general knowledge)",
        )
    },
    magnitude=("rotation_rad",),
)
