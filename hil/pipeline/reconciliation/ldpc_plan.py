"""How a key is cut into frames, and how many checks of each are told at first and in later rounds.

A key of any length fills its frames but for the last places, which both ends take as zeros (shortening: D. Elkouss, J.
Martinez-Mateo, V. Martin, "Secure rate-adaptive reconciliation", ISITA 2010, arXiv:1007.1616); the lifting is chosen so that
the checks come out as many as are wanted. Nothing is punctured: every check that is told is charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hil.errors import AuthenticationError
from hil.pipeline.messages import Codes
from hil.pipeline.reconciliation.ldpc_family import COLUMNS, LEAST_ROWS, MOST_ROWS, member
from hil.pipeline.reconciliation.ldpc_graph import Code, code_of

if TYPE_CHECKING:
    import numpy.typing as npt


__all__ = ["Cut", "checks_per_bit", "plan", "row_ends"]

Number = TypeVar("Number", np.uint8, np.int16)

_LEAST_LIFTING, _MOST_LIFTING = 8, 4096
_LONG, _LONGER = 512, 2048
"""Lifting of long keys; the smaller the error ratio, the longer a frame has to be to be near the limit."""
_LONGER_BELOW = 0.03
_STEPS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 1.0)
"""Checks told after each further round, as a share of those told at first."""
_SPREAD = 2.5


def checks_per_bit(qber_ratio: float, bits: int) -> float:
    """What a frame of so many bits gets at first, for an error ratio that is expected."""
    ratio = min(max(qber_ratio, 0.5 / bits, 1e-4), 0.5)
    ratio += _SPREAD * sqrt(ratio * (1.0 - ratio) / bits)
    low, high = LEAST_ROWS / COLUMNS, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if member(middle).planned >= ratio else (middle, high)
    return high


def plan(bits: int, qber_ratio: float) -> Codes:
    """Frames of one length, as few as may be, and the code that they share."""
    longest = COLUMNS * (_LONGER if qber_ratio < _LONGER_BELOW else _LONG)
    frames = -(-bits // longest)
    of_frame = -(-bits // frames)
    wanted = checks_per_bit(qber_ratio, of_frame)
    rows = min(max(int(wanted * COLUMNS), LEAST_ROWS), MOST_ROWS)
    lifting = max(_LEAST_LIFTING, -(-of_frame // COLUMNS), ceil(wanted * of_frame / rows))
    return Codes(frames, rows, lifting)


def row_ends(code: Code) -> tuple[int, ...]:
    """How many rows are known after each round, the first one included."""
    ends = [code.core]
    for step in _STEPS:
        ends.append(min(max(ends[-1] + 1, code.core + round(step * code.core)), code.rows))
    return tuple(sorted(set(ends)))


@dataclass(frozen=True)
class Cut:
    """A key of ``bits`` bits in frames: bit i is of frame i mod frames, so that a burst of errors is shared among them."""

    bits: int
    frames: int
    code: Code

    @classmethod
    def of(cls, told: Codes, bits: int) -> Cut:
        """AuthenticationError for what no honest Bob proposes."""
        fits = LEAST_ROWS <= told.rows <= MOST_ROWS and _LEAST_LIFTING <= told.lifting <= _MOST_LIFTING
        places = told.frames * COLUMNS * told.lifting
        if not (fits and 1 <= told.frames <= bits <= places <= 2 * (bits + _LEAST_LIFTING * COLUMNS)):
            raise AuthenticationError(
                f"{told.frames} frames with {told.rows} rows of {told.lifting} checks for a key of {bits} bits"
            )
        return cls(bits, told.frames, code_of(told.rows, told.lifting))

    def split(self, key: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Bits of shape (bits,) to (frames, columns, lifting), with zeros where there is no bit."""
        padded = np.zeros(self.frames * COLUMNS * self.code.lifting, dtype=key.dtype)
        padded[: self.bits] = key
        return np.ascontiguousarray(padded.reshape(self.code.lifting, COLUMNS, self.frames).transpose(2, 1, 0))

    def join(self, frames: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """The reverse."""
        return frames.transpose(2, 1, 0).reshape(-1)[: self.bits]

    def length(self, frame: int) -> int:
        """Bits of the key in one frame."""
        return len(range(frame, self.bits, self.frames))
