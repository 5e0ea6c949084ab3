"""An eavesdropper measures a share of the pulses in a random basis and sends on what she found.

C. H. Bennett, F. Bessette, G. Brassard, L. Salvail, J. Smolin, J. Cryptology 5, 3 (1992): a quarter of the sifted bits of such
pulses are wrong. Seen in the errors of what both ends would sift; the pipeline sees them in the QBER of the test basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._errors import in_errors
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "InterceptResend"]

_PARAMETER = "intercept_fraction"
_WRONG = 0.25
_PATIENCE_S = 10.0
"""For some blocks of a run, whose errors are known when they end."""


@dataclass(frozen=True)
class InterceptResend:
    """``intercept_ratio``: share of the pulses that she measures and resends, 0 to 1."""

    intercept_ratio: float

    def __post_init__(self) -> None:
        checked(self, intercept_ratio=(0.0, 1.0))


def _due(_bench: FaultBench, _target: str, settings: InterceptResend) -> float:
    return _WRONG * settings.intercept_ratio


SPEC = injection(
    Injection(
        parameters=lambda _bench, target: [(target, _PARAMETER)],
        becomes=lambda settings, _parameter, stood: max(stood, float(settings.intercept_ratio)),
        unless="it would take a receiver and a transmitter like the link's own in the middle of its fibre",
    ),
    name="intercept-resend",
    title="An eavesdropper measures pulses and sends them on (twins only)",
    settings=InterceptResend,
    zero="A share of 0 intercepts nothing.",
    target_role="link",
    acts_on="the pulses on a link's way, in its twin",
    **in_errors(_due),
    ranges={"intercept_ratio": Range(0.05, 1.0, "0.44 end key at the 11 % of Shor and Preskill (2000)")},
    magnitude=("intercept_ratio",),
    patience_s=_PATIENCE_S,
    spoils_detections=False,
)
