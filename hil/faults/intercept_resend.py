"""An eavesdropper measures a share of the pulses in a random basis and sends on what she found.

C. H. Bennett, F. Bessette, G. Brassard, L. Salvail, J. Smolin, J. Cryptology 5, 3 (1992): a quarter of the sifted bits of such
pulses are wrong. Seen in the errors of what both ends would sift; the pipeline sees them in the QBER of the test basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._injection import Injection, checked, injection
from hil.faults._sifted import LOOK_S, PATIENCE_S, accordingly, difference, honest_before, qber
from hil.ports.spec import Finding, Range, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "InterceptResend"]

_PARAMETER = "intercept_fraction"
_WRONG = 0.25


@dataclass(frozen=True)
class InterceptResend:
    """``intercept_ratio``: share of the pulses that she measures and resends, 0 to 1."""

    intercept_ratio: float

    def __post_init__(self) -> None:
        checked(self, intercept_ratio=(0.0, 1.0))


def _parameters(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    bench.sifted(target)  # from now on blocks are looked at
    return [(target, _PARAMETER)]


def _read(bench: FaultBench, target: str, _settings: InterceptResend) -> Readings:
    return bench.sifted(target)


def _shown(_bench: FaultBench, target: str, settings: InterceptResend, before: Span, during: Span) -> Finding:
    return _compared(target, settings, honest=honest_before(before), attacked=during, than="before")


def _healed(_bench: FaultBench, target: str, settings: InterceptResend, during: Span, after: Span) -> Finding:
    return _compared(target, settings, honest=after, attacked=during, than="after healing")


def _compared(_target: str, settings: InterceptResend, *, honest: Span, attacked: Span, than: str) -> Finding:
    (quiet, bits), (loud, _) = qber(honest), qber(attacked)
    rise, sigmas = difference(qber(attacked), qber(honest))
    expected = settings.intercept_ratio * (_WRONG - quiet / 2.0)  # of which a half would have been errors anyway
    words = (
        f"QBER {loud:.2%}, {quiet:.2%} {than} (of {bits:.0f} bits; {sigmas:.1f} standard deviations, expected {expected:+.2%})"
    )
    return Finding(accordingly(rise, sigmas, expected), words)


SPEC = injection(
    Injection(
        parameters=_parameters,
        becomes=lambda settings, _parameter, stood: max(stood, float(settings.intercept_ratio)),
        unless="it would take a receiver and a transmitter like the link's own in the middle of its fibre",
    ),
    name="intercept-resend",
    title="An eavesdropper measures pulses and sends them on (twins only)",
    settings=InterceptResend,
    zero="A share of 0 intercepts nothing.",
    target_role="link",
    acts_on="the pulses on a link's way, in its twin",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={"intercept_ratio": Range(0.05, 1.0, "0.44 end key at the 11 % of Shor and Preskill (2000)")},
    magnitude=("intercept_ratio",),
    patience_s=PATIENCE_S,
    look_s=LOOK_S,
)
