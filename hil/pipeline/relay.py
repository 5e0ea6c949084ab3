"""Key relay over trusted nodes: an end-to-end key goes from node to node, under a one-time pad of each hop's own key.

The first node draws the key. On each hop it is XORed with a key of that hop which is used for nothing else; every node between
the ends decrypts and encrypts again, so it knows the key for a moment: it has to be trusted. A batch takes four messages a hop,
each with a Wegman-Carter tag:

1. ``Request`` to the last node: which hop keys make this batch's tags, how many keys the hops so far can carry, and which keys
   of earlier batches are in doubt at the first node;
2. ``Offer`` back: how many keys all hops can carry, which of the keys in doubt the last node has;
3. ``Relay`` to the last node: the keys, each under a named hop key;
4. ``Done`` back: which of them the last node has.

A node is sans-IO: :meth:`RelayNode.receive` takes what came and returns what goes out. Whatever is lost or changed ends the
batch; hop keys that were named are never used again, and a key whose ``Done`` did not come is in doubt at the first node (not
released) until a later batch settles it. Classical relay as in SECOQC (M. Peev et al., New J. Phys. 11, 075001, 2009).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from hil.errors import AuthenticationError, AuthenticationKeyExhaustedError
from hil.pipeline.authentication import SEAL_BYTES
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.hop_keys import HopEnd

__all__ = ["Outgoing", "RelayNode"]


class _Body(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    batch: int


class _Request(_Body, frozen=True):
    pool: tuple[str, ...]
    keys: int
    in_doubt: tuple[str, ...]


class _Offer(_Body, frozen=True):
    keys: int
    held: tuple[str, ...]


class _Relay(_Body, frozen=True):
    entries: tuple[tuple[str, str, bytes], ...]
    """Key ID, ID of the hop key, key XOR hop key."""


class _Done(_Body, frozen=True):
    accepted: tuple[str, ...]


_Message: TypeAlias = _Request | _Offer | _Relay | _Done
_DECODER: msgspec.msgpack.Decoder[_Message] = msgspec.msgpack.Decoder(_Message)


class Outgoing(NamedTuple):
    """A message for the next node away from the first one (``onward``) or towards it."""

    onward: bool
    data: bytes


class RelayNode:
    """One node: ``up`` is its end of the hop towards the first node (None at the first), ``down`` of the other one.

    ``keys`` are the end-to-end keys released here (ends only), until :meth:`take` hands them over.
    """

    def __init__(self, up: HopEnd | None, down: HopEnd | None, key_bits: int, entropy: Entropy) -> None:
        self.up, self.down = up, down
        self._key_bytes = key_bits // 8
        self._entropy = entropy
        self._batch = 0
        self._expected: tuple[type[_Body], ...] = ()
        self._offered = 0
        self._pending: dict[str, SecretBytes] = {}
        self._accepted: set[str] = set()
        self._released: list[tuple[str, SecretBytes]] = []

    def __repr__(self) -> str:
        return f"<relay node, {len(self._released)} keys, {len(self._pending)} in doubt>"

    @property
    def in_doubt(self) -> int:
        """Keys that were sent and never confirmed; the first node's."""
        return len(self._pending)

    def take(self) -> list[tuple[str, SecretBytes]]:
        """Released keys with their IDs, which are gone from here then."""
        taken, self._released = self._released, []
        return taken

    def begin(self, most: int) -> Outgoing:
        """The first node's: start a batch of at most so many keys; AuthenticationKeyExhaustedError without hop keys for one."""
        return self._request(self._batch + 1, most, tuple(self._pending))

    def receive(self, wire: bytes, *, from_up: bool) -> Outgoing | None:
        """What follows from a message of a neighbour; None at the end of a batch.

        AuthenticationError for what is changed, replayed or out of place, AuthenticationKeyExhaustedError where the next
        hop has no key for the batch; either ends the batch.
        """
        hop = self.up if from_up else self.down
        assert hop is not None
        body = _decoded(wire[SEAL_BYTES:])
        if isinstance(body, _Request):
            if not from_up or body.batch <= self._batch:
                raise AuthenticationError("a request of a batch that is over, or from the wrong side")
            hop.accept_pool(body.pool, wire)
        else:
            hop.opened(wire)
            if type(body) not in self._expected or body.batch != self._batch:
                raise AuthenticationError("a message out of order")
        self._expected = ()
        if isinstance(body, _Request):
            return self._requested(body)
        if isinstance(body, _Offer):
            return self._offer_came(body)
        if isinstance(body, _Relay):
            return self._relay_came(hop, body)
        return self._done_came(body)

    # --- the four messages --------------------------------------------------------------------------------------------

    def _requested(self, body: _Request) -> Outgoing:
        if self.down is not None:
            return self._request(body.batch, body.keys, body.in_doubt)
        self._batch, self._offered, self._expected = body.batch, body.keys, (_Relay,)
        self._accepted &= set(body.in_doubt)
        return self._back(_Offer(body.batch, body.keys, tuple(sorted(self._accepted))))

    def _request(self, batch: int, most: int, in_doubt: tuple[str, ...]) -> Outgoing:
        hop = self.down
        assert hop is not None
        if hop.waiting <= hop.pool_keys:
            raise AuthenticationKeyExhaustedError(f"hop {hop.hop} has {hop.waiting} keys; {hop.pool_keys} go into tags")
        pool = hop.oldest(hop.pool_keys)
        hop.open_pool(pool)
        self._batch, self._expected = batch, (_Offer,)
        self._offered = min(most, hop.waiting)
        return self._on(_Request(batch, pool, self._offered, in_doubt))

    def _offer_came(self, body: _Offer) -> Outgoing:
        if not 0 <= body.keys <= self._offered:
            raise AuthenticationError("an offer of more keys than were asked for")
        self._offered = body.keys
        if self.up is not None:
            self._expected = (_Relay,)
            return self._back(body)
        self._settle(body.held)
        drawn = [self._draw() for _ in range(body.keys)]
        self._pending = dict(drawn)
        return self._onward(drawn)

    def _relay_came(self, hop: HopEnd, body: _Relay) -> Outgoing:
        if len(body.entries) != self._offered:
            raise AuthenticationError("another number of keys than was offered")
        pads = hop.take([hop_key for _, hop_key, _ in body.entries])
        keys = [(key_id, _xor(pad, data)) for (key_id, _, data), pad in zip(body.entries, pads, strict=True)]
        if self.down is not None:
            return self._onward(keys)
        self._released += keys
        self._accepted |= {key_id for key_id, _ in keys}
        return self._back(_Done(body.batch, tuple(key_id for key_id, _ in keys)))

    def _done_came(self, body: _Done) -> Outgoing | None:
        if self.up is not None:
            return self._back(body)
        self._settle(body.accepted)
        return None

    # --- inside -------------------------------------------------------------------------------------------------------

    def _onward(self, keys: list[tuple[str, SecretBytes]]) -> Outgoing:
        """Every key under a hop key of its own; the node itself keeps none of them, but the first one until ``Done``."""
        assert self.down is not None
        names = self.down.oldest(len(keys))
        pads = self.down.take(names)
        entries = [
            (key_id, name, _xor(pad, key.reveal()).reveal()) for (key_id, key), name, pad in zip(keys, names, pads, strict=True)
        ]
        self._expected = (_Done,)
        return self._on(_Relay(self._batch, tuple(entries)))

    def _draw(self) -> tuple[str, SecretBytes]:
        key_id = str(uuid.UUID(bytes=self._entropy.draw("key id", 16), version=4))
        return key_id, SecretBytes(self._entropy.draw("key", self._key_bytes), 8 * self._key_bytes)

    def _settle(self, held: tuple[str, ...]) -> None:
        """Release what the last node has of the pending keys, and destroy the rest."""
        self._released += [(key_id, key) for key_id, key in self._pending.items() if key_id in set(held)]
        self._pending = {}

    def _on(self, body: _Body) -> Outgoing:
        assert self.down is not None
        return Outgoing(onward=True, data=self.down.seal(msgspec.msgpack.encode(body)))

    def _back(self, body: _Body) -> Outgoing:
        assert self.up is not None
        return Outgoing(onward=False, data=self.up.seal(msgspec.msgpack.encode(body)))


def _decoded(body: bytes) -> _Message:
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):  # msgspec lets the second one out of a string that is no UTF-8
        raise AuthenticationError("a message that cannot be read") from None


def _xor(pad: SecretBytes, data: bytes) -> SecretBytes:
    if 8 * len(data) != pad.bit_length:
        raise AuthenticationError("a key of another length than the hop's keys")
    value = int.from_bytes(pad.reveal(), "big") ^ int.from_bytes(data, "big")
    return SecretBytes(value.to_bytes(len(data), "big"), pad.bit_length, test=pad.test)
