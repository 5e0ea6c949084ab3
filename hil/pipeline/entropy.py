"""Where a party's random bits come from: the operating system on a real bench, a keyed stream on a twin."""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol

from hil.seeds import derive

__all__ = ["Entropy", "SeededEntropy", "SystemEntropy"]


class Entropy(Protocol):
    """Fresh random bytes for one purpose (hash seeds, shuffles, random bits of double clicks)."""

    def draw(self, purpose: str, size: int) -> bytes:
        """``size`` bytes; two calls never give the same ones, whatever the purpose."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    def draw(self, purpose: str, size: int) -> bytes:  # noqa: ARG002  (a real source needs no label)
        return secrets.token_bytes(size)


class SeededEntropy:
    """Simulated benches only: bytes that follow from (seed, key, purpose, how often it was asked)."""

    def __init__(self, seed: int, *key: str | int) -> None:
        self._seed = seed
        self._key = key
        self._asked: dict[str, int] = {}

    def draw(self, purpose: str, size: int) -> bytes:
        number = self._asked.get(purpose, 0)
        self._asked[purpose] = number + 1
        key = derive(self._seed, "entropy", *self._key, purpose, number)
        return hashlib.shake_256(key.to_bytes(16, "little")).digest(size)
