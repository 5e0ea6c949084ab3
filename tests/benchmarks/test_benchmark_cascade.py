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


@pytest.mark.parametrize(
    ("style", "bits", "variant", "frames"),
    [("fast", 4_000_000, "original", 60), ("efficient", 16_000_000, "nearoptimal", 60)],
)
def test_speed(figure: Any, seconds: Callable[..., list[float]], *, style: str, bits: int, variant: str, frames: int) -> None:
    """Sifted bits a second at 2 %, and how many messages one correction of all of them takes."""
    alice, bob = pair(bits, 0.02)
    taken = seconds(lambda: correct(f"cascade-{style}", alice, bob, 0.02), rounds=3)
    figure(
        f"cascade.{style}.mbit_s.2pct",
        [bits / 1e6 / one for one in taken],
        "Mbit/s",
        peer=f"qkd {qkd.__version__} {variant}, no messages",
        peer_runs=[theirs(variant, 0.02, frames)[0] for _ in range(3)],
    )
    disclosed, messages = correct(f"cascade-{style}", alice, bob, 0.02)
    figure(f"cascade.{style}.messages.2pct", [messages], f"messages for {bits // 1_000_000} Mbit")
    if style == "fast":
        figure("cascade.fast.f.2pct", [efficiency(disclosed, alice, bob)], "disclosed bits over the Slepian-Wolf limit")


@pytest.mark.parametrize("percent", [1, 2, 5, 8])
def test_efficiency(figure: Any, percent: int) -> None:
    """Parities over the limit that the very errors of the key set."""
    qber = percent / 100
    alice, bob = pair(4_000_000, qber)
    disclosed, _ = correct("cascade-efficient", alice, bob, qber)
    entropy = -qber * math.log2(qber) - (1 - qber) * math.log2(1 - qber)
    figure(
        f"cascade.efficient.f.{percent}pct",
        [efficiency(disclosed, alice, bob)],
        "disclosed bits over the Slepian-Wolf limit",
        peer=f"qkd {qkd.__version__} nearoptimal",
        peer_runs=[theirs("nearoptimal", qber, 60)[1] / entropy],
    )


def efficiency(disclosed: int, alice: Bits, bob: Bits) -> float:
    q = float((alice != bob).mean())
    return disclosed / (alice.size * (-q * math.log2(q) - (1 - q) * math.log2(1 - q)))
