"""Whether a block's ledger adds up, worked out again from its lines: sums to be shown, and comparisons to be kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.physics.entropy import binary_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._ledger_blocks import LedgerBlock

__all__ = ["Sum", "broken_rules", "charges_both", "sums"]

_TOLERANCE = 1e-6
_NEEDED = (
    ("sifting", "clicks"),
    ("sifting", "announced"),
    ("estimation", "phase errors"),
    ("correction", "parities disclosed by Alice"),
    ("correction", "charged to the key"),
    ("verification", "hash disclosed"),
    ("authentication", "one-time keys"),
    ("amplification", "allowed by the proof"),
    ("amplification", "secret bits"),
    ("release", "into the authentication pool"),
    ("release", "keys of"),
    ("proof", "secrecy"),
    ("proof", "correctness promised"),
)
"""Lines without which the sums of a released block would not be all there."""


@dataclass(frozen=True)
class Sum:
    """Terms with their signs that must come to ``result``.

    With ``rest``, what is left over has that name and may be anything from 0 to ``most`` (excluded); otherwise nothing may be.
    """

    title: str
    terms: tuple[tuple[str, float], ...]
    result: tuple[str, float]
    rest: str = ""
    most: float = math.inf

    @property
    def left(self) -> float:
        """What the terms come to beyond the result."""
        return sum(value for _, value in self.terms) - self.result[1]

    @property
    def adds_up(self) -> bool:
        """Whether it does."""
        if self.rest:
            return -_TOLERANCE <= self.left < self.most + _TOLERANCE
        return abs(self.left) <= _TOLERANCE


def sums(block: LedgerBlock) -> Iterator[Sum]:
    """Every sum whose lines the ledger has."""
    yield from _sifted(block)
    yield from _disclosed(block)
    yield from _allowed(block)
    yield from _released(block)


def charges_both(block: LedgerBlock) -> bool:
    """Whether the parities of both directions are charged to the key."""
    charged = block.line("correction", "charged to the key")
    return charged is None or "chain rule" in charged.what


def _sifted(block: LedgerBlock) -> Iterator[Sum]:
    get = block.value
    clicks, announced = get("sifting", "clicks"), get("sifting", "announced")
    if clicks is not None and announced is not None:
        crossed, doubled = get("sifting", "dropped: clicks in both") or 0.0, get("sifting", "random bit") or 0.0
        terms = (
            ("clicks", clicks),
            *(
                (words, -(get("synchronisation", f"dropped: {words}") or 0.0))
                for words in ("outside the window", "no sure pulse", "pulse disclosed")
                if get("synchronisation", f"dropped: {words}") is not None
            ),
            ("a detector may have been dead", -(get("sifting", "dropped: a detector") or 0.0)),
            ("clicks in both bases, two of each pulse", -2.0 * crossed),
            ("second clicks of pulses that became a random bit", -doubled),
        )
        # two detectors a basis: only a pulse with clicks in both can have more than two, and no more than four
        most = 2.0 * crossed + 0.5
        yield Sum("clicks", terms, ("events announced", announced), "third and fourth clicks of one pulse", most)
        dropped = (
            ("measured in the other basis", "dropped: measured in the other basis"),
            ("no partner at the other end", "dropped: no partner"),
            ("measured in other settings", "dropped: other settings"),
            ("CHSH settings, disclosed and removed", "CHSH settings"),
        )
        events = (
            ("events announced", announced),
            *((title, -number) for title, line in dropped if (number := get("sifting", line)) is not None),
            ("test basis, disclosed and removed", -float(block.sifted_test_bits)),
        )
        yield Sum("sifting", events, ("sifted bits of the key basis", float(block.sifted_key_bits)))
    pairs, different = get("synchronisation", "coincidences in the window"), get("sifting", "dropped: different settings")
    if pairs is not None and different is not None:
        coincidences = (("coincidences", pairs), ("different settings", -different))
        yield Sum("sifting", coincidences, ("sifted bits", float(block.sifted_key_bits)))


def _disclosed(block: LedgerBlock) -> Iterator[Sum]:
    alice, bob = (block.value("correction", f"parities disclosed by {name}") for name in ("Alice", "Bob"))
    if alice is None:
        return
    terms = [("parities, Alice to Bob", alice), ("hash of the verification, Alice to Bob", _hash(block))]
    if charges_both(block):
        terms.append(("parities, Bob to Alice", bob or 0.0))
        told = block.value("correction", "counts of errors")
        terms += [] if told is None else [("counts of errors, Bob to Alice", told)]
    yield Sum("disclosed", tuple(terms), ("bits charged to the key", float(block.disclosed_bits)))


def _allowed(block: LedgerBlock) -> Iterator[Sum]:
    """From sifted bits to what the proof allows; only a block that was corrected and allowed any has all its terms."""
    allowed = block.value("amplification", "allowed by the proof")
    single, phase = block.value("estimation", "single-photon events"), block.value("estimation", "phase errors")
    if _entangled(block):
        single = block.value("estimation", "pairs detected alike") or float(block.sifted_key_bits)
    cost = _epsilon_cost_bits(block)
    if not allowed or single is None or phase is None or cost is None or not 0.0 <= phase <= 1.0:
        return
    private = single * (1.0 - binary_entropy(phase)) + (block.value("estimation", "vacuum") or 0.0)
    key = float(block.sifted_key_bits)
    terms = (
        ("sifted bits of the key basis", key),
        ("not private: several photons, vacuum, phase errors", private - key),
        ("disclosed by correction and verification", -float(block.disclosed_bits)),
        ("price of the epsilons", -cost),
    )
    # a bound above the number of sifted bits is cut to it, which can only happen in noise-free toys
    most = 1.0 if allowed < key else math.inf
    yield Sum("bound", terms, ("bits allowed by the proof", allowed), "rounded off", most)


def _released(block: LedgerBlock) -> Iterator[Sum]:
    if not block.released:
        return
    allowed, secret = block.value("amplification", "allowed by the proof"), float(block.secret_bits)
    if allowed is not None:
        yield Sum("out", (("bits allowed by the proof", allowed),), ("secret bits made", secret), "allowed and not taken")
    pool, keys = block.value("release", "into the authentication pool"), block.value("release", "keys of")
    if pool is not None and keys is not None:
        left = block.value("release", "left over") or 0.0
        terms = (("secret bits made", secret), ("into the authentication pool", -pool), ("left over and destroyed", -left))
        yield Sum("keys", terms, ("bits of delivered keys", keys))


def broken_rules(block: LedgerBlock) -> Iterator[str]:
    """In words, each comparison between the block's own numbers that fails."""
    for what, one, other in _twice_told(block):
        if one is not None and other is not None and one != other:
            yield f"{what}: {one:,.0f} in one place, {other:,.0f} in another"
    for what, part, whole in (
        ("errors of the test basis", block.test_errors, block.sifted_test_bits),
        ("errors of the key basis", block.key_errors or 0, block.sifted_key_bits),
        ("secret bits", block.secret_bits, block.sifted_key_bits),
    ):
        if not 0 <= part <= whole:
            yield f"{what}: {part:,} of {whole:,} sifted bits"
    for entry in block.ledger:
        if not (math.isfinite(entry.value) and entry.value >= 0.0):
            yield f"{entry.stage}, {entry.what}: {entry.value:g}, where a number of at least 0 belongs"
    if not block.released and (block.secret_bits or block.value("release", "keys of")):
        yield f"{block.secret_bits:,} secret bits of a block that was not released"
    if block.released:
        needed = _NEEDED if _entangled(block) else (*_NEEDED, ("estimation", "single-photon events"))
        lost = [f"{stage}, {what}" for stage, what in needed if block.line(stage, what) is None]
        yield from (f"released without the line: {what} ..." for what in lost)


