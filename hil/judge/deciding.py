"""Whether one block of somebody else's key was longer than its own counters allow.

With all counters the bound is worked out again (:mod:`hil.judge.bounds`): more key is FAIL, no more is PASS. Without them only
what no device can get around is held against it: more is FAIL, no more confirms nothing.

The least that a correction discloses: who knows only that e of n bits are wrong guesses which out of C(n, e), and k bits told
raise the chance to at most 2^k / C(n, e). So fewer than log2 C(n, e) - 50 cannot have worked, but by a chance of 1e-15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.judge.bounds import bound_of, gain_excess
from hil.physics.repeaterless import repeaterless_bits_per_pulse
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.judge.bounds import Bound
    from hil.judge.counters import VendorBlock

__all__ = ["QBER_THRESHOLD", "Judgement", "Limit", "judge"]

QBER_THRESHOLD = 0.11
"""Above it no one-way protocol of BB84 gives key (P. W. Shor, J. Preskill, Phys. Rev. Lett. 85, 441 (2000))."""

_DEVIATIONS = 6.6
"""A normal variable is beyond so many with a chance of 2e-11."""


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

    ``missing`` names what would have confirmed it.
    """

    block: str
    outcome: Outcome
    reason: str
    key_bits: float
    limits: tuple[Limit, ...]
    bound: Bound | None = None
    missing: tuple[str, ...] = ()

    @property
    def allowed_bits(self) -> int | None:
        """By the bound; None without one."""
        return None if self.bound is None else self.bound.allowed_bits


def judge(block: VendorBlock, *, epsilon_secrecy: float | None = None, among: tuple[Limit, ...] = ()) -> Judgement:
    """FAIL: more optimistic than allowed. PASS: within the bound. INCONCLUSIVE: cannot confirm. SKIPPED: no key to judge.

    ``epsilon_secrecy``: what the key has to promise at least; ``among``: limits that the block is held to among the others of
    its file (:mod:`hil.judge.together`).
    """
    bound = bound_of(block, epsilon_secrecy)
    limits = (*_limits(block, bound), *among)
    outcome, reason = _decided(block, limits, bound)
    told = None if block.missing else bound
    return Judgement(block.block, outcome, reason, block.key_bits, limits, told, block.missing)


def _decided(block: VendorBlock, limits: tuple[Limit, ...], bound: Bound | None) -> tuple[Outcome, str]:
    broken = [limit.sentence for limit in limits if not limit.kept]
    if broken:
        return Outcome.FAIL, "more optimistic than allowed: " + "; ".join(broken)
    if not block.missing and bound is not None:
        within = f"within the bound: {block.key_bits:,.0f} of {bound.allowed_bits:,} bits allowed"
        if block.accounting == "error-pattern" and block.key_bits:
            return (
                Outcome.INCONCLUSIVE,
                f"cannot confirm: {within}, with one direction of the correction charged: unproven",
            )
        return Outcome.PASS, within
    if not block.key_bits:
        return Outcome.SKIPPED, "no key came out, and the counters that would say more are not told"
    held = ", ".join(limit.name for limit in limits) or "nothing, for want of numbers"
    return Outcome.INCONCLUSIVE, f"cannot confirm without {', '.join(block.missing)}; held to necessary limits only: {held}"


def _limits(block: VendorBlock, bound: Bound | None) -> Iterator[Limit]:
    out = block.key_bits
    if bound is not None:
        yield Limit("finite-key bound", out, bound.allowed_bits, _over_bound(block, bound))
    yield from _possible(block, bound)
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


def _possible(block: VendorBlock, bound: Bound | None) -> Iterator[Limit]:
    """Counters that no channel gives are false; a bound worked out from them would mean nothing."""
    if block.intensities is None or block.probabilities is None:
        return
    if bound is not None and block.key_counts is not None:
        counted = sum(block.key_counts)
        words = (
            f"at least {bound.events:,.0f} single photons by the decoys, among {counted:,.0f} events: the counters are false"
        )
        yield Limit("single photons", bound.events, counted, words)
    for basis in ("key", "test"):
        excess = gain_excess(block, basis)
        words = f"{basis}_counts of a weaker intensity too high for the stronger ones, by {excess:.3g} standard deviations"
        yield Limit(f"{basis} counts of the intensities", excess, _DEVIATIONS, words)


def _over_bound(block: VendorBlock, bound: Bound) -> str:
    words = f"{block.key_bits:,.0f} bits out, {bound.allowed_bits:,} allowed"
    if block.disclosed_bits is None or bound.charged_bits > block.disclosed_bits:
        told = "nothing" if block.disclosed_bits is None else f"{block.disclosed_bits:,.0f} bits"
        words += f" (disclosed by its own word: {told}; correcting these errors takes {bound.charged_bits:,.0f})"
    return words


def _sifted(block: VendorBlock) -> Iterator[Limit]:
    """Key comes from sifted bits that nobody was told."""
    if block.key_counts is not None:
        bits = sum(block.key_counts)
        yield Limit("sifted bits", block.key_bits, bits, f"{block.key_bits:,.0f} bits out of {bits:,.0f} sifted ones")
    if block.sifted_bits is None:
        return
    told = sum(block.test_counts or ()) + (block.sampled_bits or 0)
    left = block.sifted_bits - told
    used, what = (
        (block.key_bits, "bits out") if block.key_counts is None else (sum(block.key_counts), "bits counted for the key")
    )
    leave = f"{block.sifted_bits:,.0f} sifted bits less {told:,.0f} disclosed for testing leave {left:,.0f}"
    words = f"{used:,.0f} {what}, where {leave}"
    yield Limit("bits never disclosed", used, left, words)


def _seen_bits(block: VendorBlock) -> float:
    """Sifted bits of both bases, as far as they are told; those of the key are no more."""
    counted = sum(block.key_counts or ()) + sum(block.test_counts or ())
    return max(counted, block.sifted_bits or 0, block.key_bits)


def _qber(block: VendorBlock) -> float | None:
    """The highest that is told."""
    found = [block.qber] if block.qber is not None else []
    for errors, counts in ((block.key_errors, block.key_counts), (block.test_errors, block.test_counts)):
        if errors is not None and counts is not None and sum(counts) > 0:
            found.append(sum(errors) / sum(counts))
    return max(found, default=None)
