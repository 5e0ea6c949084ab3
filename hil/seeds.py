"""Random streams keyed by what they are for, never by the order of calls.

The same (seed, key) gives the same stream in any process, order or worker; two different keys give independent ones.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["derive", "draw_seed", "stream"]


def draw_seed() -> int:
    """A fresh 63-bit run seed from the operating system."""
    return secrets.randbits(63)


def derive(seed: int, *key: str | int) -> int:
    """A 128-bit number that depends on the seed and on every part of the key."""
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in key)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """The random generator of one component (and, where it draws over time, one time window)."""
    import numpy as np

    return np.random.Generator(np.random.Philox(key=derive(seed, *key)))
