"""The authenticated classical channel of a link: round trips over it, and attacks on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hil.ports.run import Latencies
    from hil.testbed.link import Link

__all__ = ["Attack", "AuthChannel", "Direction"]

Direction = Literal["a->b", "b->a"]


class Attack:
    """Stands between the parties as ``link.run(..., interceptor=attack)``, and acts once; ``acted`` counts how often it did."""

    acted: int


class AuthChannel:
    """Timing of the classical channel, and attacks; the fixture ``auth_channel``.

    An attack is a context manager: ``with auth_channel.tampering("a->b", 2) as attack: link.run("2 s", interceptor=attack)``.
    One that never acted raises FaultWithoutEvidenceError when the context ends.
    """

    def __init__(self, link: Link) -> None:
        self.link = link

    def round_trips(self, number: int = 100) -> Latencies:
        """Send that many tagged messages over a loopback connection, each answered by a tagged one, and time them."""
        raise NotImplementedError

    def tampering(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Change one bit of message ``number`` of that direction."""
        raise NotImplementedError

    def dropping(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Lose message ``number`` of that direction."""
        raise NotImplementedError

    def replaying(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Deliver message ``number`` of that direction twice."""
        raise NotImplementedError

    def reflecting(self, direction: Direction = "a->b", number: int = 0) -> AbstractContextManager[Attack]:
        """Give the sender of message ``number`` its own message back in place of the next answer."""
        raise NotImplementedError
