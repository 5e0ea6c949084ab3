"""One intensity of the transmitter is off: a driver level or a modulator's bias point has moved, the others have not.

The twin's intensity of that number is scaled. Decoy states live on the ratios of intensities: a decoy that is off makes the
bounds of single photons wrong while the QBER stays. Seen in the share of sifted bits that this intensity has in a look at the
link's detections; of a black box only in its counts, which move by less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.faults._dimming import power_ratio
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.faults._settings_sent import changed_rate, changed_share, shows_settings
from hil.ports.spec import Finding, Range, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Span

__all__ = ["SPEC", "ModeImbalance"]


@dataclass(frozen=True)
class ModeImbalance:
    """``offset_db``: by how much intensity ``intensity_number`` (0 is the strongest) is brighter, or dimmer."""

    offset_db: float
    intensity_number: float = 1

    def __post_init__(self) -> None:
        checked(self, offset_db=(-20.0, 20.0), intensity_number=(0, 15))


def _where(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    return [(target, f"{number}.intensity_scale") for number in range(len(bench.declared(target).intensities))]


def _becomes(settings: ModeImbalance, parameter: str, stood: float) -> float:
    mine = float(parameter.partition(".")[0]) == settings.intensity_number
    return float(stood * power_ratio(settings.offset_db)) if mine else stood


def _found(bench: FaultBench, target: str, settings: ModeImbalance, spans: tuple[Span, Span], factor: float) -> Finding:
    declared = bench.declared(target)
    light = [mu * often for mu, often in zip(declared.intensities, declared.intensity_probabilities, strict=True)]
    number = int(settings.intensity_number)
    share = light[number] / sum(light)
    grown = 1.0 + share * (power_ratio(settings.offset_db) - 1.0)
    if not shows_settings(bench, target):
        return changed_rate(
            *spans, "sampled_clicks", grown if factor > 0 else 1.0 / grown, words="clicks claimed", back=factor < 0.0
        )
    due = (share * power_ratio(settings.offset_db) / grown - share) * factor
    return changed_share(
        *spans, (f"bits.{number}", "sifted_bits"), due, words=f"sifted bits of intensity {number}", back=factor < 0.0
    )


def _plan(bench: FaultBench, target: str, settings: ModeImbalance) -> tuple[Undo, ...]:
    last = len(bench.declared(target).intensities) - 1
    if settings.intensity_number not in range(last + 1):
        raise UsageError(f"mode_imbalance: {target} has no intensity {settings.intensity_number:g}; expected 0 to {last}")
    return _INJECTION.plan(bench, target, settings)


_INJECTION = injection(
    Injection(
        parameters=_where,
        becomes=_becomes,
        unless="it would take access to its modulator",
    ),
    name="mode-imbalance",
    title="One intensity of the transmitter is off (twins only)",
    settings=ModeImbalance,
    zero="An offset of 0 dB leaves every intensity as it is.",
    target_role="transmitter",
    acts_on="one intensity of a transmitter's twin",
    read=lambda bench, _target, _settings: bench.glimpse(),
    shown=lambda bench, target, settings, before, now: _found(bench, target, settings, (before, now), 1.0),
    healed=lambda bench, target, settings, during, after: _found(bench, target, settings, (during, after), -1.0),
    ranges={
        "offset_db": Range(0.5, 3.0, "up to twice the light; proofs allow for some per cent; our choice"),
        "intensity_number": Range(0, 1, "the signal and the first decoy; a vacuum state has no light to be off"),
    },
    magnitude=("offset_db",),
)

SPEC = replace(_INJECTION, plan=_plan)
