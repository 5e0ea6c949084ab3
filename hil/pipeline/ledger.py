"""A block's ledger, line by line: counted, disclosed, charged, spent, promised and assumed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.pipeline.authentication import forgery_chance
from hil.pipeline.estimation import entropy_of
from hil.pipeline.pair_estimation import PairEstimate
from hil.pipeline.promises import proof_entries
from hil.ports.run import LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.pipeline.account import Account
    from hil.pipeline.messages import Partners

__all__ = ["entries"]

_ACCOUNTINGS = {
    "both-directions": "every bit that Alice or Bob told of the key (chain rule)",
    "error-pattern": "Alice's parities alone, the error pattern given to the eavesdropper, no credit for vacuum",
}


def entries(account: Account, *, released: bool) -> tuple[LedgerEntry, ...]:
    """All lines of a block, as far as it got."""
    lines = [
        *_synchronisation(account),
        *_sifting(account),
        *_estimation(account),
        *_correction(account),
        *_authentication(account),
        *(_channel(account) if released else ()),
    ]
    if account.estimate is not None:
        lines += _amplification(account, released=released)
    return (*lines, *proof_entries(account))


def _synchronisation(account: Account) -> Iterator[LedgerEntry]:
    told = account.synchronised
    if told is None:
        return
    yield LedgerEntry("synchronisation", "rate of the receiver's clock over the transmitter's", told.rate_ppm, "ppm")
    yield LedgerEntry("synchronisation", "delay since the block began at the transmitter", told.delay_ns, "ns")
    yield LedgerEntry("synchronisation", "intensities disclosed, of pulses without key", account.disclosed_pulses, "pulses")
    yield LedgerEntry("synchronisation", "dropped: outside the window around a pulse", told.outside, "clicks")
    yield LedgerEntry("synchronisation", "dropped: no sure pulse of this block", told.unassigned, "clicks")
    yield LedgerEntry("synchronisation", "dropped: pulse disclosed for synchronisation", told.disclosed, "clicks")


def _sifting(account: Account) -> Iterator[LedgerEntry]:
    announced = account.announced
    if announced is None:
        return
    sifted_key, sifted_test = sum(account.key), sum(account.test)
    yield LedgerEntry("sifting", "clicks", announced.clicks, "clicks")
    yield LedgerEntry("sifting", "clicks the receiver could not deliver", announced.lost, "clicks")
    yield LedgerEntry("sifting", "dropped: a detector may have been dead", announced.dead, "clicks")
    yield LedgerEntry("sifting", "dropped: clicks in both bases", announced.crossed, "pulses")
    yield LedgerEntry("sifting", "random bit: several clicks in one basis", announced.doubled, "pulses")
    yield LedgerEntry("sifting", "announced", announced.events, "events")
    rest, why = announced.events - sifted_key - sifted_test, "dropped: measured in the other basis"
    if (partners := account.partners) is not None:
        yield from _partners(account, partners)
        of_chsh = sum(pairs for pairs, _ in account.chsh)
        rest, why = account.coincidences - sifted_key - sifted_test - of_chsh, "dropped: other settings"
    yield LedgerEntry("sifting", why, rest, "events")
    yield LedgerEntry("sifting", "sifted, key basis", sifted_key)
    yield LedgerEntry("sifting", "sifted, test basis, disclosed and removed", sifted_test)


def _partners(account: Account, partners: Partners) -> Iterator[LedgerEntry]:
    """Alice's clicks, and pairs of an entangled link."""
    assert account.announced is not None
    yield LedgerEntry("sifting", "Alice: clicks", partners.clicks, "clicks")
    yield LedgerEntry("sifting", "Alice: clicks the receiver could not deliver", partners.lost, "clicks")
    yield LedgerEntry("sifting", "Alice: dropped, a detector may have been dead", partners.dead, "clicks")
    yield LedgerEntry("sifting", "Alice: dropped, clicks in several settings", partners.crossed, "pulses")
    yield LedgerEntry("sifting", "Alice: random bit, several clicks in one setting", partners.doubled, "pulses")
    yield LedgerEntry(
        "sifting", "dropped: no partner at the other end", account.announced.events - account.coincidences, "events"
    )
    yield LedgerEntry("sifting", "coincidences", account.coincidences, "events")
    if account.chsh:
        pairs = sum(number for number, _ in account.chsh)
        yield LedgerEntry("sifting", "CHSH settings, disclosed and removed", pairs)


