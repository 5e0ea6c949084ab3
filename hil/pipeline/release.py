"""From amplified bits to keys: what the authentication pool gets back, pieces with IDs, and blocks that wait for their fate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.authentication import KEY_BITS, KEY_BYTES
from hil.pipeline.bits import pack
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hil.pipeline.account import Account
    from hil.pipeline.authentication import KeyPool

__all__ = ["IN_DOUBT_LIMIT_S", "KEYS_A_TO_B", "KEYS_B_TO_A", "Output", "shares"]

KEYS_A_TO_B, KEYS_B_TO_A = 2, 1
"""One-time keys that a released block takes: transcript and release of Alice, transcript of Bob."""

IN_DOUBT_LIMIT_S = 3600.0
"""Bench time after which Bob destroys a key in doubt, whatever Alice did with hers."""


_VARIANTS = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


def shares(available_bits: int, target_keys: int, a_to_b: tuple[int, int], b_to_a: tuple[int, int]) -> tuple[int, int]:
    """Keys for each direction that fill the pool again after this block, a->b first where it does not yield enough.

    ``a_to_b`` and ``b_to_a`` are (next, end) of the sender's keys.
    """
    affordable = available_bits // KEY_BITS
    first = min(affordable, max(0, target_keys - (a_to_b[1] - a_to_b[0]) + KEYS_A_TO_B))
    return first, min(affordable - first, max(0, target_keys - (b_to_a[1] - b_to_a[0]) + KEYS_B_TO_A))


@dataclass(frozen=True, repr=False)
class Output:
    """What one party gets out of a block, not yet released: keys with their IDs, and what goes into the pool."""

    keys: tuple[tuple[str, SecretBytes], ...]
    _pool_material: bytes
    _keys_a_to_b: int

    def __repr__(self) -> str:
        return f"<output of a block, {len(self.keys)} keys>"

    @classmethod
    def of(cls, bits: npt.NDArray[np.uint8], account: Account, digest: bytes, to_pool: tuple[int, int]) -> Output:
        """Cut amplified bits up; both parties get the same IDs from the block's digest."""
        settings = account.settings
        for_pool = sum(to_pool) * KEY_BITS
        size = settings.key_size_bits
        pieces = bits[for_pool : for_pool + account.delivered_bits].reshape(-1, size)
        packed, width = np.packbits(pieces, axis=1).tobytes(), -(-size // 8)
        keys = tuple(
            (key_id, SecretBytes(packed[number * width : (number + 1) * width], size, test=settings.test))
            for number, key_id in enumerate(_key_ids(settings.link, digest, len(pieces)))
        )
        material = pack(bits[:for_pool])
        assert len(material) == sum(to_pool) * KEY_BYTES
        return cls(keys, material, to_pool[0])

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """SHA-256 of each key that is long enough to have one."""
        return tuple(key.fingerprint() for _, key in self.keys if key.bit_length >= 128)

    def replenish(self, pool: KeyPool) -> None:
        """Give the pool its share."""
        pool.replenish(self._pool_material, self._keys_a_to_b)

    def without_keys(self) -> Output:
        """The pool's share alone."""
        return Output((), self._pool_material, self._keys_a_to_b)


def _key_ids(link: str, digest: bytes, count: int) -> Iterator[str]:
    """IDs of a block's keys: UUIDs of version 4 by their form (RFC 9562, section 5.4), from a hash of what names the key."""
    of_block = hashlib.sha256(b"\x1f".join([b"key", link.encode(), digest, b""]))
    for number in range(count):
        name = of_block.copy()
        name.update(str(number).encode())
        text = name.hexdigest()
        variant = _VARIANTS[text[16]]
        yield f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"
