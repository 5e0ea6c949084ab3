"""Keys that both ends of a link released, until somebody puts them into a key store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.ports.secret import SecretBytes

    Keys = Iterable[tuple[str, SecretBytes]]

__all__ = ["ReleasedKey", "ReleasedKeys", "batch_digest"]

_SHORTEST = 128

ReleasedKey = tuple[str, "SecretBytes", "SecretBytes"]
"""Key ID, Alice's key, Bob's key. Nobody but a test compares the two."""


def batch_digest(keys: Iterable[SecretBytes]) -> tuple[str, ...]:
    """One SHA-256 for all keys of a batch: of their own fingerprints, in order. Nothing for an empty batch or short keys.

    A record holds this instead of a line for every key, of which a link makes thousands a second.
    """
    fingerprints = [key.fingerprint() for key in keys if key.bit_length >= _SHORTEST]
    return (hashlib.sha256("".join(fingerprints).encode()).hexdigest(),) if fingerprints else ()


class ReleasedKeys:
    """Pairs keys by their ID; one that only one end released so far waits for the other."""

    def __init__(self) -> None:
        self._lone: tuple[dict[str, SecretBytes], dict[str, SecretBytes]] = ({}, {})
        self._pairs: list[ReleasedKey] = []

    def add(self, of_a: Keys, of_b: Keys) -> list[ReleasedKey]:
        """Take what each end released; the keys that both have by now, in Alice's order."""
        alice, bob = self._lone
        alice.update(of_a)
        bob.update(of_b)
        both = [(key_id, alice[key_id], bob[key_id]) for key_id in alice if key_id in bob]
        for key_id, _, _ in both:
            del alice[key_id], bob[key_id]
        self._pairs += both
        return both

    def waiting(self) -> tuple[ReleasedKey, ...]:
        """All pairs that nobody took yet, oldest first."""
        return tuple(self._pairs)

    def take(self, most: int | None = None) -> tuple[ReleasedKey, ...]:
        """The oldest pairs, ``most`` of them or all, which are gone from here then."""
        taken = tuple(self._pairs[:most])
        del self._pairs[: len(taken)]
        return taken

    def give_back(self, keys: Iterable[ReleasedKey]) -> None:
        """Pairs that were taken and that nobody took in: they are the oldest again."""
        self._pairs[:0] = keys
