"""Objectives of a link: declares the rule, judges what was observed, records the verdicts, raises for the worst."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hil import discovery
from hil.errors import BenchError, Inconclusive, MissingCapabilityError, NotAGateError, ObjectiveMissedError, UsageError
from hil.slo import declared_rule, resolve
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.errors import HilError
    from hil.ports.objective import Objective
    from hil.ports.run import Prediction
    from hil.ports.spec import IndicatorSpec
    from hil.testbed.link import Link
    from hil.testbed.recorded_link import RecordedLink
    from hil.testbed.repeater_link import RepeaterLink
    from hil.verdict import Verdict

__all__ = ["Slo"]

_RAISED: dict[Outcome, type[HilError]] = {
    Outcome.FAIL: ObjectiveMissedError,
    Outcome.ERROR: BenchError,
    Outcome.INCONCLUSIVE: Inconclusive,
    Outcome.SKIPPED: MissingCapabilityError,
}


class Slo:
    """Judges observations of one link; the fixture ``slo``."""

    def __init__(self, link: Link | RecordedLink | RepeaterLink) -> None:
        self.link = link
        self._declared: set[str] = set()

    def declare(self, *indicators: str) -> None:
        """Record how these will be judged; judging does it by itself, this does it before anything is measured."""
        for name in indicators:
            self._declare(*self._objective(name))

    def judge(self, observation: Any, *indicators: str) -> tuple[Verdict, ...]:
        """Verdicts of these indicators on an observation of hil.ports.run, or a list of one kind; nothing is raised for them.

        Each rule is recorded before it is applied, each verdict after.
        """
        if not indicators:
            raise UsageError(f"name the indicators to judge by: {', '.join(discovery.names('indicator'))}")
        objectives = [self._objective(name) for name in indicators]
        for spec, objective in objectives:
            self._declare(spec, objective)
        verdicts = tuple(verdict for spec, objective in objectives for verdict in spec.judge(observation, objective))
        if self.link.testbed.replayed:
            verdicts = self._unmeasured(verdicts)
        for verdict in verdicts:
            self.link.testbed.record("verdict", **_fields(verdict))
        return verdicts

    def check(self, observation: Any, *indicators: str) -> tuple[Verdict, ...]:
        """As :meth:`judge`, and raise for the worst.

        ObjectiveMissedError, BenchError, Inconclusive or MissingCapabilityError for a gate that is not PASS; NotAGateError for
        any other verdict that is not PASS. The message says of each of them what was found, against which limit.
        """
        verdicts = self.judge(observation, *indicators)
        missed = [verdict for verdict in verdicts if verdict.gate and verdict.outcome is not Outcome.PASS]
        if missed:
            worst = min((verdict.outcome for verdict in missed), key=lambda outcome: outcome.severity)
            raise _RAISED[worst](_said(missed))
        if others := [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]:
            raise NotAGateError(_said(others))
        return verdicts

    def _unmeasured(self, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """On a replay: what the tape says was measured once, elsewhere; only the time of our own software is of now."""
        said = self.link.testbed.not_measured("what it shows was measured when the tape was recorded")
        return tuple(
            dataclasses.replace(verdict, outcome=Outcome.SKIPPED, reason=str(said)) if verdict.time_base == "bench" else verdict
            for verdict in verdicts
        )

    def _objective(self, name: str) -> tuple[IndicatorSpec, Objective]:
        spec: IndicatorSpec = discovery.find("indicator", name)
        prediction: Prediction | None = getattr(self.link, "prediction", None)  # a recording has none, a repeater another
        return spec, resolve(self.link.testbed.bench, self.link.name, spec, prediction)

    def _declare(self, spec: IndicatorSpec, objective: Objective) -> None:
        if spec.name in self._declared:
            return
        self._declared.add(spec.name)
        self.link.testbed.record(
            "rule",
            indicator=spec.name,
            rule=declared_rule(spec, objective),
            title=spec.title,
            link=self.link.name,
            limit=objective.limit,
            unit=spec.unit,
            limit_source=objective.source,
            confidence=objective.confidence,
            gate=objective.gate,
        )


def _said(verdicts: Iterable[Verdict]) -> str:
    """One line for each verdict, the worst first."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.outcome.severity)
    return "\n".join(
        f"{verdict.outcome.value} {verdict.indicator} of {verdict.subject}: {verdict.reason}" for verdict in ordered
    )


def _fields(verdict: Verdict) -> dict[str, Any]:
    return {field.name: getattr(verdict, field.name) for field in dataclasses.fields(verdict)}
