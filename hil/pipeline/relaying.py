"""Runs one batch of a relay over all its nodes in one thread, with whoever sits on the hops between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hil.errors import AuthenticationKeyExhaustedError, ClassicalChannelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.pipeline.relay import Outgoing, RelayNode

__all__ = ["HopMessage", "Interceptor", "Stop", "run_batch"]


@dataclass(frozen=True)
class HopMessage:
    """A message on its way over a hop (0 is the first node's); ``onward`` leads away from the first node."""

    hop: int
    onward: bool
    data: bytes


class Interceptor(Protocol):
    """Sits on the hops: returns what arrives in place of a message, None where nothing does."""

    def __call__(self, message: HopMessage, /) -> bytes | None: ...


@dataclass(frozen=True)
class Stop:
    """Why a batch ended early, and on which hop."""

    hop: int
    reason: str


def run_batch(nodes: Sequence[RelayNode], most: int, interceptor: Interceptor | None = None) -> Stop | None:
    """One batch of at most ``most`` keys from the first node to the last; None when it went through.

    Released keys are at the first and the last node then; after a stop they may be at the last one alone.
    """
    place = hop = 0
    try:
        outgoing: Outgoing | None = nodes[0].begin(most)
        while outgoing is not None:
            hop = place if outgoing.onward else place - 1
            message = HopMessage(hop, outgoing.onward, outgoing.data)
            arrived = message.data if interceptor is None else interceptor(message)
            if arrived is None:
                return Stop(hop, "a message did not arrive")
            place += 1 if outgoing.onward else -1
            outgoing = nodes[place].receive(arrived, from_up=outgoing.onward)
    except AuthenticationKeyExhaustedError as error:
        return Stop(place, str(error))  # of the hop that the node wanted to go on over
    except ClassicalChannelError as error:
        return Stop(hop, str(error))
    return None
