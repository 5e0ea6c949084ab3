"""Who a device says it is, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Capabilities", "EvidenceLevel", "Identity"]


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
    setting by name with its unit ("attenuation_db"); ``settle_s`` is how long a move takes until it may be judged.
    """

    features: frozenset[str] = frozenset()
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    settle_s: float = 0.0
    level: EvidenceLevel | None = None