def _chsh(account: Account) -> Iterator[LedgerEntry]:
    """S of the disclosed settings, and its standard error."""
    if not account.chsh or not all(number for number, _ in account.chsh):
        return
    e = [1.0 - 2.0 * wrong / number for number, wrong in account.chsh]
    deviation = math.sqrt(sum((1.0 - each**2) / number for each, (number, _) in zip(e, account.chsh, strict=True)))
    yield LedgerEntry("estimation", "CHSH value S", e[0] - e[1] + e[2] + e[3], "ratio")
    yield LedgerEntry("estimation", "standard error of S", deviation, "ratio")


def _estimation(account: Account) -> Iterator[LedgerEntry]:
    yield from _chsh(account)
    if sum(account.test):
        yield LedgerEntry("estimation", "errors of the test basis", sum(account.test_errors))
    found = account.estimate
    if found is None:
        return
    if isinstance(found, PairEstimate):
        if found.events < sum(account.key):
            yield LedgerEntry("estimation", "pairs detected alike by both ends, at least", found.events, "events")
        yield LedgerEntry("estimation", "phase errors of the key basis, at most", found.phase_error_ratio, "ratio")
        return
    credited = account.settings.leakage == "both-directions"
    yield LedgerEntry("estimation", "single-photon events, at least", found.single_photons, "events")
    yield LedgerEntry("estimation", "vacuum events credited", found.vacuum if credited else 0.0, "events")
    yield LedgerEntry("estimation", "phase errors of single photons, at most", found.phase_error_ratio, "ratio")


def _correction(account: Account) -> Iterator[LedgerEntry]:
    disclosed = account.disclosed
    if not disclosed.by_alice:
        return
    yield LedgerEntry("correction", f"corrected by {account.settings.reconciliation}", sum(account.key))
    yield LedgerEntry("correction", "parities disclosed by Alice", disclosed.by_alice)
    yield LedgerEntry("correction", "parities disclosed by Bob", disclosed.by_bob)
    if account.told_errors_bits:
        yield LedgerEntry("correction", "counts of errors disclosed by Bob", account.told_errors_bits)
    if account.key_errors is not None:
        yield LedgerEntry("correction", "errors corrected", sum(account.key_errors))
        ideal = sum(account.key) * entropy_of(account.key_qber)
        if ideal:
            yield LedgerEntry("correction", "Alice's parities over the Slepian-Wolf limit", disclosed.by_alice / ideal, "ratio")
    if account.check_bits:
        yield LedgerEntry("verification", "hash disclosed", account.check_bits)
    accounting = _ACCOUNTINGS[account.settings.leakage]
    yield LedgerEntry(
        "correction", f"charged to the key, verification included; accounting: {accounting}", account.disclosed_bits
    )


def _authentication(account: Account) -> Iterator[LedgerEntry]:
    yield LedgerEntry("authentication", "one-time keys spent on tags", account.authentication_bits)
    if account.spent_keys:
        chance = account.spent_keys * forgery_chance(account.transcript_bytes)
        yield LedgerEntry("authentication", "chance of a forgery, at most", chance, "epsilon")


def _channel(account: Account) -> Iterator[LedgerEntry]:
    """What both sides said."""
    yield LedgerEntry("channel", "messages of both sides", account.messages, "messages")
    yield LedgerEntry("channel", "length of them", account.transcript_bytes, "bytes")


def _amplification(account: Account, *, released: bool) -> Iterator[LedgerEntry]:
    yield LedgerEntry("amplification", "allowed by the proof", account.allowed_bits)
    if released:
        left = account.secret_bits - account.pool_bits - account.delivered_bits
        yield LedgerEntry("amplification", "secret bits out of the Toeplitz hash", account.secret_bits)
        yield LedgerEntry("release", "into the authentication pool", account.pool_bits)
        yield LedgerEntry("release", f"keys of {account.settings.key_size_bits} bits", account.delivered_bits)
        yield LedgerEntry("release", "left over and destroyed", left)
