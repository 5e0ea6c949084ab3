"""Superconducting detectors latch: after two clicks in too quick a succession they see nothing until their bias is reset.

A twin is told how quick is too quick and how long a reset takes. Seen in the counters, which must fall to what is left between
latching and reset (the rule is this project's own, after Kerman and others, Phys. Rev. B 79, 100509 (2009)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import unfolded
from hil.faults._detectors import counting
from hil.faults._injection import Injection, of_detectors
from hil.faults._refusal import checked
from hil.physics.latching import latching_rate
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.faults._clicks import Counted
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "Latching"]

_RATE, _RESET = "latch_rate_hz", "latch_reset_s"


@dataclass(frozen=True)
class Latching:
    """``within_s``: a click so soon after the one before latches its detector; ``silent_s``: how long it is silent then.

    Nothing comes sooner than the dead time, so ``within_s`` beyond that shows, and no less.
    """

    within_s: float = 2e-7
    silent_s: float = 1e-2

    def __post_init__(self) -> None:
        checked(self, within_s=(0.0, 1e-3), silent_s=(0.0, 10.0))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    return of_detectors(_RESET)(bench, target) + of_detectors(_RATE)(bench, target)


def _becomes(settings: Latching, parameter: str, stood: float) -> float:
    if not (settings.within_s and settings.silent_s):
        return stood
    return settings.silent_s if parameter.endswith(_RESET) else 1.0 / settings.within_s


def _counted(settings: Latching, quiet_hz: float, who: Counted) -> float:
    dead_time_s = who.declared.dead_time_s
    offered_hz = unfolded(quiet_hz / who.number, dead_time_s)
    if not offered_hz:
        return quiet_hz
    return who.number * latching_rate(offered_hz, dead_time_s, 1.0 / max(settings.within_s, 1e-12), settings.silent_s)


SPEC = counting(
    Injection(
        parameters=_parameters,
        becomes=_becomes,
        unless="it would take a bias current above what its nanowire bears, which no driver here can set",
    ),
    due=lambda settings: f"latching within {settings.within_s * 1e9:g} ns for {settings.silent_s * 1e3:g} ms",
    becomes=_counted,
    name="latching",
    title="Superconducting detectors latch after quick clicks (twins only)",
    settings=Latching,
    zero="Within 0 s nothing is too quick, and 0 s of silence is none: nothing is injected.",
    acts_on="the latching rate and reset time of a receiver's twin, all of its detectors or one",
    ranges={
        "within_s": Range(0.0, 1e-6, "nanowires recover in 10 to 100 ns; ten times that, our choice"),
        "silent_s": Range(0.0, 1.0, "a bias is reset in 1 ms to 1 s; our choice"),
    },
)
