"""Frames, efficiency and failures of ``reconciliation = "ldpc"``, for the table in docs/reference/key-pipeline.md.

``python tests/benchmarks/table_ldpc.py [FRAMES [PERCENT ...]]``: both parties and their messages in one process, random
errors of each ratio, which Bob expects. A frame fails where it is wrong, or told bit for bit; the bound is that of Clopper
and Pearson.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np

from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Codes, Corrected, More, decode
from hil.pipeline.reconciliation import choice
from hil.pipeline.stepping import run_pair
from hil.seeds import stream
from hil.statistics.binomial import clopper_pearson

BITS = 1 << 22


def batch(qber: float, number: int) -> dict[str, float]:
    """One key of about four million bits."""
    rng = stream(number, "ldpc table", round(qber * 1000))
    alice = rng.integers(0, 2, BITS, dtype=np.uint8)
    wrong = (rng.random(BITS) < qber).astype(np.uint8)
    ends = Conversation("a"), Conversation("b")

    def bobs():  # type: ignore[no-untyped-def]
        corrected, _ = yield from choice.correct(ends[1], alice ^ wrong, qber, SeededEntropy(1), "ldpc")
        yield from ends[1].send(Corrected((0,)))
        return corrected

    began = time.process_time()
    (_, disclosed), corrected = run_pair(choice.answer(ends[0], alice, "ldpc"), bobs())
    taken = time.process_time() - began
    said = [decode(data)[1] for data in ends[1].sent]
    frames = said[0].frames if isinstance(said[0], Codes) else 0
    asked = [sum(byte.bit_count() for byte in one.open) for one in said if isinstance(one, More)]
    q = float(wrong.mean())
    limit = BITS * (-q * math.log2(q) - (1 - q) * math.log2(1 - q))
    return {
        "frames": frames,
        "failed": int((corrected != alice).reshape(-1, frames).any(axis=0).sum()) + (asked[7] if len(asked) > 7 else 0),
        "again": asked[0] if asked else 0,
        "told": disclosed.by_alice,
        "both": disclosed.by_alice + disclosed.by_bob,
        "limit": limit,
        "seconds": taken,
    }


def main(least: int, percents: list[float]) -> None:
    batch(0.05, 0)
    print("QBER  frames  bits each  f      f, both ways  failed  bound    further rounds  Mbit/s")
    for percent in percents:
        rows: list[dict[str, float]] = []
        while sum(row["frames"] for row in rows) < least:
            rows.append(batch(percent / 100, 1 + len(rows)))
        total = {key: sum(row[key] for row in rows) for key in rows[0]}
        frames, failed = int(total["frames"]), int(total["failed"])
        bound = clopper_pearson(failed, frames).high
        f, both = total["told"] / total["limit"], total["both"] / total["limit"]
        print(
            f"{percent:4g}  {frames:6d}  {BITS * len(rows) // frames:9d}  {f:.4f} {both:.4f}        {failed:6d}  {bound:.5f}  "
            f"{int(total['again']):14d}  {BITS * len(rows) / 1e6 / total['seconds']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 304, [float(one) for one in sys.argv[2:]] or [1, 2, 5, 8, 11])
