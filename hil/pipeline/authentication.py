"""Wegman-Carter authentication: a one-time Poly1305 key for every tag, out of a pool that the link's own key refills.

Each direction has its own numbered keys of 32 bytes, so that the two parties can never tag with the same one. A tag names the
number of its key. The sender never goes back to a number; the receiver accepts only numbers it has not accepted yet, and moves
on only when a tag was right, so that forgeries spend nothing. The chance of one forgery is at most 8 ceil(L/16) / 2^106 for L
bytes (D. J. Bernstein, "The Poly1305-AES message-authentication code", FSE 2005).
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from hil.errors import AuthenticationError, AuthenticationKeyExhaustedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.pipeline.party import Direction

__all__ = ["KEY_BITS", "KEY_BYTES", "SEAL_BYTES", "Authenticator", "KeyPool", "forgery_chance"]

KEY_BYTES = 32
KEY_BITS = 8 * KEY_BYTES
SEAL_BYTES = 20
_NUMBER = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")


def forgery_chance(length_bytes: int) -> float:
    """Bound on the chance that one forged message of this length is accepted."""
    return 8.0 * math.ceil(length_bytes / 16) / 2.0**106


class KeyPool:
    """Numbered one-time keys of both directions; both parties make theirs from the same pre-shared bytes.

    UsageError for fewer than two keys a direction. ``target_keys`` is what each direction is refilled to.
    """

    def __init__(self, pre_shared: bytes) -> None:
        self.target_keys = len(pre_shared) // (2 * KEY_BYTES)
        if self.target_keys < 2:
            raise UsageError(f"an authentication pool starts from at least {4 * KEY_BYTES} bytes; got {len(pre_shared)}")
        half = self.target_keys * KEY_BYTES
        self._keys: dict[Direction, dict[int, bytes]] = {"a->b": {}, "b->a": {}}
        self._next: dict[Direction, int] = {"a->b": 0, "b->a": 0}
        self._end: dict[Direction, int] = {"a->b": 0, "b->a": 0}
        self.replenish(pre_shared[: 2 * half], self.target_keys)

    def __repr__(self) -> str:
        return f"<key pool, {self.remaining('a->b')} keys a->b, {self.remaining('b->a')} keys b->a>"

    @property
    def position(self) -> tuple[int, int, int, int]:
        """Next number and end, a->b then b->a."""
        return (self._next["a->b"], self._end["a->b"], self._next["b->a"], self._end["b->a"])

    def remaining(self, direction: Direction) -> int:
        """Keys left for this direction."""
        return self._end[direction] - self._next[direction]

    def next_number(self, direction: Direction) -> int:
        """Number of the next key; AuthenticationKeyExhaustedError when there is none."""
        self.require(direction, 1)
        return self._next[direction]

    def require(self, direction: Direction, keys: int) -> None:
        """AuthenticationKeyExhaustedError unless this many are left."""
        if self.remaining(direction) < keys:
            raise AuthenticationKeyExhaustedError(
                f"{self.remaining(direction)} authentication keys are left for {direction}, {keys} are needed; "
                "give both ends a new pre-shared key"
            )

    def key(self, direction: Direction, number: int) -> bytes | None:
        """The key of that number; None when it was spent, skipped or never there."""
        return self._keys[direction].get(number)

    def spend(self, direction: Direction, number: int) -> None:
        """Forget this key and all before it."""
        for spent in range(self._next[direction], number + 1):
            del self._keys[direction][spent]
        self._next[direction] = number + 1

    def replenish(self, material: bytes, keys_a_to_b: int) -> None:
        """Append whole keys, the first ``keys_a_to_b`` of them for a->b; both parties do it with the same bytes."""
        keys = [material[start : start + KEY_BYTES] for start in range(0, len(material), KEY_BYTES)]
        for direction, share in (("a->b", keys[:keys_a_to_b]), ("b->a", keys[keys_a_to_b:])):
            self._append(direction, share)  # type: ignore[arg-type]  # a literal

    def _append(self, direction: Direction, keys: list[bytes]) -> None:
        end = self._end[direction]
        self._keys[direction].update(enumerate(keys, start=end))
        self._end[direction] = end + len(keys)


class Authenticator:
    """One party's tags: what it sends is tagged with the keys of its direction, what comes is checked with those of the other.

    ``subject`` (the link's name) is part of what is tagged, and so are direction and key number.
    """

    def __init__(self, pool: KeyPool, sending: Direction, subject: str = "") -> None:
        self.pool = pool
        self.sending: Direction = sending
        self.receiving: Direction = "b->a" if sending == "a->b" else "a->b"
        self._subject = subject.encode()
        self.spent_keys = 0

    def tag(self, *parts: bytes) -> bytes:
        """Seal what is sent; AuthenticationKeyExhaustedError when no key is left."""
        number = self.pool.next_number(self.sending)
        key = self.pool.key(self.sending, number)
        assert key is not None
        self.pool.spend(self.sending, number)
        self.spent_keys += 1
        return _NUMBER.pack(number) + self._tag(key, self.sending, number, parts)

    def verify(self, seal: bytes, *parts: bytes) -> None:
        """Check what came; AuthenticationError for a wrong tag, or one whose key was used or is unknown."""
        import hmac

        if len(seal) != SEAL_BYTES:
            raise AuthenticationError(f"a tag of {len(seal)} bytes; {SEAL_BYTES} are expected")
        (number,) = _NUMBER.unpack_from(seal)
        key = self.pool.key(self.receiving, number)
        if key is None:
            raise AuthenticationError(f"a tag under key {number} of {self.receiving}, which this side has used or never had")
        if not hmac.compare_digest(self._tag(key, self.receiving, number, parts), seal[_NUMBER.size :]):
            raise AuthenticationError("the tag does not fit what was received: something was changed on the way")
        self.spent_keys += 1
        self.pool.spend(self.receiving, number)

    def _tag(self, key: bytes, direction: Direction, number: int, parts: Iterable[bytes]) -> bytes:
        from cryptography.hazmat.primitives.poly1305 import Poly1305

        mac = Poly1305(key)
        for part in (direction.encode(), _NUMBER.pack(number), self._subject, *parts):
            mac.update(_LENGTH.pack(len(part)))
            mac.update(part)
        return mac.finalize()
