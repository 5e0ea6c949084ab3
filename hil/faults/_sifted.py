"""Error ratios and shares of intensities out of running sums of sifted bits, and how sure a difference between two is."""

from __future__ import annotations

import math

from hil.ports.spec import Span

__all__ = ["FEWEST_BITS", "LOOK_S", "PATIENCE_S", "accordingly", "decoy_share", "difference", "honest_before", "qber"]

LOOK_S = 2.2
"""A run's blocks are whole seconds as a rule: one lies inside."""
PATIENCE_S = 10.0

FEWEST_BITS = 500.0
"""With fewer on either side nothing is judged yet."""
_SURE = 5.0
_ACCORDINGLY = (0.5, 2.0)


def honest_before(before: Span) -> Span:
    """What there was before the fault: of the look, or, where no block ended in it, of all that was seen of the test so far."""
    if _sum(before, "bits.") >= FEWEST_BITS:
        return before
    return Span(dict.fromkeys(before.last, 0.0), before.last)


def qber(span: Span) -> tuple[float, float]:
    """Errors among the sifted bits of both bases, and how many bits these are."""
    return _share(span, "errors.", "bits.")


def decoy_share(span: Span) -> tuple[float, float]:
    """Share of pulses of the second intensity among the sifted bits of the two strongest, and how many bits these are."""
    strong, weak = (_sum(span, "bits.", f".{number}") for number in (0, 1))
    return (weak / (strong + weak) if strong + weak else 0.0), strong + weak


def difference(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """``one`` less ``other``, both a share and a number of bits; and in standard deviations, zero where either has few bits."""
    (first, first_bits), (second, second_bits) = one, other
    if min(first_bits, second_bits) < FEWEST_BITS:
        return first - second, 0.0
    pooled = (first * first_bits + second * second_bits) / (first_bits + second_bits)
    # none seen might as well have been one
    variance = max(pooled * (1.0 - pooled), 1.0 / (first_bits + second_bits)) * (1.0 / first_bits + 1.0 / second_bits)
    return first - second, (first - second) / math.sqrt(variance)


def accordingly(found: float, sigmas: float, expected: float) -> bool:
    """Whether a change is as sure as it has to be, and from half to twice of what is expected."""
    low, high = sorted(share * expected for share in _ACCORDINGLY)
    return abs(sigmas) > _SURE and low <= found <= high


def _share(span: Span, of: str, among: str) -> tuple[float, float]:
    bits = _sum(span, among)
    return (_sum(span, of) / bits if bits else 0.0), bits


def _sum(span: Span, begins: str, ends: str = "") -> float:
    return sum(span.change(name) for name in span.last if name.startswith(begins) and name.endswith(ends))
