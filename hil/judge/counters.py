"""What a device exports of one block, as far as it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Accounting", "Bounds", "PerIntensity", "Protocol", "VendorBlock"]

PerIntensity = tuple[float, ...]
Protocol = Literal["bb84-decoy", "bbm92"]
Bounds = Literal["published", "exact"]
Accounting = Literal["both-directions", "error-pattern"]


@dataclass(frozen=True)
class VendorBlock:
    """One block by the device's own counters, strongest intensity first; None is what it does not tell.

    Three intensities are two decoys, two are one; pairs (``bbm92``) have none, and one count each. ``start_s`` is when the
    block began, on a clock that all blocks share.

    ``key_bits``: what left privacy amplification. ``key_counts`` and ``test_counts``: sifted bits of either basis, without
    sampled ones. ``sifted_bits``: of both bases together, before anything was disclosed;
    ``sampled_bits``: bits of the key basis that were disclosed to estimate errors. ``disclosed_bits``: by correction and
    verification, counted as ``accounting`` says.
    """

    block: str
    key_bits: float
    duration_s: float
    protocol: Protocol = "bb84-decoy"
    start_s: float | None = None
    bounds: Bounds = "published"
    intensities: PerIntensity | None = None
    probabilities: PerIntensity | None = None
    epsilon_secrecy: float | None = None
    epsilon_correctness: float | None = None
    key_counts: PerIntensity | None = None
    key_errors: PerIntensity | None = None
    test_counts: PerIntensity | None = None
    test_errors: PerIntensity | None = None
    disclosed_bits: float | None = None
    accounting: Accounting = "both-directions"
    sifted_bits: float | None = None
    sampled_bits: float | None = None
    qber: float | None = None
    pulse_rate_hz: float | None = None
    loss_db: float | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what the bound takes and the device does not tell."""
        taken = _BOUND_TAKES if self.protocol == "bb84-decoy" else _BOUND_TAKES[2:]
        return tuple(name for name in taken if getattr(self, name) is None)


_BOUND_TAKES = (
    "intensities",
    "probabilities",
    "epsilon_secrecy",
    "epsilon_correctness",
    "key_counts",
    "key_errors",
    "test_counts",
    "test_errors",
    "disclosed_bits",
)
