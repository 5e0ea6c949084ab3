"""Whether a block may give key, as both parties work it out from the same numbers, in words when it may not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hil.pipeline.estimation import entropy_of, longer_by
from hil.pipeline.proof import without_proof
from hil.pipeline.reasons import NoKeyError
from hil.pipeline.verification import CHECK_BITS, collision_chance

if TYPE_CHECKING:
    from hil.pipeline.account import Account
    from hil.pipeline.estimation import SiftedCounts
    from hil.pipeline.proof import Proof
    from hil.pipeline.settings import DistillSettings, EntangledSettings

__all__ = ["allow_correction", "allow_release", "expected_leak_bits", "first_key_factor", "key_sentence"]

_ASSUMED_EFFICIENCY = 1.15


def allow_correction(account: Account, promise: Proof[Any] | None, *, only_in_fault: bool) -> None:
    """After sifting: NoKeyError where correcting the block would be for nothing."""
    context, announced = account.context, account.announced
    faults = " and ".join(context.faults) or "a fault"
    if announced is None or announced.clicks == 0:
        during = f" ({faults} was in)" if context.faults else ""
        if announced is not None and announced.lost:
            raise NoKeyError(
                None, f"no synchronisation: none of {announced.lost:,} clicks could be assigned to a pulse{during}"
            )
        raise NoKeyError(None, f"no detections at all in this block of {_seconds(context.live_s)}{during}")
    counts = account.counts
    if not sum(counts.key) or not sum(counts.test):
        basis = "key" if not sum(counts.key) else "test"
        raise NoKeyError(None, f"of {announced.clicks:,} clicks sifting left no bit in the {basis} basis")
    _within_limit(counts.test_qber, account.settings.qber_limit, "test")
    if promise is None:
        raise NoKeyError(None, f"no proof covers this source: {without_proof(account.settings)}")
    account.estimate = promise.estimate(counts)
    ideal = sum(counts.key) * entropy_of(min(counts.test_qber, 0.5))
    if not _length(account, promise, ideal + CHECK_BITS):
        raise NoKeyError(None, _too_short(account, promise))
    if only_in_fault:  # last: what the parties would refuse of themselves they have refused by now
        account.barred = True
        raise NoKeyError(None, f"every detection of this block was made while {faults} was in")


def allow_release(account: Account, promise: Proof[Any] | None) -> int:
    """After correction: how many bits may be released; NoKeyError when none."""
    assert promise is not None
    _within_limit(account.key_qber, account.settings.qber_limit, "key")
    chance, promised = collision_chance(sum(account.key)), account.settings.epsilon_correctness
    if chance > promised:
        said = f"may pass keys that differ with a chance of {chance:.2g}, above the epsilon_correctness of {promised:.2g}"
        raise NoKeyError(None, f"the verification hash of {sum(account.key):,} bits {said}")
    account.check_bits = CHECK_BITS
    # the errors of the key basis are counted by now, which the bound for one decoy takes; no key without the verification
    account.estimate = promise.estimate(account.counts)
    account.allowed_bits = _length(account, promise, account.disclosed_bits)
    if not account.allowed_bits:
        raise NoKeyError(None, _too_short(account, promise))
    return account.allowed_bits


def key_sentence(account: Account) -> str:
    """Of a block that gave key."""
    return (
        f"key: {account.secret_bits:,} bits out of {sum(account.key):,} sifted ones at a QBER of {_percent(account.key_qber)}"
    )


def expected_leak_bits(settings: DistillSettings | EntangledSettings, counts: SiftedCounts) -> float:
    """What correcting such a block will be charged for, before it is corrected."""
    told = _ASSUMED_EFFICIENCY * sum(counts.key) * entropy_of(min(0.5, counts.test_qber))
    two_way = settings.leakage == "both-directions" and settings.reconciliation.startswith("cascade")
    return 2.0 * told if two_way else told


def first_key_factor(
    settings: DistillSettings | EntangledSettings,
    promise: Proof[Any],
    counts: SiftedCounts,
    leak_bits: float | None = None,
) -> float:
    """How many times as long a block of these rates has to be to give any key; inf when none does.

    ``leak_bits``: what this block was charged, once that is known.
    """

    def gives_key(factor: float) -> bool:
        longer = counts.times(factor)
        leak = expected_leak_bits(settings, longer) if leak_bits is None else factor * leak_bits
        credit = settings.leakage == "both-directions"
        return promise.length_bits(promise.estimate(longer), leak, credit_vacuum=credit) > 0

    return longer_by(gives_key) if sum(counts.test) else math.inf


def _length(account: Account, promise: Proof[Any], disclosed_bits: float) -> int:
    assert account.estimate is not None
    credit = account.settings.leakage == "both-directions"
    length = promise.length_bits(account.estimate, disclosed_bits, credit_vacuum=credit)
    return min(length, sum(account.key))


def _within_limit(qber_ratio: float, limit: float, basis: str) -> None:
    if qber_ratio > limit:
        raise NoKeyError(None, f"QBER of the {basis} basis {_percent(qber_ratio)} is above the limit of {_percent(limit)}")


def _too_short(account: Account, promise: Proof[Any]) -> str:
    """How long it would have to be, at these rates."""
    length_s = account.context.end_s - account.context.start_s
    told = None if account.key_errors is None else account.disclosed_bits
    factor = first_key_factor(account.settings, promise, account.counts, told)
    said = f"{sum(account.key):,} sifted bits at a QBER of {_percent(account.counts.test_qber)} in the test basis"
    if account.key_errors is not None:
        said += f" and of {_percent(account.key_qber)} in the key basis, {account.disclosed_bits:,} bits disclosed"
    if math.isinf(factor):
        return f"at this loss and error rate no block gives key, however long ({said})"
    needed = _seconds(length_s * factor)
    return f"too short a block: {said} give none in {_seconds(length_s)}, at these rates it takes about {needed}"


def _percent(ratio: float) -> str:
    return f"{100.0 * ratio:.3g} %"


def _seconds(duration_s: float) -> str:
    return f"{duration_s:.3g} s"
