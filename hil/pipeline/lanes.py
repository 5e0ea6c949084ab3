"""One party's blocks in flight: lanes that run a block each, side by side over one ordered channel, without I/O.

Block n of a link runs in lane n modulo the number of lanes, at both ends. A lane has a party object of its own with a key
pool of its own (:func:`lane_pools`), and its blocks follow each other, so that each lane is the protocol of one block at a
time: what happens to a block in one lane moves no key, no position and no doubt in another.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from hil.errors import ChannelClosedError, UsageError
from hil.pipeline.authentication import KEY_BYTES, KeyPool
from hil.pipeline.party import RECEIVE, Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.pipeline.party import Party, Request

__all__ = ["Ended", "Lanes", "lane_pools"]

R = TypeVar("R")

_MOST_WAITING_BYTES = 1 << 30


def lane_pools(pre_shared: bytes, lanes: int) -> list[KeyPool]:
    """The pool of each lane: an equal share of the pre-shared key, the same at both ends.

    UsageError for a key with fewer than two one-time keys a direction for every lane.
    """
    if lanes < 1:
        raise UsageError(f"{lanes} blocks in flight; expected one or more")
    share = len(pre_shared) // lanes
    share -= share % (2 * KEY_BYTES)
    return [KeyPool(pre_shared[lane * share : (lane + 1) * share]) for lane in range(lanes)]


@dataclass(frozen=True)
class Ended(Generic[R]):
    """A lane's block is over: with its result, or with what its party raised."""

    lane: int
    result: R | None
    error: Exception | None = None


@dataclass
class _Lane(Generic[R]):
    party: Party[R] | None = None
    inbox: deque[bytes] = field(default_factory=deque)


class Lanes(Generic[R]):
    """Steps whatever can go on; ``outgoing`` are (lane, message) to be sent, ``ended`` the blocks that are over.

    The caller takes both away. A message for a lane without a block waits for its next one.
    """

    def __init__(self, number: int) -> None:
        self._lanes: list[_Lane[R]] = [_Lane() for _ in range(number)]
        self.outgoing: deque[tuple[int, bytes]] = deque()
        self.ended: deque[Ended[R]] = deque()

    def __len__(self) -> int:
        return len(self._lanes)

    def busy(self, lane: int) -> bool:
        """Whether a block runs there; it waits for a message then."""
        return self._lanes[lane].party is not None

    @property
    def waiting(self) -> list[int]:
        """Lanes whose block waits for a message."""
        return [number for number, lane in enumerate(self._lanes) if lane.party is not None]

    def start(self, lane: int, party: Party[R]) -> None:
        """Run a block there until it waits; UsageError while another one does."""
        if self.busy(lane):
            raise UsageError(f"lane {lane} still runs a block")
        self._lanes[lane].party = party
        self._go(lane, partial(next, party))

    def deliver(self, lane: int, data: bytes) -> None:
        """A message came; ChannelClosedError for a lane that there is not."""
        if not 0 <= lane < len(self._lanes):
            raise ChannelClosedError(f"a message of lane {lane} came; this side has {len(self._lanes)} blocks in flight")
        if sum(map(len, self._lanes[lane].inbox)) > _MOST_WAITING_BYTES:
            raise ChannelClosedError(f"more than {_MOST_WAITING_BYTES} bytes came for a block that has not begun")
        self._lanes[lane].inbox.append(data)
        self._go(lane, lambda: RECEIVE)

    def close(self, why: str, lane: int | None = None) -> None:
        """Nothing will come any more for the block that runs there, or for any block; what came and was not read is gone."""
        for number in range(len(self._lanes)) if lane is None else (lane,):
            one = self._lanes[number]
            one.inbox.clear()
            while (party := one.party) is not None:
                self._go(number, partial(party.throw, ChannelClosedError(why)))

    def _go(self, number: int, step: Callable[[], Request]) -> None:
        """Run a lane's party until it waits for what is not there, or ends."""
        lane = self._lanes[number]
        if (party := lane.party) is None:
            return
        try:
            request = step()
            while True:
                if isinstance(request, Outgoing):
                    self.outgoing.append((number, request.data))
                    request = party.send(None)
                elif lane.inbox:
                    request = party.send(lane.inbox.popleft())
                else:
                    return
        except StopIteration as end:
            lane.party = None
            self.ended.append(Ended(number, cast("R", end.value)))
        except Exception as error:  # noqa: BLE001  (handed to whoever waits for the block)
            lane.party = None
            self.ended.append(Ended(number, None, error))
