"""Polling loops on a tape: nothing is lost in folding, what was said is accepted again, and nothing else is.

Properties of random conversations, and a few by hand. The expected side is the conversation itself, kept as it was made.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hil.transports.tape_course import Course
from hil.transports.tape_format import Exchange, as_bytes
from hil.transports.tape_loops import LONGEST_ROUND, Folding, unfolded

ANSWERS: tuple[tuple[str | None, ...], ...] = (("1\n",), ("0\n",), (None,), (None, "late 1\n"), ())


def said(send: str, receive: tuple[str | None, ...] = ("1\n",), **more: Any) -> Exchange:
    return Exchange(**({"n": 0, "t_s": 0.0, "send": send, "receive": receive, "repeatable": True} | more))


EXCHANGES = st.builds(
    said,
    st.sampled_from(["A?\n", "B?\n", "C?\n"]),
    st.sampled_from(ANSWERS),
    port=st.integers(0, 1),
    repeatable=st.sampled_from([True, True, True, False]),
    lost=st.sampled_from([False] * 9 + [True]),
)
CONVERSATIONS = st.lists(st.tuples(st.lists(EXCHANGES, min_size=1, max_size=6), st.integers(1, 7)), min_size=1, max_size=6).map(
    lambda parts: numbered([one for part, times in parts for one in part * times])
)
"""Parts that are said once or over and over, so that loops are common and end anywhere."""


def numbered(exchanges: list[Exchange]) -> list[Exchange]:
    return [replace(one, n=3 * n, t_s=n / 8) for n, one in enumerate(exchanges, start=1)]


def folded(exchanges: list[Exchange]) -> list[Exchange]:
    folding = Folding()
    found = [one for each in exchanges for one in folding.add(each)]
    return found + folding.end()


def words(exchanges: Any) -> list[tuple[object, ...]]:
    """All that was said, but when."""
    return [(one.send, one.receive, one.port, one.lost, one.repeatable) for one in exchanges]


@given(CONVERSATIONS)
@settings(max_examples=400, deadline=None)
def test_nothing_is_lost(conversation: list[Exchange]) -> None:
    """Unfolded, it is the conversation; folded, it is no longer, in order, and a round's entries stand together."""
    tape = folded(conversation)
    assert words(unfolded(tape)) == words(conversation)
    assert len(tape) <= len(conversation)
    numbers = [one.n for one in tape]
    assert numbers == sorted(set(numbers))
    first_said = {one.n: one.t_s for one in conversation}
    assert all(one.t_s == first_said[one.n] for one in tape)
    for loop in {one.loop for one in tape} - {0}:
        at = [place for place, one in enumerate(tape) if one.loop == loop]
        assert at == list(range(at[0], at[0] + len(at)))
        assert tape[at[0]].n == loop
        assert 2 <= len(at) <= LONGEST_ROUND


@given(CONVERSATIONS)
@settings(max_examples=400, deadline=None)
def test_what_was_said_is_answered_as_it_was(conversation: list[Exchange]) -> None:
    """A strict replay takes every message of it, gives every answer, late ones late, and has nothing left over."""
    tape = folded(conversation)
    course = Course(tape)
    for one in conversation:
        index = course.say(one.port, as_bytes(one.send))
        assert index is not None
        assert (tape[index].receive, tape[index].lost) == (one.receive, one.lost)
    assert course.said == course.farthest == len(tape)
    last = conversation[-1]
    assert course.say(last.port, as_bytes(last.send)) is None


@given(CONVERSATIONS, st.data())
@settings(max_examples=200, deadline=None)
def test_another_message_is_none_of_it(conversation: list[Exchange], data: st.DataObject) -> None:
    """Wherever it comes, and the replay stands where it stood."""
    tape = folded(conversation)
    course = Course(tape)
    for one in conversation[: data.draw(st.integers(0, len(conversation)))]:
        course.say(one.port, as_bytes(one.send))
    before = course.said, course.farthest
    assert course.say(0, b"D?\n") is None
    assert (course.said, course.farthest) == before


