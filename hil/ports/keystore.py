"""Where keys go after distillation, and how an application fetches them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.ports.secret import SecretBytes

__all__ = ["DeliveredKey", "KeyDelivery", "KeyState", "KeyStore", "KeyStoreStatus", "SharedKeyStore"]


@dataclass(frozen=True)
class KeyStoreStatus:
    """What ETSI GS QKD 014 calls status, for one pair of SAEs."""

    source_kme_id: str
    target_kme_id: str
    master_sae_id: str
    slave_sae_id: str
    key_size_bits: int
    stored_key_count: int
    max_key_count: int
    max_key_per_request: int
    max_key_size_bits: int
    min_key_size_bits: int


class KeyState(Enum):
    """Where a key is in its life at one store; a state only ever moves down this list."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    DELIVERABLE = "deliverable"
    RESERVED = "reserved"  # set aside for one application
    DELIVERED = "delivered"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class DeliveredKey:
    """One key with its ID (a UUID)."""

    key_id: str
    key: SecretBytes


class KeyStore(Protocol):
    """One site's durable store.

    A key is *pending* once stored and *deliverable* once the peer's durable receipt is known; a pending key is never
    delivered. Delivery removes the key: no ID is ever delivered twice by one store.
    """

    def add_pending(self, key_id: str, key: SecretBytes) -> None:
        """Store durably before returning; KeyStoreError for an ID seen before or a TEST key in a production store."""
        ...

    def release(self, key_id: str) -> None:
        """The peer holds it durably: it may be delivered. Releasing twice is a no-op."""
        ...

    def discard(self, key_id: str) -> None:
        """Destroy a pending key; a no-op for an unknown one."""
        ...

    def deliverable_count(self) -> int:
        """How many keys may be delivered."""
        ...

    def take_next(self, number: int) -> tuple[DeliveredKey, ...]:
        """Take the oldest deliverable keys, all or none; KeysExhaustedError."""
        ...

    def take(self, key_ids: tuple[str, ...]) -> tuple[DeliveredKey, ...]:
        """Take these keys, all or none; KeyNotFoundError."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class SharedKeyStore(KeyStore, Protocol):
    """What a key management entity needs besides, to agree with its peer over whole blocks and after a crash."""

    def room(self) -> int:
        """How many keys more may be stored before the store is full."""
        ...

    def add_all_pending(self, keys: Sequence[DeliveredKey]) -> None:
        """Store several keys in one durable step, all or none; KeyStoreError as :meth:`add_pending`."""
        ...

    def release_all(self, key_ids: Sequence[str]) -> None:
        """Release several keys in one durable step, all or none."""
        ...

    def discard_all(self, key_ids: Sequence[str]) -> None:
        """Destroy several pending keys in one durable step."""
        ...

    def next_ids(self, number: int) -> tuple[str, ...]:
        """IDs of the oldest deliverable keys, without taking them; KeysExhaustedError."""
        ...

    def reserve(self, key_ids: Sequence[str], holder: str) -> None:
        """Set deliverable keys aside for ``holder``, all or none: only :meth:`take` by ID reaches them from then on.

        Again for the same holder is a no-op; KeyNotFoundError for a key that is not deliverable or another's.
        """
        ...

    def holder(self, key_id: str) -> str:
        """For whom a key is, or was, set aside; empty for nobody."""
        ...

    def state(self, key_id: str) -> KeyState:
        """Where the key is in its life."""
        ...

    def pending_ids(self) -> tuple[str, ...]:
        """Every pending key, oldest first: what a crash may have left in doubt."""
        ...


class KeyDelivery(Protocol):
    """An application's (SAE's) side of ETSI GS QKD 014, towards its own KME."""

    def status(self, peer_sae_id: str) -> KeyStoreStatus: ...
    def get_keys(self, slave_sae_id: str, number: int = 1, size_bits: int | None = None) -> tuple[DeliveredKey, ...]: ...
    def get_keys_with_ids(self, master_sae_id: str, key_ids: tuple[str, ...]) -> tuple[DeliveredKey, ...]: ...
    def close(self) -> None: ...
