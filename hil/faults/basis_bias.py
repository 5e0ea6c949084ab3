"""The transmitter chooses its bases with a bias: the key basis comes more or less often than declared.

The twin is told to, from the next pulse on. Seen in the share of the key basis among the settings that the transmitter tells;
of a black box in the bits of the key basis that it claims to have sifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.faults._settings_sent import changed_rate, changed_share, shows_settings
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Span

__all__ = ["SPEC", "BasisBias"]

_LEAST, _MOST = 0.01, 0.99


@dataclass(frozen=True)
class BasisBias:
    """``shift_ratio``: what is added to the probability of the key basis, or taken from it."""

    shift_ratio: float

    def __post_init__(self) -> None:
        checked(self, shift_ratio=(-0.98, 0.98))


def _shifted(settings: BasisBias, stood: float) -> float:
    return float(min(max(stood + settings.shift_ratio, _LEAST), _MOST)) if settings.shift_ratio else stood


def _found(bench: FaultBench, target: str, settings: BasisBias, spans: tuple[Span, Span], *, back: bool) -> Finding:
    declared = float(bench.declared(target).key_basis_probability)
    shifted = _shifted(settings, declared)
    if shows_settings(bench, target):
        due = declared - shifted if back else shifted - declared
        return changed_share(
            *spans, ("settings_key", "settings_sent"), due, words="the key basis among the settings sent", back=back
        )
    factor = declared / shifted if back else shifted / declared
    return changed_rate(*spans, "sifted_bits", factor, words="bits of the key basis claimed", back=back)


SPEC = injection(
    Injection(
        parameters=lambda _bench, target: [(target, "key_basis_probability")],
        becomes=lambda settings, _parameter, stood: _shifted(settings, stood),
        unless="it would take access to its random number generator",
    ),
    name="basis-bias",
    title="The transmitter chooses its bases with a bias (twins only)",
    settings=BasisBias,
    zero="A shift of 0 leaves the choice of bases as it is.",
    target_role="transmitter",
    acts_on="the probability of the key basis of a transmitter's twin",
    read=lambda bench, _target, _settings: bench.glimpse(),
    shown=lambda bench, target, settings, before, now: _found(bench, target, settings, (before, now), back=False),
    healed=lambda bench, target, settings, during, after: _found(bench, target, settings, (during, after), back=True),
    ranges={"shift_ratio": Range(-0.3, -0.03, "from the 3 % that a look of 20,000 settings is sure to show; our choice")},
    magnitude=("shift_ratio",),
)
