"""Cascade over frames, both parties and their messages on one core, against the Rust simulations of PyPI ``qkd``."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import qkd
from qkd.reconcile import Cascade, run_cascade

from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Corrected
from hil.pipeline.reconciliation import choice
from hil.pipeline.stepping import run_pair
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.pipeline.party import Party

pytest.importorskip("numba")

Bits = npt.NDArray[np.uint8]
FRAME = 16_384
"""Frame length of the peer, in bits: that of its papers."""


def correct(name: str, alice: Bits, bob: Bits, qber: float) -> tuple[int, int]:
    """Bits disclosed by Alice and messages of both, of a correction that has to succeed."""
    ends = Conversation("a"), Conversation("b")

    def bobs() -> Party[Bits]:
        corrected, _ = yield from choice.correct(ends[1], bob, qber, SeededEntropy(1), name)
        yield from ends[1].send(Corrected((0, 0, 0)))
        return corrected

    (_, disclosed), corrected = run_pair(choice.answer(ends[0], alice, name), bobs())
    assert np.array_equal(corrected, alice)
    return disclosed.by_alice, len(ends[0].sent) + len(ends[1].sent)


def pair(bits: int, qber: float) -> tuple[Bits, Bits]:
    rng = stream(1, "benchmark cascade", bits)
    alice = rng.integers(0, 2, bits, dtype=np.uint8)
    return alice, alice ^ (rng.random(bits) < qber).astype(np.uint8)


def theirs(variant: str, qber: float, frames: int) -> tuple[float, float]:
    """Mbit/s of processor time and bits disclosed a bit of key, of the peer's one process that holds both keys."""
    began = time.process_time()
    leak, _ = run_cascade(qber, frames, 1, Cascade(frame=FRAME, variant=variant))
    return frames * FRAME / 1e6 / (time.process_time() - began), leak / FRAME


@pytest.mark.parametrize("percent", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("style", "bits", "variant"), [("fast", 4_000_000, "original"), ("efficient", 16_000_000, "nearoptimal")]
)
def test_correction(
    figure: Any, seconds: Callable[..., list[float]], *, style: str, bits: int, variant: str, percent: int
) -> None:
    """Sifted bits a second, messages of one correction of all of them, and parities over the limit that its errors set."""
    qber, rounds = percent / 100, 3
    alice, bob = pair(bits, qber)
    taken = seconds(lambda: correct(f"cascade-{style}", alice, bob, qber), rounds=rounds)
    peers = [theirs(variant, qber, 60) for _ in range(rounds)]
    peer = f"qkd {qkd.__version__} {variant}"
    figure(
        f"cascade.{style}.mbit_s.{percent}pct",
        [bits / 1e6 / one for one in taken],
        "Mbit/s",
        peer=f"{peer}, no messages",
        peer_runs=[speed for speed, _ in peers],
    )
    disclosed, messages = correct(f"cascade-{style}", alice, bob, qber)
    figure(f"cascade.{style}.messages.{percent}pct", [messages], f"messages for {bits // 1_000_000} Mbit")
    figure(
        f"cascade.{style}.f.{percent}pct",
        [disclosed / limit(bits, float((alice != bob).mean()))],
        "disclosed bits over the Slepian-Wolf limit",
        peer=peer,
        peer_runs=[leak / limit(1, qber) for _, leak in peers],
    )


def limit(bits: int, q: float) -> float:
    """Slepian and Wolf: bits that have to be told of so many with this share of errors."""
    return bits * (-q * math.log2(q) - (1 - q) * math.log2(1 - q))
