"""Checkers of key histories: each passes a good one, rejects the history planted for it, and none passes by crashing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import UsageError
from hil.history.checkers import CHECKERS, Finding
from hil.history.checking import Checked, check, worst
from hil.history.steps import History, Step
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIZE = 256


def digest(*of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()


def key_id(block: int, number: int) -> str:
    return f"{block:08x}-0000-4000-8000-{number:012x}"


@dataclass(frozen=True)
class Lived:
    """One block: how many keys it gave, how many of them were stored and handed out; none of an aborted one."""

    keys: int
    stored: int
    aborted: bool = False


def written(blocks: Sequence[Lived], *, drained: bool = True) -> list[Step]:
    """The history that an honest link and honest key management entities write of such blocks."""
    steps: list[Step] = []
    for number, block in enumerate(blocks, start=1):
        at: dict[str, Any] = {"time_s": float(number), "block": number}
        steps.append(Step(step="sifted", bits=10 * SIZE * (block.keys + 1), **at))
        if block.aborted:
            steps += [Step(step="aborted", side=side, why="no key: errors", **at) for side in ("a", "b")]
            continue
        ids = tuple(key_id(number, each) for each in range(block.keys))
        bits = SIZE * block.keys
        steps += [
            Step(step="reconciled", bits=5 * SIZE * (block.keys + 1), **at),
            Step(step="amplified", bits=bits + 100, allowed_bits=bits + 100, **at),
            Step(step="released", side="a", bits=bits, key_ids=ids, digests=(digest(ids),), **at),
            Step(step="released", side="b", bits=bits, key_ids=ids, digests=(digest(ids),), **at),
        ]
        if taken := ids[: block.stored]:
            told: dict[str, Any] = {"key_ids": taken, "digests": tuple(map(digest, taken))}
            steps += [
                Step(time_s=at["time_s"], step="stored", key_ids=taken),
                Step(time_s=at["time_s"], step="enc", side="a", **told),
                Step(time_s=at["time_s"], step="dec", side="b", **told),
            ]
    return [*steps, Step(time_s=1e6, step="drained")] if drained else steps


LIVES = st.lists(
    st.builds(
        lambda keys, stored, aborted: Lived(keys, min(stored, keys), aborted),
        st.integers(1, 6),
        st.integers(1, 6),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
).filter(lambda lives: any(not life.aborted for life in lives))


def found(steps: Sequence[Step]) -> dict[str, str]:
    return {each.name: each.validity for each in check(steps)}


def first(steps: Sequence[Step], name: str, side: str = "") -> int:
    """Where the first such step stands."""
    return next(at for at, step in enumerate(steps) if step.step == name and (not side or step.side == side))


def changed(steps: list[Step], at: int, **fields: Any) -> list[Step]:
    return [*steps[:at], msgspec.structs.replace(steps[at], **fields), *steps[at + 1 :]]


@given(LIVES)
def test_an_honest_history_is_valid(lives: list[Lived]) -> None:
    """Whatever the blocks were, nobody complains."""
    assert set(found(written(lives)).values()) == {"valid"}


def a_key_of_an_aborted_block(steps: list[Step]) -> list[Step]:
    at = first(steps, "released", "b")
    return [*steps[:at], Step(time_s=steps[at].time_s, step="aborted", side="b", block=steps[at].block), *steps[at:]]


def a_block_that_one_end_aborted(steps: list[Step]) -> list[Step]:
    """Its peer released it, and its keys went out."""
    at = first(steps, "released", "b")
    return [*steps[:at], Step(time_s=steps[at].time_s, step="aborted", side="b", block=steps[at].block), *steps[at + 1 :]]


def a_block_that_its_own_end_gave_up(steps: list[Step]) -> list[Step]:
    """Released all the same, though no key of it was stored."""
    kept = [step for step in steps if step.step not in {"stored", "enc", "dec"}]
    return a_key_of_an_aborted_block(kept)


def ends_that_differ(steps: list[Step]) -> list[Step]:
    return changed(steps, first(steps, "released", "b"), digests=(digest("another"),))


def ends_that_name_a_key_differently(steps: list[Step]) -> list[Step]:
    """The same keys, one of them under another ID."""
    at = first(steps, "released", "b")
    return changed(steps, at, key_ids=(key_id(98, 1), *steps[at].key_ids[1:]))


def peers_that_differ(steps: list[Step]) -> list[Step]:
    at = first(steps, "dec")
    return changed(steps, at, digests=tuple(digest("another", each) for each in steps[at].key_ids))


def a_key_handed_out_twice(steps: list[Step]) -> list[Step]:
    at = first(steps, "enc")
    return [*steps[: at + 1], steps[at], *steps[at + 1 :]]


def a_peer_that_gets_it_twice(steps: list[Step]) -> list[Step]:
    at = first(steps, "dec")
    return [*steps[: at + 1], steps[at], *steps[at + 1 :]]


def a_key_fetched_where_it_was_asked_for(steps: list[Step]) -> list[Step]:
    """By the side that has it already, so that it has it twice and its peer never."""
    return changed(steps, first(steps, "dec"), side="a")


def a_stored_key_that_is_lost(steps: list[Step]) -> list[Step]:
    return [step for at, step in enumerate(steps) if at not in {first(steps, "enc"), first(steps, "dec")}]


def a_key_that_only_one_side_has(steps: list[Step]) -> list[Step]:
    at = first(steps, "dec")
    return [*steps[:at], *steps[at + 1 :]]


def more_bits_than_allowed(steps: list[Step]) -> list[Step]:
    at = first(steps, "amplified")
    return changed(steps, at, bits=(steps[at].allowed_bits or 0) + 1)


def bits_that_no_proof_allowed(steps: list[Step]) -> list[Step]:
    return changed(steps, first(steps, "amplified"), allowed_bits=None)


def more_bits_allowed_than_reconciled(steps: list[Step]) -> list[Step]:
    reconciled = steps[first(steps, "reconciled")].bits
    return changed(steps, first(steps, "amplified"), allowed_bits=reconciled + 1)


def more_key_than_secret_bits(steps: list[Step]) -> list[Step]:
    at = first(steps, "released", "a")
    return changed(steps, at, bits=steps[at].bits + 101)


def an_id_given_twice(steps: list[Step]) -> list[Step]:
    at = first(steps, "released", "a")
    return [*steps, msgspec.structs.replace(steps[at], time_s=2e6, block=99, bits=0)]


def a_key_from_nowhere(steps: list[Step]) -> list[Step]:
    at = first(steps, "released", "b")
    return [*steps[:at], *steps[at + 1 :]]


def a_key_that_was_never_stored(steps: list[Step]) -> list[Step]:
    at = first(steps, "stored")
    return [*steps[:at], *steps[at + 1 :]]


def a_key_that_only_the_peer_got(steps: list[Step]) -> list[Step]:
    """Nobody had asked for it."""
    at = first(steps, "enc")
    return [*steps[:at], *steps[at + 1 :]]


def a_step_out_of_time(steps: list[Step]) -> list[Step]:
    return changed(steps, first(steps, "released", "b"), time_s=0.0)


PLANTED = {
    a_key_of_an_aborted_block: "no-key-from-aborted-block",
    a_block_that_one_end_aborted: "no-key-from-aborted-block",
    a_block_that_its_own_end_gave_up: "no-key-from-aborted-block",
    ends_that_differ: "both-ends-equal",
    ends_that_name_a_key_differently: "both-ends-equal",
    peers_that_differ: "both-ends-equal",
    a_key_handed_out_twice: "delivered-once",
    a_peer_that_gets_it_twice: "delivered-once",
    a_key_fetched_where_it_was_asked_for: "delivered-once",
    a_stored_key_that_is_lost: "nothing-acknowledged-is-lost",
    a_key_that_only_one_side_has: "nothing-acknowledged-is-lost",
    more_bits_than_allowed: "bits-out-at-most-allowed",
    bits_that_no_proof_allowed: "bits-out-at-most-allowed",
    more_bits_allowed_than_reconciled: "bits-out-at-most-allowed",
    more_key_than_secret_bits: "bits-out-at-most-allowed",
    an_id_given_twice: "unique-key-ids",
    a_key_from_nowhere: "every-key-has-a-past",
    a_key_that_was_never_stored: "every-key-has-a-past",
    a_key_that_only_the_peer_got: "every-key-has-a-past",
    a_step_out_of_time: "every-key-has-a-past",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
@settings(max_examples=40)
@given(lives=LIVES)
def test_a_planted_history_is_rejected(plant: Any, lives: list[Lived]) -> None:
    """By the checker it was planted for, wherever in whatever history it stands."""
    assert found(plant(written(lives)))[PLANTED[plant]] == "invalid"


def test_every_checker_has_a_planted_history() -> None:
    """One without would never have been seen to reject anything."""
    assert set(PLANTED.values()) == set(CHECKERS)


def test_a_lost_answer_excuses_as_many_keys_as_were_asked_for() -> None:
    """And not one more: two keys are missing, and a request for one was never answered."""
    lost = a_stored_key_that_is_lost(written([Lived(3, 2), Lived(3, 3)]))
    for asked, verdict in ((2, "valid"), (1, "invalid")):
        steps = [*lost[:-1], Step(time_s=9e5, step="enc", outcome="info", side="a", keys=asked), lost[-1]]
        assert found(steps)["nothing-acknowledged-is-lost"] == verdict


def test_a_refusal_excuses_no_lost_key() -> None:
    """What was refused for sure took no key with it: whoever counts it hides a loss."""
    lost = a_stored_key_that_is_lost(written([Lived(3, 2)]))
    steps = [*lost[:-1], Step(time_s=9e5, step="enc", outcome="fail", side="a", keys=2), lost[-1]]
    assert found(steps)["nothing-acknowledged-is-lost"] == "invalid"


def test_a_lost_answer_excuses_a_peer_for_the_keys_it_asked_for() -> None:
    """It may have them, or not; but not for another key, and to ask again is no second delivery."""
    whole = written([Lived(3, 2)])
    at = first(whole, "dec")
    unsure = Step(time_s=1.0, step="dec", outcome="info", side="b", key_ids=whole[at].key_ids)
    assert found([*whole[:at], unsure, *whole[at + 1 :]])["nothing-acknowledged-is-lost"] == "valid"
    half = msgspec.structs.replace(unsure, key_ids=unsure.key_ids[:1])
    assert found([*whole[:at], half, *whole[at + 1 :]])["nothing-acknowledged-is-lost"] == "invalid"
    assert found([*whole[:at], unsure, *whole[at:]])["delivered-once"] == "valid"


def test_what_was_never_asked_for_is_unknown() -> None:
    """A store that was not emptied may or may not have lost something."""
    assert found(written([Lived(3, 2)], drained=False))["nothing-acknowledged-is-lost"] == "unknown"


def test_a_checker_that_crashes_is_an_error() -> None:
    """Never a pass: it has not looked."""

    def crashes(_steps: Sequence[Step]) -> Finding:
        raise ZeroDivisionError("division by zero")

    results = check(written([Lived(1, 1)]), checkers=CHECKERS | {"crashes": crashes})
    (crashed,) = [each for each in results if each.name == "crashes"]
    assert crashed.outcome is Outcome.ERROR
    assert "ZeroDivisionError" in crashed.words
    assert worst(results) == "error"


@given(st.lists(st.sampled_from(["valid", "unknown", "error", "invalid"]), min_size=1))
def test_the_worst_counts(validities: list[Any]) -> None:
    """Invalid before error before unknown before valid, in any order; nothing at all is unknown."""
    results = [Checked(f"{number}", each, "") for number, each in enumerate(validities)]
    order = ["invalid", "error", "unknown", "valid"]
    assert worst(results) == next(each for each in order if each in validities)
    assert worst([]) == "unknown"


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A line for each step, and the same findings from the file."""
    steps = written([Lived(2, 2), Lived(1, 0, aborted=True)])
    path = History(tuple(steps)).save(tmp_path / "gamedays" / "day.jsonl")
    assert list(History.read(path)) == steps
    path.write_text("no history\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no history of keys"):
        History.read(path)


def test_a_digest_that_is_none_is_refused() -> None:
    """It could be a key."""
    with pytest.raises(UsageError, match="SHA-256"):
        Step(time_s=0.0, step="enc", key_ids=(key_id(1, 1),), digests=("secret",))
