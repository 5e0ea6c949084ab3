"""Key material that cannot be printed, logged, compared carelessly or pickled by accident."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

__all__ = ["SecretBytes"]


@dataclass(frozen=True, repr=False, eq=False)
class SecretBytes:
    """Secret bits, packed most significant bit first; ``bit_length`` says how many of them count.

    ``test`` marks keys that are simulated or whose raw bits crossed the test host: a production store refuses them.
    """

    _value: bytes
    bit_length: int
    test: bool = True

    def reveal(self) -> bytes:
        """The bytes themselves; the only way out, and easy to search for."""
        return self._value

    def fingerprint(self) -> str:
        """SHA-256 of the bits, safe to record for keys of 128 bits and more; ValueError for shorter ones."""
        if self.bit_length < 128:
            raise ValueError("a fingerprint of fewer than 128 secret bits would give them away")
        return hashlib.sha256(self._value).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretBytes):
            return NotImplemented
        return self.bit_length == other.bit_length and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # unhashable on purpose: no secret as a dictionary key

    def __repr__(self) -> str:
        return f"<secret, {self.bit_length} bits>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("secret bits are not pickled")
