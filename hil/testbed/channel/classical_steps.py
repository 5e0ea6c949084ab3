"""A classical channel's toxics on the messages of two parties that are stepped in one thread: an interceptor in event time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.transports.fault_proxy.chain import Chain
from hil.transports.fault_proxy.piece import Mark, Piece
from hil.transports.fault_proxy.stage import Draws
from hil.transports.fault_proxy.toxics import Reorder, stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hil.pipeline.party import Direction as Way
    from hil.pipeline.stepping import Interceptor, Message
    from hil.transports.fault_proxy import Toxic
    from hil.transports.fault_proxy.connection import Direction

__all__ = ["SteppedChannel"]

_HORIZON_NS = 3_600_000_000_000
"""What has not come after an hour of event time never comes."""
_DIRECTIONS: dict[Way, Direction] = {"a->b": "upstream", "b->a": "downstream"}


class SteppedChannel:
    """What arrives in place of each message of one block; ``inner`` had it before.

    A delay is event time only. Parties that are stepped hear of a closed channel as soon as neither can go on, so a message
    that is held for the next one to pass, and none comes, is lost.
    """

    def __init__(self, toxics: list[tuple[str, Toxic, Direction | None]], seed: int, inner: Interceptor | None = None) -> None:
        self._inner = inner
        self._now_ns = 0
        self._broken = False
        self._reflected: dict[Way, list[bytes]] = {"a->b": [], "b->a": []}
        self._parts: dict[Way, list[bytes]] = {"a->b": [], "b->a": []}
        self._chains: dict[Way, Chain] = {}
        for way, direction in _DIRECTIONS.items():
            chain = Chain()
            for name, toxic, only in toxics:
                if only in {None, direction}:
                    held = Reorder(toxic.reorder_ratio, hold_s=1e6) if isinstance(toxic, Reorder) else toxic
                    chain.add(name, stage_of(held, Draws(seed, way, name)), 0)
            self._chains[way] = chain

    def __call__(self, message: Message) -> Iterable[bytes]:
        """What arrives: reflected ones of the other party first."""
        arriving = (message.data,) if self._inner is None else self._inner(message)
        chain, arrived = self._chains[message.direction], self._reflected[message.direction]
        self._reflected[message.direction] = []
        for data in arriving:
            chain.push(self._now_ns, Piece(data))
            arrived += self._arrivals(message.direction)
        return () if self._broken else arrived

    def _arrivals(self, way: Way) -> Iterator[bytes]:
        """Every message that is whole by the time the channel is quiet."""
        for piece in self._pieces(self._chains[way]):
            if piece.mark is Mark.RESET:
                self._broken = True
            elif piece.back:
                self._reflected["b->a" if way == "a->b" else "a->b"].append(piece.data)
            elif piece.mark is Mark.DATA:
                self._parts[way].append(piece.data)
                if piece.ends:
                    yield b"".join(self._parts[way])
                    self._parts[way] = []

    def _pieces(self, chain: Chain) -> Iterator[Piece]:
        start_ns = self._now_ns
        yield from chain.advance(self._now_ns)
        while (due_ns := chain.next_due_ns) < start_ns + _HORIZON_NS:
            self._now_ns = max(self._now_ns, due_ns)
            yield from chain.advance(self._now_ns)
