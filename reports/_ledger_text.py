"""A block's ledger in words and columns: every line, what was disclosed by whom, and the sums that it must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.statistics.binomial import clopper_pearson

from ._ledger_sums import broken_rules, charges_both, sums
from ._numbers import quantity, seconds, spread
from ._words import clean, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._ledger_blocks import LedgerBlock
    from ._ledger_sums import Sum

__all__ = ["explain"]

_STAGES = {
    "synchronisation": "the events of both ends found each other",
    "sifting": "what clicked, and what of it both ends know to be of one basis",
    "estimation": "bounds on what nobody else knows, from the test basis and the intensities",
    "correction": "the errors of the key basis, and the parities told to find them",
    "verification": "a hash of the corrected key was compared",
    "authentication": "tags over all that both said",
    "amplification": "what the proof leaves, hashed out of the corrected key",
    "release": "where those bits went",
    "proof": "what the key promises, and what that rests on",
}
_ASSUMED = ("measured", "declared", "covered", "assumed", "not covered")
_WIDTH = 58


def explain(block: LedgerBlock) -> tuple[str, bool]:
    """The block in words, and whether its ledger adds up."""
    checked, broken = list(sums(block)), list(broken_rules(block))
    right = not broken and all(each.adds_up for each in checked)
    sections = [
        _head(block),
        *_stages(block),
        _section("QBER", _qber(block)),
        _section("by intensity", _intensities(block)),
        _section("disclosed, by stage and direction", _directions(block)),
        _section("epsilons", _epsilons(block)),
        _section("bits in minus bits out", [line for each in checked for line in _shown(each)]),
        _verdict(checked, broken, right=right),
    ]
    return clean("\n".join(section for section in sections if section)), right


def _head(block: LedgerBlock) -> str:
    span = f"bench time {block.start_s:g} s to {block.end_s:g} s, listened for {seconds(block.live_s)}"
    lines = [f"block {block.sequence} of {block.link or 'a link without name'}: {'key' if block.released else 'no key'}"]
    lines += [f"  {block.case}"] if block.case else []
    lines += [f"  {span}", f"  {block.sentence or 'the block says nothing of its outcome'}"]
    if block.faults:
        lines.append(f"  while it lasted: {', '.join(block.faults)}")
    return "\n".join(lines)


def _stages(block: LedgerBlock) -> Iterator[str]:
    for stage in dict.fromkeys(entry.stage for entry in block.ledger):
        entries = [entry for entry in block.ledger if entry.stage == stage]
        numbers = [_row(entry.what, _number(entry.value, entry.unit)) for entry in entries if entry.unit not in _ASSUMED]
        assumed = [f"    assumes {entry.what}" for entry in entries if entry.unit in _ASSUMED]
        title = f"{stage}: {_STAGES[stage]}" if stage in _STAGES else stage
        yield _section(title, [*numbers, *assumed])
    if not block.ledger:
        yield "\n  no ledger: the device told no more than these numbers"


def _qber(block: LedgerBlock) -> Iterator[str]:
    for basis, errors, bits in (
        ("test basis", block.test_errors, block.sifted_test_bits),
        ("key basis", block.key_errors, block.sifted_key_bits),
    ):
        if errors is None or not 0 <= errors <= bits or not bits:
            continue
        interval = clopper_pearson(errors, bits, 0.95, "two")
        ratio, between = spread(interval.estimate, interval.low, interval.high, "ratio")
        yield _row(f"{basis}, {plural(errors, 'error')} of {bits:,}", f"{ratio} (95 %: {between} %)")


def _intensities(block: LedgerBlock) -> Iterator[str]:
    for number, basis, bits, errors in block.by_intensity:
        wrong = "errors not counted" if errors is None else plural(errors, "error")
        yield _row(f"intensity {number + 1}, {'test' if basis else 'key'} basis", f"{bits:,} bits, {wrong}")


def _directions(block: LedgerBlock) -> Iterator[str]:
    if block.sifted_test_bits:
        yield _row("sifting, Alice to Bob: bits of the test basis, removed", _bits(block.sifted_test_bits))
    for stage, who, what in (
        ("correction", "Alice to Bob: parities", "parities disclosed by Alice"),
        ("correction", "Bob to Alice: parities", "parities disclosed by Bob"),
        ("correction", "Bob to Alice: counts of errors", "counts of errors disclosed by Bob"),
        ("verification", "Alice to Bob: hash of the key", "hash disclosed"),
    ):
        value = block.value(stage, what)
        if value is not None:
            free = "" if stage != "correction" or "Alice to" in who or charges_both(block) else ", not charged (see accounting)"
            yield _row(f"{stage}, {who}{free}", _bits(value))
    if block.authentication_bits:
        yield _row("authentication, both: key spent on tags", _bits(block.authentication_bits))


def _epsilons(block: LedgerBlock) -> Iterator[str]:
    """What was promised and what tags leave open; the hash's own chance lies within the correctness promised."""
    parts = [
        (block.value("proof", "secrecy"), "secrecy"),
        (block.value("proof", "correctness promised"), "correctness"),
        (block.value("authentication", "chance of a forgery"), "authentication"),
    ]
    known = [(value, name) for value, name in parts if value is not None]
    if known:
        yield _row(" + ".join(name for _, name in known), f"{sum(value for value, _ in known):.3g}")


def _shown(each: Sum) -> Iterator[str]:
    first, *others = each.terms
    yield _row(first[0], _plain(first[1]))
    for what, value in others:
        yield _row(f"  - {what}" if value <= 0 else f"  + {what}", _plain(abs(value)))
    if each.rest and each.adds_up and each.left > 0:
        yield _row(f"  - {each.rest}", _plain(each.left))
    ending = "" if each.adds_up else f"   DOES NOT ADD UP: {_plain(each.left)} left over"
    yield _row(f"  = {each.result[0]}", f"{_plain(each.result[1])}{ending}")


def _verdict(checked: Sequence[Sum], broken: Sequence[str], *, right: bool) -> str:
    if right:
        return (
            f"\n  adds up ({len(checked)} sums)" if checked else "\n  nothing to add up: the block ended before its first sum"
        )
    wrong = [f"{each.title}: {_plain(each.left)} left over towards {each.result[0]}" for each in checked if not each.adds_up]
    return "\n".join(["\n  THIS BLOCK DOES NOT ADD UP", *(f"    {what}" for what in (*wrong, *broken))])


def _section(title: str, lines: Iterator[str] | Sequence[str]) -> str:
    body = list(lines)
    return "\n".join([f"\n  {title}", *body]) if body else ""


def _row(what: str, value: str) -> str:
    """Long words go on a line of their own, so that the numbers stay in one column."""
    return f"    {what.ljust(_WIDTH)}  {value}" if len(what) <= _WIDTH else f"    {what}\n    {''.ljust(_WIDTH)}  {value}"


def _number(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{value:.6g}"
    return f"{value:.3g}" if unit == "epsilon" else f"{_plain(value)} {unit}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _bits(value: float) -> str:
    return quantity(value, "bits", 12)