ROUND = [said("A?\n"), said("B?\n", ("20.0\n",)), said("C?\n", (None, "late\n"))]


@pytest.mark.parametrize("length", [2, 3])
@pytest.mark.parametrize("rounds", [3, 4, 100])
def test_a_loop_is_as_many_entries_as_a_round(length: int, rounds: int) -> None:
    """However often it was said; before and behind stand as they are."""
    begin, end = said("BEGIN\n", (), repeatable=False), said("END\n", (), repeatable=False)
    tape = folded(numbered([begin, *ROUND[:length] * rounds, end]))
    assert [(one.send, one.rounds) for one in tape[1:-1]] == [(one.send, rounds) for one in ROUND[:length]]
    assert [one.receive for one in tape[1:-1]] == [one.receive for one in ROUND[:length]]


def test_twice_is_no_loop() -> None:
    """And a setting between keeps rounds apart."""
    assert [one.rounds for one in folded(numbered(ROUND * 2))] == [1] * 6
    change = said("SET 1\n", (), repeatable=False)
    assert [one.rounds for one in folded(numbered([*ROUND, change] * 5))] == [1] * 20


def test_an_answer_that_changes_ends_the_loop() -> None:
    """Ready in the ninth round: eight rounds, and then what came."""
    ready = said("A?\n", ("0\n",))
    tape = folded(numbered([*ROUND[:2] * 8, ready, said("GO\n", (), repeatable=False)]))
    assert [(one.send, one.receive, one.rounds) for one in tape] == [
        ("A?\n", ("1\n",), 8),
        ("B?\n", ("20.0\n",), 8),
        ("A?\n", ("0\n",), 1),
        ("GO\n", (), 1),
    ]


def test_a_question_asked_twice_in_each_round() -> None:
    """Two entries, one of them with two times."""
    tape = folded(numbered([ROUND[0], ROUND[0], ROUND[1]] * 5))
    assert [(one.send, one.times, one.rounds) for one in tape] == [("A?\n", 2, 5), ("B?\n", 1, 5)]


def replayed(tape: list[Exchange], messages: list[Exchange]) -> tuple[list[int | None], Course]:
    course = Course(tape)
    return [course.say(one.port, as_bytes(one.send)) for one in messages], course


class TestOtherLengths:
    """Loops whose length depends on time."""

    GO = said("GO\n", (), repeatable=False)

    @pytest.mark.parametrize("rounds", [1, 2, 5])
    def test_fewer_rounds_are_allowed(self, rounds: int) -> None:
        """Nothing is left over."""
        tape = folded(numbered([*ROUND * 5, self.GO]))
        found, course = replayed(tape, [*ROUND * rounds, self.GO])
        assert None not in found
        assert course.farthest == len(tape)

    def test_more_are_not(self) -> None:
        """The first message too many is told."""
        found, _ = replayed(folded(numbered([*ROUND * 5, self.GO])), ROUND * 6)
        assert found.index(None) == 15

    @pytest.mark.parametrize("rounds", [0, 1, 4, 5])
    def test_the_rest_of_a_round(self, rounds: int) -> None:
        """Recorded: five rounds and a question more. It may come after any round."""
        tape = folded(numbered([*ROUND * 5, ROUND[0], self.GO]))
        found, course = replayed(tape, [*ROUND * rounds, ROUND[0], self.GO])
        assert (None in found) is (rounds == 0)  # the whole round was said at least once
        assert (course.farthest == len(tape)) is (rounds > 0)

    def test_half_a_round_is_left_over(self) -> None:
        """The section ends in the middle of one that was whole."""
        _, course = replayed(folded(numbered(ROUND * 5)), ROUND[:2])
        assert course.farthest == 2

    def test_the_last_answer_is_not_given_sooner(self) -> None:
        """The loop goes on as it did: busy for five rounds, then not."""
        ready = said("A?\n", ("0\n",))
        tape = folded(numbered([*ROUND[:2] * 5, ready, self.GO]))
        found, course = replayed(tape, [*ROUND[:2] * 2, ready, self.GO])
        assert found == [0, 1, 0, 1, 0, None]
        assert course.said == 1
