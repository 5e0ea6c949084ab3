"""What a device exports of one block, as far as it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Accounting", "Triple", "VendorBlock"]

Triple = tuple[float, float, float]
Accounting = Literal["both-directions", "error-pattern"]


@dataclass(frozen=True)
class VendorBlock:
    """One block by the device's own counters, strongest intensity first; None is what it does not tell.

    ``key_bits``: what left privacy amplification. ``key_counts`` and ``test_counts``: sifted bits of either basis, without
    sampled ones. ``sifted_bits``: of both bases together, before anything was disclosed;
    ``sampled_bits``: bits of the key basis that were disclosed to estimate errors. ``disclosed_bits``: by correction and
    verification, counted as ``accounting`` says.
    """

    block: str
    key_bits: float
    duration_s: float
    intensities: Triple | None = None
    probabilities: Triple | None = None
    epsilon_secrecy: float | None = None
    epsilon_correctness: float | None = None
    key_counts: Triple | None = None
    key_errors: Triple | None = None
    test_counts: Triple | None = None
    test_errors: Triple | None = None
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
        return tuple(name for name in _BOUND_TAKES if getattr(self, name) is None)


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
