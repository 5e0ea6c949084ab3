"""Detectors see less of the light: their efficiency falls by a share of what it was.

Where every detector of the target has a control unit whose bias can be set, the bias is lowered, inside its envelope: the
efficiency of InGaAs diodes grows about in proportion to the bias above breakdown (J. Zhang et al., Light: Science &
Applications 4, e286 (2015)), which is taken to lie at nine tenths of where the bias stands. A twin without units is told. Seen
in the counters: of what dark counts do not explain they must lose that share, dead time considered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import folded, unfolded
from hil.faults._detectors import counting, units
from hil.faults._injection import Injection, of_detectors
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.faults._clicks import Counted
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "EfficiencyLoss"]

_BIAS = "bias_v"
_EXCESS = 0.1
"""Share of the bias that lies above breakdown."""


@dataclass(frozen=True)
class EfficiencyLoss:
    """``loss_ratio``: share of the efficiency that each detector of the target loses."""

    loss_ratio: float

    def __post_init__(self) -> None:
        checked(self, loss_ratio=(0.0, 1.0))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    return units(bench, target, _BIAS) or of_detectors("efficiency")(bench, target)


def _becomes(settings: EfficiencyLoss, parameter: str, stood: float) -> float:
    if parameter == _BIAS:
        return round(stood * (1.0 - _EXCESS * settings.loss_ratio), 1) if settings.loss_ratio else stood
    return stood * (1.0 - settings.loss_ratio)


def _counted(settings: EfficiencyLoss, quiet_hz: float, who: Counted) -> float:
    offered_hz = unfolded(quiet_hz, who.dead_time_s)
    dark_hz = min(who.declared.dark_count_rate_hz * who.number, offered_hz)
    return folded(dark_hz + (offered_hz - dark_hz) * (1.0 - settings.loss_ratio), who.dead_time_s)


SPEC = counting(
    Injection(
        parameters=_parameters,
        becomes=_becomes,
        unless="it would take a control unit of every detector whose bias can be lowered inside its envelope",
    ),
    due=lambda settings: f"a loss of {settings.loss_ratio:.0%} of the efficiency",
    becomes=_counted,
    name="efficiency-loss",
    title="Detectors lose efficiency",
    settings=EfficiencyLoss,
    zero="A share of 0 is no loss: nothing is moved.",
    acts_on="the bias of the detectors' control units, or the efficiency of a receiver's twin, all of its detectors or one",
    ranges={
        "loss_ratio": Range(0.0, 0.9, "InGaAs diodes are run at 10 to 25 % and still click at 2 % (Zhang et al. 2015)"),
    },
    magnitude=("loss_ratio",),
)
