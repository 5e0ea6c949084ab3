"""Bright light blinds the detectors: they see no single photons any more, and click for bright pulses an eavesdropper sends.

A twin of a link that prepares pulses is told to; on hardware it is refused always, as such light may kill detectors. Seen in
the counters: they change for sure, and stay far below what the light would give detectors that still saw it. In blocks the
trace is counts without more errors (an active receiver), no dark counts, and light on a power meter behind the fibre.

Source: L. Lydersen and others, Nature Photonics 4, 686 (2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError, UsageError
from hil.faults._clicks import SURE, counted_s, darkened, difference_sigma, lit_clicks, total_hz
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.faults._timing import only_where
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings, Span

__all__ = ["SPEC", "Blinding"]

_HALF = 0.5


@dataclass(frozen=True)
class Blinding:
    """``power_w``: continuous light that enters the path where the fibre or the air ends."""

    power_w: float

    def __post_init__(self) -> None:
        checked(self, power_w=(0.0, 1.0))


def _check(bench: FaultBench, target: str, settings: Blinding) -> None:
    """MissingCapabilityError on hardware and on pairs; UsageError for light that would be seen instead of blinding."""
    link, receiver = bench.declared(target), bench.receiver_behind(target)
    try:
        threshold_w = bench.read(receiver, "blinding_threshold_w")
    except MissingCapabilityError as error:
        raise MissingCapabilityError(
            f"blinding: {receiver} is real, and light that blinds a detector may kill it. Run it on the twin (--hil-simulate)"
        ) from error
    if link.entangled:
        raise MissingCapabilityError(f"blinding: {link.source} sends pairs, and no bright light is simulated on their way")
    reaching_w = settings.power_w * 10.0 ** (-_behind_db(bench, link, receiver) / 10.0)
    if 0.0 < reaching_w < threshold_w:
        raise UsageError(
            f"blinding: of {settings.power_w:g} W {reaching_w:.3g} W reach {receiver}, whose detectors go blind from"
            f" {threshold_w:.3g} W on; expected {settings.power_w * threshold_w / reaching_w:.3g} W or more"
        )


def _behind_db(bench: FaultBench, link: object, receiver: str) -> float:
    """Loss between where she sits and the detectors, as the devices stand."""
    path, element = link.path, link.element  # type: ignore[attr-defined]
    begin = max((path.index(channel) + 1 for channel in ("fibre", "free-space") if channel in path), default=0)
    loss_db = float(bench.declared(receiver).insertion_loss_db)
    for name in path[begin:]:
        if name in element:
            loss_db += element[name].loss_db
        elif name in bench.devices_of_role("attenuator"):
            loss_db += bench.read(name, "attenuation_db")
        else:
            declared = bench.declared(name)
            loss_db += getattr(declared, "insertion_loss_db", 0.0) + getattr(declared, "tap_loss_db", 0.0)
            if name in bench.devices_of_role("switch") and bench.read(name, "channel") != declared.through_channel:
                loss_db += declared.isolation_db
    return loss_db


def _read(bench: FaultBench, target: str, _settings: Blinding) -> Readings:
    return lit_clicks(bench, bench.receiver_behind(target))


def _shown(bench: FaultBench, target: str, _settings: Blinding, before: Span, during: Span) -> Finding:
    if blind := darkened(during):
        return Finding(shown=False, words=blind)
    return _compared(bench, target, before, during)


def _healed(bench: FaultBench, target: str, _settings: Blinding, during: Span, after: Span) -> Finding:
    if blind := darkened(during) or darkened(after):
        return Finding(shown=True, words=blind)
    return _compared(bench, target, after, during)


def _compared(bench: FaultBench, target: str, quiet: Span, blinded: Span) -> Finding:
    receiver = bench.declared(bench.receiver_behind(target))
    quiet_hz, blinded_hz = total_hz(quiet), total_hz(blinded)
    sigma_hz = difference_sigma(quiet_hz, counted_s(quiet), blinded_hz, counted_s(blinded))
    saturated_hz = len(receiver.detectors) / max(receiver.dead_time_s, 1e-12)
    words = (
        f"{blinded_hz:.0f} Hz of counts, {quiet_hz:.0f} Hz without ({abs(blinded_hz - quiet_hz) / sigma_hz:.1f} standard"
        f" deviations); detectors that saw the light would count {saturated_hz:.0f} Hz"
    )
    return Finding(abs(blinded_hz - quiet_hz) > SURE * sigma_hz and blinded_hz < _HALF * saturated_hz, words)


SPEC = only_where(
    injection(
        Injection(
            parameters=lambda _bench, target: [(target, "blinding_power_w")],
            becomes=lambda settings, _parameter, stood: settings.power_w or float(stood),
            unless="light that blinds a detector may kill it",
        ),
        name="blinding",
        title="Bright light blinds the detectors (twins only)",
        settings=Blinding,
        zero="0 W blinds nobody: nothing is injected.",
        target_role="link",
        acts_on="an eavesdropper's continuous light at the end of the fibre of a twin",
        read=_read,
        shown=_shown,
        healed=_healed,
        ranges={"power_w": Range(0.0, 0.1, "0.4 to 2 mW at the detectors (Lydersen and others 2010), through 0 to 17 dB")},
    ),
    _check,
)
