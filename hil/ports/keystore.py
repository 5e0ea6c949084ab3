"""Where keys go after distillation, and how an application fetches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hil.ports.secret import SecretBytes

__all__ = ["DeliveredKey", "KeyDelivery", "KeyStore", "KeyStoreStatus"]


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


class KeyDelivery(Protocol):
    """An application's (SAE's) side of ETSI GS QKD 014, towards its own KME."""

    def status(self, peer_sae_id: str) -> KeyStoreStatus: ...
    def get_keys(self, slave_sae_id: str, number: int = 1, size_bits: int | None = None) -> tuple[DeliveredKey, ...]: ...
    def get_keys_with_ids(self, master_sae_id: str, key_ids: tuple[str, ...]) -> tuple[DeliveredKey, ...]: ...
    def close(self) -> None: ...
