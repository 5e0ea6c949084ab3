"""Whether one block of somebody else's key was longer than its own counters allow.

With all counters the bound of Lim et al. 2014 is worked out again (:mod:`hil.physics.finite_key`): more key is FAIL, no more is
PASS. Without them only what no device can get around is held against it: more is FAIL, no more confirms nothing.

The least that a correction discloses: who knows only that e of n bits are wrong guesses which out of C(n, e), and k bits told
raise the chance to at most 2^k / C(n, e). So fewer than log2 C(n, e) - 50 cannot have worked, but by a chance of 1e-15.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.physics.finite_key import DecoyCounts, DecoyProof, key_bound
from hil.physics.repeaterless import repeaterless_bits_per_pulse
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.judge.counters import VendorBlock
    from hil.physics.finite_key import KeyBound

__all__ = ["QBER_THRESHOLD", "Judgement", "Limit", "judge"]

QBER_THRESHOLD = 0.11
"""Above it no one-way protocol of BB84 gives key (P. W. Shor, J. Preskill, Phys. Rev. Lett. 85, 441 (2000))."""

_LUCK_BITS = 50.0
_NONE = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Limit:
    """Something that a block is held to; ``found`` may be at most ``allowed``, ``sentence`` says it in words."""

    name: str
    found: float
    allowed: float
    sentence: str

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.found <= self.allowed


@dataclass(frozen=True)
class Judgement:
    """What became of one block: the limits it was held to, and the bound where all its terms were told.

    ``charged_bits`` is the leakage that was subtracted. ``missing`` names what would have confirmed it.
    """

    block: str
    outcome: Outcome
    reason: str
    key_bits: float
    limits: tuple[Limit, ...]
    allowed_bits: int | None = None
    bound: KeyBound | None = None
    charged_bits: float | None = None
    missing: tuple[str, ...] = ()


def judge(block: VendorBlock) -> Judgement:
    """FAIL: more optimistic than allowed. PASS: within the bound. INCONCLUSIVE: cannot confirm. SKIPPED: no key to judge."""
    charged = _charged_bits(block)
    bound = _bound(block, charged)
    allowed = None if bound is None else _allowed_bits(block, bound)
    limits = tuple(_limits(block, allowed, charged))
    outcome, reason = _decided(block, limits, allowed)
    complete = not block.missing
    return Judgement(
        block=block.block,
        outcome=outcome,
        reason=reason,
        key_bits=block.key_bits,
        limits=limits,
        allowed_bits=allowed if complete else None,
        bound=bound if complete else None,
        charged_bits=charged if complete else None,
        missing=block.missing,
    )


def _decided(block: VendorBlock, limits: tuple[Limit, ...], allowed: int | None) -> tuple[Outcome, str]:
    broken = [limit.sentence for limit in limits if not limit.kept]
    if broken:
        return Outcome.FAIL, "more optimistic than allowed: " + "; ".join(broken)
    if not block.missing and allowed is not None:
        return Outcome.PASS, f"within the bound: {block.key_bits:,.0f} of {allowed:,} bits allowed"
    if not block.key_bits:
        return Outcome.SKIPPED, "no key came out, and the counters that would say more are not told"
    held = ", ".join(limit.name for limit in limits) or "nothing, for want of numbers"
    return Outcome.INCONCLUSIVE, f"cannot confirm without {', '.join(block.missing)}; held to necessary limits only: {held}"


def _limits(block: VendorBlock, allowed: int | None, charged: float) -> Iterator[Limit]:
    out = block.key_bits
    if allowed is not None:
        yield Limit("finite-key bound", out, allowed, _over_bound(block, allowed, charged))
    yield from _sifted(block)
    pulses = None if block.pulse_rate_hz is None else block.pulse_rate_hz * block.duration_s
    if pulses is not None:
        seen = _seen_bits(block)
        words = f"{seen:,.0f} bits sifted out of {pulses:,.0f} pulses"
        yield Limit("pulses sent", seen, pulses, words)
    if pulses is not None and block.loss_db is not None:
        most = repeaterless_bits_per_pulse(block.loss_db) * pulses
        words = f"{out:,.0f} bits out, where no repeaterless link carries more than {most:,.0f} over {block.loss_db:g} dB"
        yield Limit("repeaterless bound", out, most, words)
    qber = _qber(block) if block.missing else None  # the bound has the error rates in it
    if qber is not None and out:
        words = f"key at a QBER of {100 * qber:.3g} %, above the threshold of {100 * QBER_THRESHOLD:.0f} %"
        yield Limit("QBER threshold", qber, QBER_THRESHOLD, words)


def _over_bound(block: VendorBlock, allowed: int, charged: float) -> str:
    words = f"{block.key_bits:,.0f} bits out, {allowed:,} allowed"
    if block.disclosed_bits is None or charged > block.disclosed_bits:
        told = "nothing" if block.disclosed_bits is None else f"{block.disclosed_bits:,.0f} bits"
        words += f" (disclosed by its own word: {told}; correcting these errors takes {charged:,.0f})"
    return words


def _sifted(block: VendorBlock) -> Iterator[Limit]:
    """Key comes from sifted bits that nobody was told."""
    if block.key_counts is not None:
        bits = sum(block.key_counts)
        yield Limit("sifted bits", block.key_bits, bits, f"{block.key_bits:,.0f} bits out of {bits:,.0f} sifted ones")
    if block.sifted_bits is None:
        return
    told = sum(block.test_counts or _NONE) + (block.sampled_bits or 0)
    left = block.sifted_bits - told
    used, what = (
        (block.key_bits, "bits out") if block.key_counts is None else (sum(block.key_counts), "bits counted for the key")
    )
    leave = f"{block.sifted_bits:,.0f} sifted bits less {told:,.0f} disclosed for testing leave {left:,.0f}"
    words = f"{used:,.0f} {what}, where {leave}"
    yield Limit("bits never disclosed", used, left, words)


def _seen_bits(block: VendorBlock) -> float:
    """Sifted bits of both bases, as far as they are told; those of the key are no more."""
    counted = sum(block.key_counts or _NONE) + sum(block.test_counts or _NONE)
    return max(counted, block.sifted_bits or 0, block.key_bits)


def _qber(block: VendorBlock) -> float | None:
    """The highest that is told."""
    found = [block.qber] if block.qber is not None else []
    for errors, counts in ((block.key_errors, block.key_counts), (block.test_errors, block.test_counts)):
        if errors is not None and counts is not None and sum(counts) > 0:
            found.append(sum(errors) / sum(counts))
    return max(found, default=None)


def _charged_bits(block: VendorBlock) -> float:
    """The leakage: what the device says it disclosed, and no less than the correction of its errors takes."""
    least = 0.0
    if block.key_counts is not None and block.key_errors is not None:
        pairs = zip(block.key_counts, block.key_errors, strict=True)
        least = max(0.0, math.floor(sum(_patterns_bits(n, e) for n, e in pairs) - _LUCK_BITS))
    return max(block.disclosed_bits or 0.0, least)


def _patterns_bits(bits: float, errors: float) -> float:
    """log2 C(bits, errors)."""
    return (math.lgamma(bits + 1) - math.lgamma(errors + 1) - math.lgamma(bits - errors + 1)) / math.log(2.0)


def _bound(block: VendorBlock, charged: float) -> KeyBound | None:
    """The bound, also where only the leakage is not told: then it is one that holds for the least there can be."""
    counts = _counts(block)
    if counts is None or block.intensities is None or block.probabilities is None:
        return None
    if block.epsilon_secrecy is None or block.epsilon_correctness is None:
        return None
    proof = DecoyProof(block.intensities, block.probabilities, block.epsilon_secrecy, block.epsilon_correctness)
    return key_bound(counts, proof, charged)


def _counts(block: VendorBlock) -> DecoyCounts | None:
    if block.key_counts is None or block.test_counts is None or block.test_errors is None:
        return None
    return DecoyCounts(block.key_counts, block.test_counts, block.test_errors)


def _allowed_bits(block: VendorBlock, bound: KeyBound) -> int:
    """Where Bob's side of the correction is given to the eavesdropper as the error pattern, vacuum gives no key."""
    if block.accounting == "both-directions" or not bound.length_bits:
        return bound.length_bits
    return max(0, math.floor(bound.unrounded_bits - bound.vacuum_events))
