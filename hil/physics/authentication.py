"""What authentication takes of each block, and so what is left of its key.

Source: the one-time authenticator of M. N. Wegman, J. L. Carter, J. Comput. Syst. Sci. 22, 265 (1981), as Poly1305 with a fresh
key of 256 bits for every tag (D. J. Bernstein, FSE 2005): Alice's transcript, Bob's transcript, and Alice's word that she
released. Valid for blocks that end in a key, while no key of the block before is in doubt.
"""

from __future__ import annotations

__all__ = ["AUTHENTICATION_BITS", "net_rate_bps"]

AUTHENTICATION_BITS = 3 * 256
"""Of a block."""


def net_rate_bps(secret_bits: float, block_s: float) -> float:
    """Key rate of blocks of ``block_s`` seconds with so many secret bits each; none where authentication takes them all."""
    return max(secret_bits - AUTHENTICATION_BITS, 0.0) / block_s
