"""What a party of the key pipeline is: a generator that yields what it sends and takes what came, and does no I/O.

::

    party = bob.block(context, records)
    request = next(party)                 # Outgoing(data) or RECEIVE
    request = party.send(None)            # after Outgoing: it went out
    request = party.send(data)            # after RECEIVE: this came
    party.throw(ChannelClosedError(...))  # after RECEIVE: nothing will come any more
    ... StopIteration.value               # the party's result

:mod:`hil.pipeline.stepping` runs two parties in one thread, :mod:`hil.pipeline.in_flight` several blocks of them over a channel
with a delay; :mod:`hil.pipeline.endpoint` runs one party over memory, TCP or TLS.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar

__all__ = ["RECEIVE", "Direction", "Outgoing", "Party", "Receive", "Request"]

R = TypeVar("R")

Direction: TypeAlias = Literal["a->b", "b->a"]


@dataclass(frozen=True)
class Outgoing:
    """A party has this message to send."""

    data: bytes

    def __repr__(self) -> str:
        return f"Outgoing({len(self.data)} bytes)"


class Receive(Enum):
    """A party waits for a message."""

    RECEIVE = "receive"


RECEIVE: Final = Receive.RECEIVE

Request: TypeAlias = Outgoing | Receive
Party: TypeAlias = Generator[Request, bytes | None, R]
