"""What the nodes of a repeater chain tell: pairs at its ends, swaps between them; and what a run of the chain found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.run import VisibilityCounts

__all__ = ["BASES", "PairRecords", "RepeaterPrediction", "RepeaterRun", "SwapCounts"]

BASES = ("Z", "X", "Y")
"""Both ends measure pair ``n`` in basis ``n % 3``. The state aimed at, ``(|00> + |11>) / sqrt(2)``, differs in Y alone."""


@dataclass(frozen=True)
class PairRecords:
    """Consecutive pairs as one end knows them, each array as long as the others.

    ``first`` is the number of the first one, counted from 0 since the chain began, ``made`` how many there are by now.
    ``times_ns``: device time at which the end learned of the last swap; ``waited_ns``: how long the first of its elementary
    pairs waited for the last; ``outcomes``: 0 or 1.
    """

    first: int
    made: int
    times_ns: npt.NDArray[np.int64]
    waited_ns: npt.NDArray[np.int64]
    outcomes: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SwapCounts:
    """Swaps of one node since its chain began."""

    tried: int
    succeeded: int


@dataclass(frozen=True)
class RepeaterPrediction:
    """What the closed forms expect of a repeater chain as its bench file declares it.

    ``rate_hz`` of end-to-end pairs, their mean ``fidelity``, mean ``round_s`` from one fresh start to the next, and the
    probability ``swap_success`` that all swaps of a round succeed.
    """

    rate_hz: float
    fidelity: float
    round_s: float
    swap_success: float


@dataclass(frozen=True)
class RepeaterRun:
    """A run of a repeater chain.

    ``times_s`` of the pairs in bench seconds and ``waited_s`` of each; ``visibility``: pairs and errors by basis; ``swaps``:
    counts of this run by inner node.
    """

    link: str
    simulated: bool
    start_s: float
    end_s: float
    times_s: npt.NDArray[np.float64]
    waited_s: npt.NDArray[np.float64]
    visibility: VisibilityCounts
    swaps: dict[str, SwapCounts]
    prediction: RepeaterPrediction

    @property
    def pairs(self) -> int:
        """End-to-end pairs of the run."""
        return int(self.times_s.size)

    @property
    def rate_hz(self) -> float:
        """Pairs a second of the whole run."""
        return self.pairs / (self.end_s - self.start_s)

    @property
    def fidelity(self) -> float:
        """``1 - (q_X + q_Y + q_Z) / 2``, with q the share of errors in a basis: the singlet fraction of any two-qubit state.

        nan while a basis has no pair. From F = (1 + <XX> - <YY> + <ZZ>) / 4, O. Guehne and G. Toth, Phys. Rep. 474, 1 (2009).
        """
        shares = [wrong / total if total else float("nan") for total, wrong in self.visibility.by_basis.values()]
        return 1.0 - sum(shares) / 2.0
