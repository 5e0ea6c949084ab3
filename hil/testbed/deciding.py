"""Measuring block after block until the answer is clear or the declared budget is used up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.testbed.joining import joined
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hil.ports.objective import Objective
    from hil.ports.spec import IndicatorSpec
    from hil.verdict import Verdict

__all__ = ["Question", "decide"]


@dataclass
class Question:
    """One indicator on its way to an answer: verdicts by subject, each as it was when it became clear."""

    spec: IndicatorSpec
    objective: Objective
    settled: dict[str, Verdict] = field(default_factory=dict)
    done: bool = False
    looks: int = 0

    def look(self, observation: Any, spent_s: float) -> None:
        """Judge what was observed so far, where the rule looks now."""
        budget = self.objective
        late = budget.duration_max_s is not None and spent_s >= budget.duration_max_s
        watchful = replace(budget, insufficient_data="inconclusive", conditional=False)
        verdicts = self.spec.judge(observation, watchful)
        self.done = late or all(budget.n_max is not None and verdict.n >= budget.n_max for verdict in self._open(verdicts))
        if budget.rule == "fixed" and not self.done:
            return
        self.looks += 1
        for verdict in self._open(verdicts):
            if verdict.outcome is not Outcome.INCONCLUSIVE:
                self.settled[verdict.subject] = self._told(verdict, spent_s)
        left = {verdict.subject for verdict in self._open(verdicts)}
        self.done = self.done or not left
        if self.done and left:  # the declared way of counting what stayed open
            self.settled |= {
                verdict.subject: self._told(verdict, spent_s)
                for verdict in self.spec.judge(observation, budget)
                if verdict.subject in left
            }

    def _open(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        return [verdict for verdict in verdicts if verdict.subject not in self.settled]

    def _told(self, verdict: Verdict, spent_s: float) -> Verdict:
        budget, saved = self.objective, 0
        if budget.n_max is not None:
            saved = max(budget.n_max - verdict.n, 0)
        if budget.duration_max_s is not None and spent_s > 0.0:
            of_time = max(round(verdict.n * (budget.duration_max_s / spent_s - 1.0)), 0)
            saved = of_time if budget.n_max is None else min(saved, of_time)
        return replace(verdict, looks=self.looks, saved=saved)


def decide(questions: Sequence[Question], measure: Callable[[], Any], now_s: Callable[[], float]) -> Iterator[Question]:
    """Measure and look until every question is answered, and yield each when it is.

    ``now_s`` is bench time; indicators of the process's clock are given the process's own. UsageError for a question without
    a budget.
    """
    for one in questions:
        if one.objective.n_max is None and one.objective.duration_max_s is None:
            name = one.spec.name
            raise UsageError(
                f"{name} has no budget: give slo.decide(..., budget='60 s'), "
                f"or n_max or duration_max in [slo.{name}] of the bench file"
            )
    started = now_s(), time.monotonic()
    parts: list[Any] = []
    left = list(questions)
    while left:
        parts.append(measure())
        parts = [joined(parts)]
        spent_s = {"bench": now_s() - started[0], "process": time.monotonic() - started[1]}
        for one in left:
            one.look(parts[0], spent_s[one.spec.time_base])
        yield from (one for one in left if one.done)
        left = [one for one in left if not one.done]
