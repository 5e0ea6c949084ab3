"""The classical channels of a chain's hops: a relay's messages go over those of its links, and break with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.pipeline.stepping import Message
from hil.testbed.channel.classical_channel import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.pipeline.party import Direction
    from hil.pipeline.relaying import HopMessage
    from hil.pipeline.relaying import Interceptor as HopInterceptor
    from hil.pipeline.stepping import Interceptor
    from hil.testbed.testbed import Testbed

__all__ = ["HopChannels"]


class HopChannels:
    """Who sits on the hops of one batch of a relay: ``inner`` first, behind him the toxics of each hop's link.

    Messages are stepped in one thread, as those of a distillation may be. A message that comes besides the one that is due (a
    repeated or a reflected one) stays in the stream, and is what arrives in place of the next one of its way.
    """

    def __init__(
        self, testbed: Testbed, links: Sequence[str], onward: Sequence[bool], batch: int, inner: HopInterceptor | None
    ) -> None:
        self._onward = onward
        self._inner = inner
        self._toxics: dict[int, Interceptor] = {}
        for hop, link in enumerate(links):
            channel = testbed.broken_classical(link + SUFFIX)
            if channel is not None and (toxics := channel.between(batch, None)) is not None:
                self._toxics[hop] = toxics
        self._sent: dict[tuple[int, Direction], int] = {}
        self._stream: dict[tuple[int, Direction], list[bytes]] = {}

    def __call__(self, message: HopMessage) -> bytes | None:
        """What arrives in its place; None where nothing does."""
        data = message.data if self._inner is None else self._inner(message)
        toxics = self._toxics.get(message.hop)
        if toxics is None or data is None:
            return data
        way: Direction = "a->b" if message.onward == self._onward[message.hop] else "b->a"
        place = message.hop, way
        number = self._sent.get(place, 0)
        self._sent[place] = number + 1
        stream = self._stream.setdefault(place, [])
        stream += toxics(Message(way, number, data))
        return stream.pop(0) if stream else None
