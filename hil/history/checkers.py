"""What must hold over the whole life of all keys: one pure function for each, from a history to a finding.

A finding is ``valid``, ``invalid`` with the keys or blocks that show it, or ``unknown`` where the history does not tell.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hil.history.steps import Step

__all__ = ["CHECKERS", "Checker", "Finding", "Validity"]

Validity: TypeAlias = Literal["invalid", "error", "unknown", "valid"]
"""Worst first."""

_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """What a checker makes of a history."""

    validity: Validity
    words: str


Checker: TypeAlias = "Callable[[Sequence[Step]], Finding]"


def no_key_from_aborted_block(steps: Sequence[Step]) -> Finding:
    """No end releases a block that it aborted, and no key of a block that either end aborted is stored or delivered."""
    block_of = _blocks(steps)
    given_up = {(step.side, step.block) for step in steps if step.step == "aborted"}
    aborted = {block for _, block in given_up}
    again = {f"block {step.block}" for step in steps if step.step == "released" and (step.side, step.block) in given_up}
    used = {
        key_id for step in _of(steps, "stored", "enc", "dec") for key_id in step.key_ids if block_of.get(key_id, -1) in aborted
    }
    if wrong := sorted(again | used):
        return Finding("invalid", f"of blocks that were aborted: {_some(wrong)}")
    return Finding("valid", f"{len(aborted)} blocks aborted, none of their keys used")


def both_ends_equal(steps: Sequence[Step]) -> Finding:
    """What both ends released of a block is the same, and so is what the two applications got under one key ID."""
    by_block: dict[int | None, dict[str, set[tuple[tuple[str, ...], tuple[str, ...]]]]] = {}
    for step in _of(steps, "released"):
        by_block.setdefault(step.block, {}).setdefault(step.side, set()).add((step.key_ids, step.digests))
    wrong = [f"block {block}" for block, ends in by_block.items() if len(ends) == 2 and ends["a"] != ends["b"]]
    got: dict[str, set[str]] = {}
    for step in _of(steps, "enc", "dec"):
        for key_id, digest in zip(step.key_ids, step.digests, strict=True):
            got.setdefault(key_id, set()).add(digest)
    wrong += [f"key {key_id}" for key_id, digests in got.items() if len(digests) > 1]
    if wrong:
        return Finding("invalid", f"the ends differ: {_some(wrong)}")
    pairs = sum(len(ends) == 2 for ends in by_block.values())
    return Finding("valid", f"{pairs} blocks and {len(got)} delivered keys alike at both ends")


def delivered_once(steps: Sequence[Step]) -> Finding:
    """No key is handed out twice: once to the application that asked, once to its peer, which is at the other side."""
    first = Counter(key_id for step in _of(steps, "enc") for key_id in step.key_ids)
    second = Counter(key_id for step in _of(steps, "dec") for key_id in step.key_ids)
    wrong = sorted(key_id for counts in (first, second) for key_id, times in counts.items() if times > 1)
    sides = {key_id: step.side for step in _of(steps, "enc") for key_id in step.key_ids}
    wrong += [key_id for step in _of(steps, "dec") for key_id in step.key_ids if sides.get(key_id) == step.side]
    if wrong:
        return Finding("invalid", f"handed out twice: {_some(wrong)}")
    return Finding("valid", f"{len(first)} keys handed out, {len(second)} of them to the peer too, none twice")


def nothing_acknowledged_is_lost(steps: Sequence[Step]) -> Finding:
    """Every key that the stores took was handed out in the end, and every key handed out was had by the peer too.

    A request without an answer may have taken keys with it, as many as it asked for; unknown until everything was asked for.
    """
    stored = {key_id for step in _of(steps, "stored") for key_id in step.key_ids}
    first = {key_id for step in _of(steps, "enc") for key_id in step.key_ids}
    second = {key_id for step in _of(steps, "dec") for key_id in step.key_ids}
    unsure = sum(step.keys for step in steps if step.step == "enc" and step.outcome == "info")
    unsure_ids = {key_id for step in steps if step.step == "dec" and step.outcome == "info" for key_id in step.key_ids}
    if not stored:
        return Finding("valid", "no key was stored")
    if not any(_of(steps, "drained")):
        return Finding("unknown", f"{len(stored - first)} of {len(stored)} stored keys were never asked for")
    missing, alone = sorted(stored - first), sorted(first - second - unsure_ids)
    if len(missing) > unsure or alone:
        said = (
            f"stored and never to be had: {_some(missing)}" if len(missing) > unsure else f"only one side had: {_some(alone)}"
        )
        return Finding("invalid", said)
    gone = f"; {len(missing)} went with requests whose answer was lost" if missing else ""
    return Finding("valid", f"{len(stored)} keys stored, {len(first)} handed out{gone}")


def bits_out_at_most_allowed(steps: Sequence[Step]) -> Finding:
    """No block gives more secret bits than its proof allows or than were reconciled, nor more key than it has secret bits."""
    reconciled = {step.block: step.bits for step in _of(steps, "reconciled")}
    amplified = {step.block: step for step in _of(steps, "amplified")}
    wrong = [
        f"block {block}: {step.bits} bits of {step.allowed_bits} allowed, {reconciled.get(block)} reconciled"
        for block, step in amplified.items()
        if step.allowed_bits is None or not step.bits <= step.allowed_bits <= reconciled.get(block, -1)
    ]
    for step in _of(steps, "released"):
        secret = amplified[step.block].bits if step.block in amplified else 0
        if step.bits > secret:
            wrong.append(f"block {step.block}: {step.bits} bits of key out of {secret} secret bits")
    if wrong:
        return Finding("invalid", _some(wrong))
    total = sum(step.bits for step in amplified.values())
    return Finding("valid", f"{total:,} secret bits of {len(amplified)} blocks, each within what its proof allows")


def unique_key_ids(steps: Sequence[Step]) -> Finding:
    """No end gives one ID to two keys."""
    counts = Counter((step.side, key_id) for step in _of(steps, "released") for key_id in step.key_ids)
    if twice := sorted(f"{side}: {key_id}" for (side, key_id), times in counts.items() if times > 1):
        return Finding("invalid", f"given to several keys: {_some(twice)}")
    return Finding("valid", f"{len({key_id for _, key_id in counts})} key IDs, each of one key")


def every_key_has_a_past(steps: Sequence[Step]) -> Finding:
    """Keys are stored only once both ends released them, handed out only once stored, had by the peer only once handed out."""
    seen: dict[str, set[str]] = {"a": set(), "b": set(), "stored": set(), "enc": set()}
    wrong: list[str] = []
    last_s = float("-inf")
    for step in steps:
        if step.time_s < last_s:
            wrong.append(f"{step.step} at {step.time_s:g} s, noted after {last_s:g} s")
        last_s = max(last_s, step.time_s)
        if step.outcome != "ok" or step.step not in {"released", "stored", "enc", "dec"}:
            continue
        needed = {"stored": ("a", "b"), "enc": ("stored",), "dec": ("enc",)}.get(step.step, ())
        wrong += [f"{step.step} of {key_id}" for key_id in step.key_ids if not all(key_id in seen[past] for past in needed)]
        seen.setdefault(step.side if step.step == "released" else step.step, set()).update(step.key_ids)
    if wrong:
        return Finding("invalid", f"came from nowhere: {_some(wrong)}")
    return Finding("valid", f"{len(steps)} steps in order")


CHECKERS: dict[str, Checker] = {
    "no-key-from-aborted-block": no_key_from_aborted_block,
    "both-ends-equal": both_ends_equal,
    "delivered-once": delivered_once,
    "nothing-acknowledged-is-lost": nothing_acknowledged_is_lost,
    "bits-out-at-most-allowed": bits_out_at_most_allowed,
    "unique-key-ids": unique_key_ids,
    "every-key-has-a-past": every_key_has_a_past,
}
"""Every checker, by the name that game days have for it as an invariant."""


def _of(steps: Sequence[Step], *names: str) -> list[Step]:
    """What did happen."""
    return [step for step in steps if step.step in names and step.outcome == "ok"]


def _blocks(steps: Sequence[Step]) -> dict[str, int]:
    """The block of each key."""
    return {key_id: step.block for step in _of(steps, "released") if step.block is not None for key_id in step.key_ids}


def _some(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
