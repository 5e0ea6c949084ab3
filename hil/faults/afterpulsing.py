"""Clicks leave more afterpulses: a colder diode, or a higher bias, whose traps fill.

A twin is told to. Seen in the counters, which must rise by the afterpulses of afterpulses that dead time lets through; besides
in the Fano factor of counts in equal gates, (1 + p) / (1 - p), and in the QBER, to which half of p is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import unfolded
from hil.faults._detectors import counting
from hil.faults._injection import Injection, of_detectors
from hil.faults._refusal import checked
from hil.physics.dead_time import with_afterpulses
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.faults._clicks import Counted
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "Afterpulsing"]

_PROBABILITY, _DECAY = "afterpulse_probability", "afterpulse_decay_s"


@dataclass(frozen=True)
class Afterpulsing:
    """``added_ratio``: added to the chance that a click leaves an afterpulse; ``decay_s``: its mean delay, 0 for as it is."""

    added_ratio: float
    decay_s: float = 0.0

    def __post_init__(self) -> None:
        checked(self, added_ratio=(0.0, 0.5), decay_s=(0.0, 1e-2))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    return [*of_detectors(_PROBABILITY)(bench, target), *of_detectors(_DECAY)(bench, target)]


def _becomes(settings: Afterpulsing, parameter: str, stood: float) -> float:
    if parameter.endswith(_PROBABILITY):
        return stood + settings.added_ratio
    return settings.decay_s if settings.decay_s and settings.added_ratio else stood


def _counted(settings: Afterpulsing, quiet_hz: float, who: Counted) -> float:
    had = who.declared.afterpulse_probability
    first_hz = max(unfolded(quiet_hz, who.dead_time_s) - had * quiet_hz, 0.0)
    return with_afterpulses(first_hz, who.dead_time_s, had + settings.added_ratio)


SPEC = counting(
    Injection(
        parameters=_parameters,
        becomes=_becomes,
        unless="it would take a detector's temperature and hold-off, far outside of where it is run",
    ),
    due=lambda settings: f"{settings.added_ratio:.1%} more afterpulses a click",
    becomes=_counted,
    name="afterpulsing",
    title="Clicks leave more afterpulses (twins only)",
    settings=Afterpulsing,
    zero="A chance of 0 more leaves the detector as it is: nothing is injected.",
    acts_on="the afterpulse probability and decay of a receiver's twin, all of its detectors or one",
    ranges={
        "added_ratio": Range(0.0, 0.1, "1 to 10 % are common in gated InGaAs diodes; our choice"),
        "decay_s": Range(0.0, 2.4e-6, "1.1 to 2.4 us are common in gated InGaAs diodes; our choice; 0: as it is"),
    },
    magnitude=("added_ratio",),
)
