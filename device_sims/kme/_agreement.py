"""What two KMEs agree on: which keys both hold, and for whom one sets aside what the other handed out.

Here both stores are in one process, and one lock makes each agreement whole. The order of the durable steps is that of two
processes, though: a crash between any two of them loses no key that was handed out, and hands out none that only one side
holds. :meth:`KeyAgreement.repair` settles what such a crash left in doubt.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from hil.errors import KeyNotFoundError
from hil.ports.keystore import DeliveredKey, KeyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.ports.keystore import SharedKeyStore
    from hil.ports.secret import SecretBytes

__all__ = ["KeyAgreement", "Side"]

Side = Literal["a", "b"]
_HELD = {KeyState.PENDING, KeyState.DELIVERABLE, KeyState.RESERVED, KeyState.DELIVERED}


class KeyAgreement:
    """The two stores of a link, and every step that concerns both."""

    def __init__(self, store_a: SharedKeyStore, store_b: SharedKeyStore) -> None:
        self._stores: dict[Side, SharedKeyStore] = {"a": store_a, "b": store_b}
        self._lock = threading.Lock()

    def store(self, side: Side) -> SharedKeyStore:
        """The store of one side."""
        return self._stores[side]

    def ingest(self, keys: Sequence[tuple[str, SecretBytes, SecretBytes]]) -> None:
        """Take in (key ID, Alice's key, Bob's key), all or none: stored durably at both sides first, then released.

        Nobody compares the two. KeyStoreError when a store refuses; then neither keeps any of them.
        """
        ids = [key_id for key_id, _, _ in keys]
        store_a, store_b = self._stores["a"], self._stores["b"]
        with self._lock:
            store_a.add_all_pending([DeliveredKey(key_id, key) for key_id, key, _ in keys])
            try:
                store_b.add_all_pending([DeliveredKey(key_id, key) for key_id, _, key in keys])
            except Exception:  # whatever it was: no key may stay with one side only; raised again
                store_a.discard_all(ids)
                raise
            store_a.release_all(ids)
            store_b.release_all(ids)

    def room(self) -> int:
        """How many keys more fit into both stores."""
        return min(store.room() for store in self._stores.values())

    def never_seen(self, key_id: str) -> bool:
        """Whether neither store has ever held that key."""
        return all(store.state(key_id) is KeyState.UNKNOWN for store in self._stores.values())

    def hand_out(self, side: Side, number: int, holder: str) -> tuple[DeliveredKey, ...]:
        """Take the oldest keys at ``side``, once the peer has set the same aside for ``holder``; KeysExhaustedError."""
        own, peer = self._stores[side], self._stores[_other(side)]
        with self._lock:
            while True:
                ids = own.next_ids(number)
                try:
                    peer.reserve(ids, holder)
                except KeyNotFoundError:
                    lone = tuple(key_id for key_id in ids if not _reserved(peer, key_id, holder))
                    own.take(lone)  # a key that only one side holds is none
                else:
                    return own.take(ids)

    def collect(self, side: Side, key_ids: tuple[str, ...]) -> tuple[DeliveredKey, ...]:
        """Take these keys at ``side``; KeyNotFoundError."""
        with self._lock:
            return self._stores[side].take(key_ids)

    def repair(self) -> tuple[int, int]:
        """Settle every pending key: released where both sides hold it, destroyed where one never did.

        Gives the numbers of keys released and destroyed. Doing it again changes nothing.
        """
        with self._lock:
            pairs: tuple[tuple[Side, Side], ...] = (("a", "b"), ("b", "a"))
            pending = {key_id for side, _ in pairs for key_id in self._stores[side].pending_ids()}
            both = {key_id for key_id in pending if all(store.state(key_id) in _HELD for store in self._stores.values())}
            for side, _ in pairs:
                store = self._stores[side]
                mine = store.pending_ids()
                store.release_all([key_id for key_id in mine if key_id in both])
                store.discard_all([key_id for key_id in mine if key_id not in both])
        return len(both), len(pending) - len(both)


def _reserved(peer: SharedKeyStore, key_id: str, holder: str) -> bool:
    """Set a key aside at the peer; what it holds without knowing that we do too is released first."""
    if peer.state(key_id) is KeyState.PENDING:
        peer.release(key_id)
    try:
        peer.reserve((key_id,), holder)
    except KeyNotFoundError:
        return False
    return True


def _other(side: Side) -> Side:
    return "b" if side == "a" else "a"
