"""The transmitter's random number generator is weak: it stutters, and a pulse has the setting of the one before once more.

The twin is told to, from the next pulse on. Rates, QBER and keys stay as they are, which is what makes it dangerous. Seen in
how often neighbouring pulses have the same setting, as the transmitter tells it; a black box shows nothing of it: a skip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.faults._settings_sent import changed_share, must_show
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Span

__all__ = ["SPEC", "WeakQrng"]

_MOST = 0.95


@dataclass(frozen=True)
class WeakQrng:
    """``repeat_ratio``: how often a pulse has the setting of the one before, beside by chance."""

    repeat_ratio: float

    def __post_init__(self) -> None:
        checked(self, repeat_ratio=(0.0, _MOST))


def _where(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    must_show(bench, target, "weak_qrng")
    return [(target, "repeat_probability")]


def _found(bench: FaultBench, target: str, settings: WeakQrng, spans: tuple[Span, Span], sign: float) -> Finding:
    declared = bench.declared(target)
    bit, key = declared.bit_one_probability, declared.key_basis_probability
    by_chance = sum(often**2 for often in declared.intensity_probabilities)
    by_chance *= (bit**2 + (1.0 - bit) ** 2) * (key**2 + (1.0 - key) ** 2)
    due = sign * settings.repeat_ratio * (1.0 - by_chance)
    return changed_share(
        *spans, ("settings_repeated", "settings_sent"), due, words="settings like those of the pulse before", back=sign < 0.0
    )


SPEC = injection(
    Injection(
        parameters=_where,
        becomes=lambda settings, _parameter, stood: settings.repeat_ratio or stood,
        unless="it would take access to its random number generator",
    ),
    name="weak-qrng",
    title="The transmitter's random numbers repeat themselves (twins only)",
    settings=WeakQrng,
    zero="A share of 0 repeats nothing.",
    target_role="transmitter",
    acts_on="the settings that a transmitter's twin chooses",
    read=lambda bench, _target, _settings: bench.glimpse(),
    shown=lambda bench, target, settings, before, now: _found(bench, target, settings, (before, now), 1.0),
    healed=lambda bench, target, settings, during, after: _found(bench, target, settings, (during, after), -1.0),
    ranges={"repeat_ratio": Range(0.02, 0.5, "from the least that a look of 20,000 settings shows; our choice")},
    magnitude=("repeat_ratio",),
)