def _twice_told(block: LedgerBlock) -> Iterator[tuple[str, float | None, float | None]]:
    get = block.value
    yield "clicks", get("sifting", "clicks"), block.detections
    yield "sifted bits of the key basis", get("sifting", "sifted, key basis"), block.sifted_key_bits
    yield "sifted bits of the key basis by intensity", block.sum(0), block.sifted_key_bits
    yield "sifted bits of the test basis", get("sifting", "sifted, test basis"), block.sifted_test_bits
    yield "sifted bits of the test basis by intensity", block.sum(1), block.sifted_test_bits
    yield "errors of the test basis", get("estimation", "errors of the test basis"), block.test_errors
    yield "errors of the test basis by intensity", block.sum(1, errors=True), block.test_errors
    yield "errors of the key basis", get("correction", "errors corrected"), block.key_errors
    yield "errors of the key basis by intensity", block.sum(0, errors=True), block.key_errors
    yield "disclosed bits", get("correction", "charged to the key"), block.disclosed_bits
    yield "authentication bits", get("authentication", "one-time keys"), block.authentication_bits
    price, cost = get("proof", "price of the epsilons"), _epsilon_cost_bits(block)
    if price is not None and cost is not None and not math.isclose(price, cost, abs_tol=1e-6):
        yield "price of the epsilons, in bits", price, cost
    if block.released:
        yield "secret bits", get("amplification", "secret bits"), block.secret_bits


def _hash(block: LedgerBlock) -> float:
    return block.value("verification", "hash disclosed") or 0.0


def _entangled(block: LedgerBlock) -> bool:
    """Whether its proof is that of entangled pairs, in which every sifted event counts."""
    line = block.line("proof", "secrecy")
    return line is not None and "BBM92" in line.what


def _epsilon_cost_bits(block: LedgerBlock) -> float | None:
    """Last terms of the bound: of two decoys, of one, of pairs, or of any with exact tails."""
    secrecy, correctness = block.value("proof", "secrecy"), block.value("proof", "correctness promised")
    if not secrecy or not correctness or min(secrecy, correctness) < 0.0:
        return None
    line = block.line("proof", "secrecy")
    name = "" if line is None else line.what
    if "exact tails" in name:
        return math.log2(2.0 / correctness) - 2.0 * math.log2(secrecy)
    given = block.value("proof", "of the secrecy: to the published formula") or secrecy
    if _entangled(block):
        return 1.0 - 2.0 * math.log2(given) - math.log2(correctness)
    if "one decoy" in name:
        return 4.0 * math.log2(15.0 / (given * 2.0**0.25)) + math.log2(2.0 / correctness)
    return 6.0 * math.log2(21.0 / given) + math.log2(2.0 / correctness)
