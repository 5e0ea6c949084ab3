"""Who a device says it is, and what it can do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Capabilities", "EvidenceLevel", "Identity", "firmware_code", "firmware_text"]

_PARTS = 3
_LARGEST = 1000


@dataclass(frozen=True)
class Identity:
    """What a device answers when asked who it is; a field it does not tell is empty."""

    vendor: str
    model: str
    serial: str
    firmware: str

    def __str__(self) -> str:
        return f"{self.vendor} {self.model} {self.serial} firmware {self.firmware or 'unknown'}"


class EvidenceLevel(IntEnum):
    """How much raw data a transceiver shows."""

    L0 = 0  # delivered keys and telemetry
    L1 = 1  # counters by basis and intensity, per block
    L2 = 2  # sifted bits, and L1
    L3 = 3  # detections


@dataclass(frozen=True)
class Capabilities:
    """What one device can do, declared by its driver and narrowed by the bench file.

    ``features`` are free words a test may require ("shutter", "dark-port"); ``ranges`` give the allowed interval of a
    setting by name with its unit ("attenuation_db"); ``settle_s`` is how long a move takes until it may be judged;
    ``boot_s`` how long it takes from power-up until it answers, and 0 where nobody should wait for that.
    """

    features: frozenset[str] = frozenset()
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    settle_s: float = 0.0
    boot_s: float = 0.0
    level: EvidenceLevel | None = None


def firmware_code(version: str) -> float:
    """A version as one number, for settings and readings, which are numbers: ``2.4.1`` is 2,004,001. 0 for none in the text.

    Its first dotted number counts, up to three parts of at most three digits.
    """
    found = re.search(r"\d{1,3}(\.\d{1,3}){0,2}(?![\d])", version)
    if found is None:
        return 0.0
    parts = [int(part) for part in found[0].split(".")]
    code = 0
    for part in [*parts, *[0] * (_PARTS - len(parts))]:
        code = code * _LARGEST + part
    return float(code)


def firmware_text(code: float) -> str:
    """The version of such a number."""
    whole = int(code)
    return f"{whole // _LARGEST**2}.{whole // _LARGEST % _LARGEST}.{whole % _LARGEST}"
