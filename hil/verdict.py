"""Outcomes and verdicts: what a run says, and how several sayings become one.

Merged worst first: FAIL, ERROR, INCONCLUSIVE, SKIPPED, PASS. Only PASS satisfies a gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["WRONG_USE", "Outcome", "TimeBase", "Verdict", "exit_code", "merge"]

TimeBase = Literal["bench", "process"]

WRONG_USE = "WRONG USE"
"""Said in place of ERROR where a test asked for what there is not: nothing broke, the test wants mending."""


class Outcome(Enum):
    """What became of a test, an objective or a run; the value is the word in records."""

    FAIL = "FAIL"
    ERROR = "ERROR"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"
    PASS = "PASS"  # noqa: S105

    @property
    def meaning(self) -> str:
        """The sentence for people."""
        return _MEANINGS[self]

    @property
    def severity(self) -> int:
        """0 is worst."""
        return list(Outcome).index(self)


_MEANINGS = {
    Outcome.FAIL: "the device missed its limit",
    Outcome.ERROR: "the bench or the framework broke",
    Outcome.INCONCLUSIVE: "too little data for the declared rule",
    Outcome.SKIPPED: "not measured: the bench declares the capability absent",
    Outcome.PASS: "the limit was met",
}


@dataclass(frozen=True)
class Verdict:
    """A statistical statement about one objective.

    ``estimate``, ``low``, ``high`` and ``limit`` are in ``unit``; ``n`` counts what was observed (bits, counts, blocks),
    ``k`` what is judged among them (errors), where that is counted. ``margin`` is how far, in ``unit``, the bound that
    decides lies inside the limit, guard band included; negative beyond. ``rule`` is the decision rule declared before the
    measurement; ``reason`` is the sentence for people. ``looks`` counts how often the data were judged on the way,
    ``saved`` what of the budget ``n_max`` was not needed. ``grade`` names an undecided verdict where the rule asks for it:
    conditional pass, conditional fail.
    """

    indicator: str
    subject: str
    outcome: Outcome
    reason: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    limit: float | None = None
    unit: str = ""
    rule: str = ""
    confidence: float | None = None
    limit_source: str = ""
    time_base: TimeBase = "bench"
    simulated: bool = False
    gate: bool = True
    k: float | None = None
    margin: float | None = None
    looks: int = 1
    n_max: int | None = None
    saved: int | None = None
    grade: str = ""


def merge(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes; SKIPPED for none at all (nothing was measured)."""
    return min(outcomes, key=lambda outcome: outcome.severity, default=Outcome.SKIPPED)


def exit_code(outcomes: Iterable[Outcome], *, wrong_use: bool = False) -> int:
    """0 decided and passed, 1 FAIL, 10 ERROR, 4 wrong use, 11 INCONCLUSIVE or nothing decided; skips decide nothing.

    ``wrong_use``: besides these outcomes, a test did not get to its end because it was wrong itself.
    """
    seen = set(outcomes)
    if Outcome.FAIL in seen:
        return 1
    if Outcome.ERROR in seen:
        return 10
    if wrong_use:
        return 4
    if Outcome.INCONCLUSIVE in seen or Outcome.PASS not in seen:
        return 11
    return 0
