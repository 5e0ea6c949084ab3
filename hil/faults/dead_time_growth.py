"""Detectors are dead for longer after each click: quenching or its electronics got slow.

A twin is told to. Seen in the counters, which must lose what the longer dead time takes (non-paralysable, n / (1 + n tau)), so
that a detector which counts little shows nothing; and, by the indicator ``dead_time``, in the gaps between clicks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import folded, unfolded
from hil.faults._detectors import counting
from hil.faults._injection import Injection, of_detectors
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.faults._clicks import Counted

__all__ = ["SPEC", "DeadTimeGrowth"]


@dataclass(frozen=True)
class DeadTimeGrowth:
    """``added_s``: what each detector of the target gets on top of its dead time."""

    added_s: float

    def __post_init__(self) -> None:
        checked(self, added_s=(0.0, 1e-3))


def _counted(settings: DeadTimeGrowth, quiet_hz: float, who: Counted) -> float:
    return folded(unfolded(quiet_hz, who.dead_time_s), who.dead_time_s + settings.added_s / who.number)


SPEC = counting(
    Injection(
        parameters=of_detectors("dead_time_s"),
        becomes=lambda settings, _parameter, stood: float(stood + settings.added_s),
        unless="it would take a control unit whose hold-off can be set, which no driver here has",
    ),
    due=lambda settings: f"{settings.added_s * 1e9:g} ns more dead time",
    becomes=_counted,
    name="dead-time-growth",
    title="Detectors are dead for longer after each click (twins only)",
    settings=DeadTimeGrowth,
    zero="0 s more is the dead time there was: nothing is injected.",
    acts_on="the dead time of a receiver's twin, all of its detectors or one",
    ranges={"added_s": Range(0.0, 2e-5, "InGaAs diodes are commonly held off for 10 to 20 us; our choice")},
    magnitude=("added_s",),
)
