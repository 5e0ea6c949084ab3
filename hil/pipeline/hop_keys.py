"""One end of one hop of a relay: the link's keys, oldest first, and one-time tags made of some of them.

Both ends of a hop get the same keys in the same order from their link. Only the end nearer to the relay's first node picks
keys; it forgets a key as it names it, so what it still has is a part of what the other end has, whatever got lost between. The
other end forgets a named key, and all older ones, once the tag over the naming message was right.

Every batch of a relay takes a pool of its own out of the hop's keys (:data:`POOL_BITS`), named in its first message: two tags
each way with :class:`~hil.pipeline.authentication.Authenticator`. Nothing of it outlives the batch, so that a lost message
leaves no pool out of step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import AuthenticationError
from hil.pipeline.authentication import KEY_BITS, SEAL_BYTES, Authenticator, KeyPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hil.pipeline.party import Direction
    from hil.ports.secret import SecretBytes

__all__ = ["POOL_BITS", "HopEnd", "HopKeyError"]

POOL_BITS = 4 * KEY_BITS
"""Taken from a hop's keys for the tags of one batch: two one-time keys each way."""


class HopKeyError(AuthenticationError):
    """A message names a key that this end of the hop does not have: used, never released, or made up."""


class HopEnd:
    """Keys of one hop at one of its nodes; ``sending`` is the direction in which this end sends.

    ``a->b`` leads away from the relay's first node. ``key_bits`` is the size of each key; ``subject`` is part of every tag.
    """

    def __init__(self, hop: str, sending: Direction, key_bits: int, subject: str) -> None:
        self.hop = hop
        self.sending: Direction = sending
        self.pool_keys = math.ceil(POOL_BITS / key_bits)
        self._subject = subject
        self._keys: dict[str, SecretBytes] = {}
        self._tags: Authenticator | None = None

    def __repr__(self) -> str:
        return f"<end of hop {self.hop}, {len(self._keys)} keys>"

    def add(self, keys: Iterable[tuple[str, SecretBytes]]) -> None:
        """Keys that the hop's link released, oldest first."""
        self._keys.update(keys)

    @property
    def waiting(self) -> int:
        """Keys that nobody used yet."""
        return len(self._keys)

    def oldest(self, number: int) -> tuple[str, ...]:
        """IDs of the oldest keys; fewer where there are fewer."""
        return tuple(self._keys)[:number]

    def take(self, key_ids: Sequence[str]) -> list[SecretBytes]:
        """These keys, which are gone from here then, and with them all that are older; HopKeyError for one that is not here."""
        taken = self._named(key_ids)
        order = {key_id: place for place, key_id in enumerate(self._keys)}
        newest = max((order[key_id] for key_id in key_ids), default=-1)
        self._keys = {key_id: key for key_id, key in self._keys.items() if order[key_id] > newest}
        return taken

    def open_pool(self, key_ids: Sequence[str]) -> None:
        """Tags of the present batch from these keys, which are spent so. For the end that picks them."""
        self._tags = self._authenticator(self.take(key_ids))

    def accept_pool(self, key_ids: Sequence[str], wire: bytes) -> None:
        """The same at the other end, from the message that names them: nothing is spent unless its tag is right."""
        tags = self._authenticator(self._named(key_ids))
        tags.verify(wire[:SEAL_BYTES], wire[SEAL_BYTES:])
        self.take(key_ids)
        self._tags = tags

    def seal(self, body: bytes) -> bytes:
        """The body behind a tag of the present batch."""
        return self._open_tags().tag(body) + body

    def opened(self, wire: bytes) -> bytes:
        """The body of what came; AuthenticationError unless its tag is right and new."""
        body = wire[SEAL_BYTES:]
        self._open_tags().verify(wire[:SEAL_BYTES], body)
        return body

    def _open_tags(self) -> Authenticator:
        if self._tags is None:
            raise AuthenticationError("a message of a batch that was not begun here")
        return self._tags

    def _authenticator(self, keys: list[SecretBytes]) -> Authenticator:
        pool = b"".join(key.reveal() for key in keys)[: POOL_BITS // 8]
        if len(keys) != self.pool_keys or 8 * len(pool) != POOL_BITS:
            raise HopKeyError(f"{len(keys)} keys are named for the tags of a batch; {self.pool_keys} are needed")
        return Authenticator(KeyPool(pool), self.sending, self._subject)

    def _named(self, key_ids: Sequence[str]) -> list[SecretBytes]:
        if len(set(key_ids)) != len(key_ids) or not all(key_id in self._keys for key_id in key_ids):
            raise HopKeyError("a key is named that this end does not have, or no longer has")
        return [self._keys[key_id] for key_id in key_ids]
