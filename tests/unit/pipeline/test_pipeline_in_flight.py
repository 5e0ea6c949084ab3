"""Several blocks in flight, stepped over a channel with a delay in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.pipeline.in_flight import run_in_flight
from hil.pipeline.settings import KeyFate
from hil.pipeline.stepping import run_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Message
    from tests.unit.pipeline.conftest import SmallLanes

ONE_WAY_S = 0.05


def alternations(link: SmallLanes) -> int:
    """How many times the word goes over to the other side in one block: the hops that a delay is paid for."""
    speakers: list[str] = []

    def listen(message: Message) -> Iterable[bytes]:
        if not speakers or speakers[-1] != message.direction:
            speakers.append(message.direction)
        return (message.data,)

    (of_a,), (of_b,) = link.next_blocks(1)
    run_pair(of_a(), of_b(), listen)
    return len(speakers)


def test_one_block_takes_a_delay_for_every_change_of_speaker(small_lanes: Callable[..., SmallLanes]) -> None:
    """Counted in the stepped run, which knows no time."""
    hops = alternations(small_lanes(1))
    flight = run_in_flight(*small_lanes(1).next_blocks(1), 1, one_way_s=ONE_WAY_S)
    assert flight.elapsed_s == pytest.approx(hops * ONE_WAY_S)
    assert flight.results[0][0].fate is flight.results[0][1].fate is KeyFate.RELEASED


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_round_trips_hide_behind_each_other(small_lanes: Callable[..., SmallLanes], lanes: int) -> None:
    """With as many blocks as lanes all take as long as the longest of them, where one after the other takes the sum."""
    alone = []
    for number in range(lanes):
        link = small_lanes(lanes)
        of_a, of_b = link.next_blocks(lanes)
        # the lane's own party, with nobody beside it
        alone.append(run_in_flight([of_a[number]], [of_b[number]], 1, one_way_s=ONE_WAY_S).elapsed_s)
    together = run_in_flight(*small_lanes(lanes).next_blocks(lanes), lanes, one_way_s=ONE_WAY_S)
    assert all(of_a.fate is of_b.fate is KeyFate.RELEASED for of_a, of_b in together.results)
    assert together.elapsed_s == pytest.approx(max(alone))
    assert together.elapsed_s < sum(alone)


def test_keys_are_those_of_each_lane_by_itself(small_lanes: Callable[..., SmallLanes]) -> None:
    """Neither the delay nor the neighbours change a block: lane by lane the stepped run gives the same keys."""
    of_a, of_b = small_lanes(3, events=30_000).next_blocks(6)
    flight = run_in_flight(of_a, of_b, 3, one_way_s=ONE_WAY_S)
    again_a, again_b = small_lanes(3, events=30_000).next_blocks(6)
    for lane in range(3):
        for number in (lane, lane + 3):
            mine, theirs = run_pair(again_a[number](), again_b[number]())
            assert mine.keys == flight.results[number][0].keys
            assert theirs.keys == flight.results[number][1].keys
    ids = [key_id for of_both in flight.results for key_id, _ in of_both[0].keys]
    assert len(set(ids)) == len(ids) > 6


class Loss:
    """Loses one message, counted over all that go by."""

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, message: Message) -> Iterable[bytes]:
        self._left -= 1
        return () if self._left == -1 else (message.data,)


def in_step(link: SmallLanes) -> bool:
    return all(a.pool.position == b.pool.position for a, b in zip(link.alice, link.bob, strict=True))


def released(results: list[tuple[BlockResult, BlockResult]]) -> list[bool]:
    return [of_a.fate is of_b.fate is KeyFate.RELEASED for of_a, of_b in results]


@pytest.mark.parametrize("number", [0, 3, 60, 100])
def test_a_lost_message_ends_its_own_block_and_no_other(small_lanes: Callable[..., SmallLanes], number: int) -> None:
    """The next block of the lane is begun when the wait is over, and all pools are in step."""
    link = small_lanes(4)
    flight = run_in_flight(*link.next_blocks(8), 4, one_way_s=ONE_WAY_S, timeout_s=2.0, interceptor=Loss(number))
    fine = released(flight.results)
    assert fine.count(False) == 1
    assert in_step(link)


def test_blocks_that_die_leave_the_others_their_keys(small_lanes: Callable[..., SmallLanes]) -> None:
    """Every other block is too short for key: its lane goes on, and no lane's pool is touched by another's end."""
    link = small_lanes(2)
    long_a, long_b = link.next_blocks(1)
    short_a, short_b = link.next_blocks(1, events=200)
    more_a, more_b = link.next_blocks(2)
    flight = run_in_flight(long_a + short_a + more_a, long_b + short_b + more_b, 2, one_way_s=ONE_WAY_S)
    assert released(flight.results) == [True, False, True, True]
    assert in_step(link)


def test_different_numbers_of_blocks_in_flight_are_named(small_lanes: Callable[..., SmallLanes]) -> None:
    """Pools of other sizes: nothing is tagged, and both say that they are set up differently."""
    two, four = small_lanes(2), small_lanes(4)
    flight = run_in_flight(two.next_blocks(1)[0], four.next_blocks(1)[1], 1)
    assert "the two ends are set up differently" in flight.results[0][0].report.sentence
    assert "the two ends are set up differently" in flight.results[0][1].report.sentence


@pytest.mark.parametrize("behind", ["alice", "bob"])
def test_an_end_that_is_blocks_behind_catches_up(small_lanes: Callable[..., SmallLanes], behind: str) -> None:
    """Three blocks apart, as after a cut that only one end saw: the shared ones give key before anybody's wait is over.

    The three of the end that is ahead have nobody to talk to, and wait for 100 s each.
    """
    link = small_lanes(1)
    of_a, of_b = link.next_blocks(9)
    ahead, late = slice(3, 9), slice(0, 6)
    flight = run_in_flight(
        of_a[late if behind == "alice" else ahead],
        of_b[late if behind == "bob" else ahead],
        1,
        one_way_s=ONE_WAY_S,
        timeout_s=100.0,
    )
    fates = [{one.report.sequence: one.fate for one in of_one} for of_one in zip(*flight.results, strict=True)]
    assert all(fates[end][number] is KeyFate.RELEASED for end in (0, 1) for number in (3, 4, 5))
    assert all(fate is KeyFate.DISCARDED for end in fates for number, fate in end.items() if number not in {3, 4, 5})
    assert 300.0 < flight.elapsed_s < 400.0
    assert in_step(link)
