"""Whether both parties hold the same bits: a universal hash under a fresh public key.

Poly1305 is an almost-universal hash: two different strings of L bytes collide with a chance of at most 8 ceil(L/16) / 2^106
over the key (D. J. Bernstein, "The Poly1305-AES message-authentication code", FSE 2005), far below any epsilon_correctness
asked for. The hash value is disclosed, and charged.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.pipeline.authentication import forgery_chance
from hil.pipeline.bits import pack

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["CHECK_BITS", "CHECK_KEY_BYTES", "agrees", "check_value", "collision_chance"]

CHECK_BITS = 128
CHECK_KEY_BYTES = 32


def check_value(bits: npt.NDArray[np.uint8], key: bytes) -> bytes:
    """What these bits, shape (n,), hash to."""
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    if len(key) != CHECK_KEY_BYTES:
        raise UsageError(f"a hash key of {len(key)} bytes; {CHECK_KEY_BYTES} are expected")
    return Poly1305.generate_tag(key, len(bits).to_bytes(8, "little") + pack(bits))


def agrees(bits: npt.NDArray[np.uint8], key: bytes, value: bytes) -> bool:
    """Whether these bits hash to what the other side's do."""
    return len(key) == CHECK_KEY_BYTES and hmac.compare_digest(check_value(bits, key), value)


def collision_chance(bits: int) -> float:
    """Bound on the chance that two different keys of this length pass as equal."""
    return forgery_chance(8 + -(-bits // 8))
