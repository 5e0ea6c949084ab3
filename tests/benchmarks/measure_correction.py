"""Frame error ratio, efficiency, messages and speed of an error correction over many frames, as rows of a table.

::

    python tests/benchmarks/measure_correction.py cascade-fast cascade-efficient --frames 10240 --qber 1 2 5 8 11

Both parties in one process, over messages; random errors at the expected ratio. f is Alice's parities over the Slepian-Wolf
limit of the errors that were there; a frame counts as wrong when any of its bits differs at the end; the bound on their ratio
is Clopper and Pearson's, 95 %, one-sided. Speed is sifted bits a second of processor time, of both parties together.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Corrected
from hil.pipeline.reconciliation import choice, frames, lockstep
from hil.pipeline.stepping import run_pair
from hil.seeds import stream
from hil.statistics.binomial import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.pipeline.party import Party

__all__ = ["Measured", "measure"]

Bits = npt.NDArray[np.uint8]
AT_ONCE = 1 << 22
"""Bits corrected at once, about: frames of one key."""
WHOLE_KEY = 1 << 14


@dataclass(frozen=True)
class Measured:
    """What many frames showed; ``messages`` are those of one correction of about four million bits."""

    frame_bits: int
    frames: int
    wrong: int
    f: float
    messages: float
    mbit_s: float

    def row(self, name: str, qber_percent: float) -> str:
        """One row of the table."""
        most = clopper_pearson(self.wrong, self.frames).high
        return (
            f"| `{name}` | {qber_percent:g} % | {self.f:.3f} | {self.wrong} of {self.frames:,} | {most:.1e} |"
            f" {self.messages:.0f} | {self.mbit_s:.0f} |"
        )


def frame_bits(name: str, qber: float) -> int:
    """Length of a frame of that correction; original Cascade has none, and takes short keys here."""
    if name == "cascade-fast":
        return 1 << lockstep.plan(AT_ONCE, qber).log2
    return 1 << frames.plan(AT_ONCE, qber, frames.EFFICIENT).log2 if name == "cascade-efficient" else WHOLE_KEY


def entropy(q: float) -> float:
    """h(q), in bits."""
    return -q * math.log2(q) - (1 - q) * math.log2(1 - q) if 0 < q < 1 else 0.0


def correct(name: str, alice: Bits, bob: Bits, qber: float, seed: int) -> tuple[Bits, int, int]:
    """Bob's bits afterwards, parities of Alice, messages of both."""
    ends = Conversation("a"), Conversation("b")

    def bobs() -> Party[Bits]:
        corrected, _ = yield from choice.correct(ends[1], bob, qber, SeededEntropy(seed), name)
        yield from ends[1].send(Corrected((0, 0, 0)))
        return corrected

    (_, disclosed), corrected = run_pair(choice.answer(ends[0], alice, name), bobs())
    return corrected, disclosed.by_alice, len(ends[0].sent) + len(ends[1].sent)


def measure(name: str, qber: float, count: int) -> Measured:
    """At least so many frames, some millions of bits at once."""
    size = frame_bits(name, qber)
    batch = 1 if name == "cascade" else min(count, AT_ONCE // size)
    done = wrong = parities = messages = 0
    limit = seconds = 0.0
    correct(name, *_pair(name, qber, -1, batch * size), qber, 0)
    while done < count:
        alice, bob = _pair(name, qber, done, batch * size)
        limit += alice.size * entropy(float((alice != bob).mean()))
        began = time.process_time()
        corrected, told, sent = correct(name, alice, bob, qber, done)
        seconds += time.process_time() - began
        wrong += int((corrected != alice).reshape(batch, size).any(axis=1).sum())
        parities, messages, done = parities + told, messages + sent, done + batch
    return Measured(size, done, wrong, parities / limit, messages * batch / done, done * size / 1e6 / seconds)


def _pair(name: str, qber: float, number: int, bits: int) -> tuple[Bits, Bits]:
    rng = stream(number + 1, "measure correction", name, round(1e4 * qber))
    alice = rng.integers(0, 2, bits, dtype=np.uint8)
    return alice, alice ^ (rng.random(bits, dtype=np.float32) < qber).astype(np.uint8)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", choices=["cascade", "cascade-fast", "cascade-efficient"], metavar="NAME")
    parser.add_argument("--frames", type=int, default=10_240, help="frames for each row, at least (10240)")
    parser.add_argument("--qber", type=float, nargs="+", default=[1, 2, 5, 8, 11], help="per cent (1 2 5 8 11)")
    chosen = parser.parse_args(arguments)
    print("| | QBER | f | frames left wrong | 95 % bound | messages | Mbit/s |\n|---|---|---|---|---|---|---|")
    for name in chosen.names:
        for percent in chosen.qber:
            print(measure(name, percent / 100, chosen.frames).row(name, percent), flush=True)


if __name__ == "__main__":
    main()
