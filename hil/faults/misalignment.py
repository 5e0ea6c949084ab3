"""The receiver's optics are out of alignment: light goes to the detector of the other bit.

The twin is told to. Hardware has no motor for it here; where its stage makes the alignment, thermal_drift moves that. Counters
do not see it, as bits are even: it is seen in the errors of what a look at detections sifts, or that a black box claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.faults._errors import in_errors
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "Misalignment"]


@dataclass(frozen=True)
class Misalignment:
    """``added_ratio``: share of the photons, on top of what there is, that goes to the detector of the other bit."""

    added_ratio: float

    def __post_init__(self) -> None:
        checked(self, added_ratio=(0.0, 0.5))


def _where(_bench: FaultBench, target: str) -> list[tuple[str, str]]:
    if "." in target:
        raise UsageError(
            f"misalignment: {target} is one detector; optics are aligned for a receiver: {target.partition('.')[0]}"
        )
    return [(target, "misalignment")]


def _due(bench: FaultBench, target: str, settings: Misalignment) -> float:
    return settings.added_ratio * (1.0 - 2.0 * float(bench.declared(target).misalignment))


SPEC = injection(
    Injection(
        parameters=_where,
        becomes=lambda settings, _parameter, stood: float(min(stood + settings.added_ratio, 0.5)),
        unless="it would take a motor in its optics, or, by thermal_drift, the stage that holds them",
    ),
    name="misalignment",
    title="A receiver's optics are out of alignment (twins only)",
    settings=Misalignment,
    zero="A share of 0 more leaves the optics as they are.",
    target_role="receiver",
    acts_on="the misalignment of a receiver's twin",
    **in_errors(_due),
    ranges={
        "added_ratio": Range(
            0.005, 0.1, "from what 8 degrees on the Poincaré sphere cost to the 10 % at which no link makes key; our choice"
        )
    },
    magnitude=("added_ratio",),
)
