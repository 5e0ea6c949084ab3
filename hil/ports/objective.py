"""A limit, resolved: bench file, then contract, then the indicator's default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """What an indicator is held against, declared before the measurement.

    ``limit`` is in the indicator's unit; ``confidence`` one-sided; ``source`` says where the limit comes from.
    """

    indicator: str
    limit: float | None
    unit: str
    confidence: float = 0.95
    source: Literal["bench", "contract", "default", "catalogue"] = "default"
    gate: bool = True
