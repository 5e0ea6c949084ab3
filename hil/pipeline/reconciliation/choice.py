"""Which error correction a link uses, by the name in its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.compiled import available
from hil.errors import UsageError
from hil.pipeline.reconciliation import cascade, frames, ldpc, lockstep

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy as np
    import numpy.typing as npt

    from hil.pipeline.conversation import Conversation
    from hil.pipeline.entropy import Entropy
    from hil.pipeline.messages import Corrected
    from hil.pipeline.party import Request

    Bits = npt.NDArray[np.uint8]

__all__ = ["answer", "correct", "require"]

_COMPILED = {"cascade-fast", "cascade-efficient"}


def require(name: str) -> None:
    """UsageError, with what to do, where the compiler that a correction needs is missing."""
    if name in _COMPILED and not available():
        raise UsageError(
            f'reconciliation = "{name}" needs numba: pip install "qkd-hil[fast]", or choose reconciliation = "cascade"'
        )


def correct(
    talk: Conversation, bits: Bits, qber_ratio: float, entropy: Entropy, name: str
) -> Generator[Request, bytes | None, tuple[Bits, cascade.Disclosed]]:
    """Bob's side of the named correction: his bits made equal to Alice's, and what was disclosed."""
    require(name)
    if name == "cascade-fast":
        return (yield from lockstep.correct(talk, bits, qber_ratio, entropy))
    if name == "cascade-efficient":
        return (yield from frames.correct(talk, bits, qber_ratio, entropy, frames.EFFICIENT))
    if name == "ldpc":
        return (yield from ldpc.correct(talk, bits, qber_ratio))
    return (yield from cascade.correct(talk, bits, qber_ratio, entropy))


def answer(talk: Conversation, bits: Bits, name: str) -> Generator[Request, bytes | None, tuple[Corrected, cascade.Disclosed]]:
    """Alice's side."""
    require(name)
    if name == "cascade-fast":
        return (yield from lockstep.answer(talk, bits))
    if name == "cascade-efficient":
        return (yield from frames.answer(talk, bits))
    if name == "ldpc":
        return (yield from ldpc.answer(talk, bits))
    return (yield from cascade.answer(talk, bits))
