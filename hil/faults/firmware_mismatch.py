"""A transceiver tells another firmware than the bench file pins, as after an update that nobody qualified.

It works as before: the version is all that changes. Opening the bench refuses it, `hil doctor` shows it, conformance tests its
identity, and the end of a test sees that the device is not the one that was opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import Mistake
from hil.faults._injection import Injection, injection
from hil.faults._refusal import refuse
from hil.ports.identity import firmware_code, firmware_text
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings, Span

__all__ = ["SPEC", "FirmwareMismatch"]

_PARAMETER, _TOLD = "firmware_code", "told_firmware_code"
_FORM = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}")


@dataclass(frozen=True)
class FirmwareMismatch:
    """``firmware_version``: what it tells, such as ``99.0.0``; empty for its own."""

    firmware_version: str = "99.0.0"

    def __post_init__(self) -> None:
        if self.firmware_version and not (_FORM.fullmatch(self.firmware_version) and firmware_code(self.firmware_version)):
            refuse(self, [Mistake("firmware_version", repr(self.firmware_version), "three numbers such as '99.0.0'")])


def _read(bench: FaultBench, target: str, _settings: FirmwareMismatch) -> Readings:
    return {_TOLD: bench.read(target, _TOLD)}


def _shown(bench: FaultBench, target: str, settings: FirmwareMismatch, before: Span, during: Span) -> Finding:
    told, was = (firmware_text(span.last[_TOLD]) for span in (during, before))
    pinned = bench.declared(target).firmware
    words = f"it tells firmware {told}, {was} before; the bench file pins {pinned or 'none, so that nobody minds'}"
    return Finding(told == settings.firmware_version != was, words)


def _healed(_bench: FaultBench, _target: str, _settings: FirmwareMismatch, during: Span, after: Span) -> Finding:
    told, was = (firmware_text(span.last[_TOLD]) for span in (after, during))
    return Finding(told != was, f"it tells firmware {told}, {was} with the fault")


SPEC = injection(
    Injection(
        parameters=lambda _bench, target: [(target, _PARAMETER)],
        becomes=lambda settings, _parameter, stood: firmware_code(settings.firmware_version) or stood,
        unless="it would take another firmware installed on it",
    ),
    name="firmware-mismatch",
    title="A transceiver tells another firmware than is pinned (twins only)",
    settings=FirmwareMismatch,
    zero="An empty version leaves it its own.",
    target_role="transceiver",
    acts_on="the firmware version that a transceiver's twin tells",
    read=_read,
    shown=_shown,
    healed=_healed,
    ranges={},
    look_s=0.05,
    spoils_detections=False,
)
