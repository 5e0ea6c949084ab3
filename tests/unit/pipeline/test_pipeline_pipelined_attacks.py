"""Blocks in flight with somebody on the channel: each side ends in bounded time, keys never differ, nothing stays in doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hil.compiled import available
from hil.pipeline.in_flight import run_in_flight
from hil.pipeline.settings import KeyFate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Message
    from tests.unit.pipeline.conftest import SmallLanes

LANES, BLOCKS, TIMEOUT_S, ONE_WAY_S = 3, 6, 5.0, 0.01
MESSAGES = 400
"""About as many as six blocks have."""

ACTIONS = ("drop", "flip", "truncate", "replay", "delay", "swap", "reflect", "cut")
strikes = st.dictionaries(st.integers(0, MESSAGES), st.tuples(st.sampled_from(ACTIONS), st.floats(0.0, 0.999)), max_size=6)


class Mallory:
    """Does what is planned to the messages of those numbers, counted over all lanes and both directions."""

    def __init__(self, plan: dict[int, tuple[str, float]]) -> None:
        self._plan = plan
        self._seen = -1
        self._held: list[bytes] = []
        self._past: list[bytes] = []
        self._silent = False

    def __call__(self, message: Message) -> Iterable[bytes]:
        self._seen += 1
        self._past.append(message.data)
        action, place = self._plan.get(self._seen, ("pass", 0.0))
        self._silent = self._silent or action == "cut"
        if self._silent:
            return ()
        data, at = message.data, int(place * len(message.data))
        earlier = self._past[int(place * len(self._past))]
        held, self._held = self._held, [data] if action == "delay" else []
        arriving: dict[str, list[bytes]] = {
            "drop": [],
            "delay": [],
            "flip": [data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]],
            "truncate": [data[:at]],
            "replay": [data, data],
            "swap": [earlier],
            "reflect": [data, earlier],
        }
        return [*arriving.get(action, [data]), *held]


def keys_of(results: list[BlockResult]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for result in results:
        for one in filter(None, (result.settled, result)):
            found |= {key_id: key.reveal() for key_id, key in one.keys}
    return found


def both(results: list[tuple[BlockResult, BlockResult]]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    return keys_of([a for a, _ in results]), keys_of([b for _, b in results])


RECONCILIATIONS = ["cascade", *(["cascade-fast", "cascade-efficient", "ldpc"] if available() else [])]


@pytest.mark.parametrize("reconciliation", RECONCILIATIONS)
@pytest.mark.timeout(600)
@examples(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(plan=strikes, qber=st.sampled_from([0.0, 0.01, 0.06]))
def test_whatever_is_done_to_blocks_in_flight(
    small_lanes: Callable[..., SmallLanes], reconciliation: str, plan: dict[int, tuple[str, float]], qber: float
) -> None:
    """Six blocks under attack, then six clean ones over a channel that is back.

    No two different keys of one ID at any time, every block over after as many timeouts as a lane has blocks, and in the end
    both hold the same keys, with pools in step.
    """
    settings = replace(small_lanes(1).settings, reconciliation=reconciliation)  # type: ignore[arg-type]
    link = small_lanes(LANES, settings, events=30_000, qber=qber)
    first = run_in_flight(*link.next_blocks(BLOCKS), LANES, one_way_s=ONE_WAY_S, timeout_s=TIMEOUT_S, interceptor=Mallory(plan))
    of_a, of_b = both(first.results)
    assert all(of_a[key_id] == of_b[key_id] for key_id in of_a.keys() & of_b.keys())
    assert set(of_b) <= set(of_a)
    # a block is at most a hundred messages each way and one silence at either end
    assert first.elapsed_s < BLOCKS / LANES * (2 * TIMEOUT_S + 200 * ONE_WAY_S)
    second = run_in_flight(*link.next_blocks(BLOCKS), LANES, one_way_s=ONE_WAY_S, timeout_s=TIMEOUT_S)
    assert not any(KeyFate.IN_DOUBT in (a.fate, b.fate) for a, b in second.results)
    of_a, of_b = both(first.results + second.results)
    assert of_a == of_b
    assert of_a or qber > 0.05
    assert all(a.pool.position == b.pool.position for a, b in zip(link.alice, link.bob, strict=True))
