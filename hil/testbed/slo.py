"""Objectives of a link: declares the rule, judges or measures until it is clear, records the verdicts, raises for the worst."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from hil import discovery, units
from hil.errors import BenchError, Inconclusive, MissingCapabilityError, NotAGateError, ObjectiveMissedError, UsageError
from hil.ports.run import Latencies, LinkRun
from hil.seeds import stream
from hil.slo import compare, comparison_rule, declared_rule, latency_excess, resolve, ruled
from hil.testbed.deciding import Question, decide
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hil.errors import HilError
    from hil.ports.objective import Objective, RuleKind
    from hil.ports.run import Prediction
    from hil.ports.spec import IndicatorSpec
    from hil.testbed.link import Link
    from hil.testbed.recordings.recorded_link import RecordedLink
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
        self._declared: dict[str, tuple[IndicatorSpec, Objective]] = {}

    def declare(self, *indicators: str, **rule: Any) -> None:
        """Record how these will be judged; judging does it by itself, this does it before anything is measured.

        ``rule`` declares parts of the decision rule otherwise than the bench file: ``rule``, ``confidence``,
        ``acceptable``, ``guard_band``, ``n_max``, ``duration_max``, ``insufficient_data``, ``conditional``. UsageError for
        parts that do not fit the indicator, and for a rule other than the one declared before.
        """
        for name in indicators:
            self._declare(name, **rule)

    def judge(self, observation: Any, *indicators: str, when: str = "") -> tuple[Verdict, ...]:
        """Verdicts of these indicators on an observation of hil.ports.run, or a list of one kind; nothing is raised for them.

        Each rule is recorded before it is applied, each verdict after. ``when`` tells subjects apart that are judged twice.
        """
        if not indicators:
            raise UsageError(f"name the indicators to judge by: {_known()}")
        objectives = [self._declare(name) for name in indicators]
        found = (verdict for spec, objective in objectives for verdict in spec.judge(observation, objective))
        return self._recorded(replace(each, subject=f"{each.subject}, {when}") if when else each for each in found)

    def check(self, observation: Any, *indicators: str) -> tuple[Verdict, ...]:
        """As :meth:`judge`, and raise for the worst.

        ObjectiveMissedError, BenchError, Inconclusive or MissingCapabilityError for a gate that is not PASS; NotAGateError for
        any other verdict that is not PASS. The message says of each of them what was found, against which limit.
        """
        return _passed(self.judge(observation, *indicators))

    def decide(
        self,
        *indicators: str,
        budget: str | float | None = None,
        measure: Callable[[], Any] | None = None,
        check: bool = True,
        **rule: Any,
    ) -> tuple[Verdict, ...]:
        """Measure block after block, look after each, and stop as soon as the answer is clear or the budget is used up.

        The rule is ``sequential`` where neither the bench file nor ``rule`` (see :meth:`declare`) says otherwise, and so
        the error rate is that of one look, however many there are; with ``fixed`` there is one, at the end of the budget.
        ``measure`` takes the next observation of the kind the indicators judge, one or a list; without it, the link runs
        for a block. ``budget`` is a ``duration_max`` (bench time, the process's for indicators of its clock) where the rule
        declares no budget of its own. Verdicts say how many looks were taken and what of the budget was saved. Raises as
        :meth:`check` does, unless ``check`` is off.
        """
        if not indicators:
            raise UsageError(f"name the indicators to decide: {_known()}")
        questions = [Question(*self._declare(name, "sequential", budget=budget, **rule)) for name in indicators]
        take = measure or self._next_block(questions)
        answered = list(decide(questions, take, self.link.testbed.now_s))
        verdicts = self._recorded(verdict for one in answered for verdict in one.settled.values())
        return _passed(verdicts) if check else verdicts

    def compare(
        self, new: Any, old: Any, indicator: str, margin: float | str, *, check: bool = True, **rule: Any
    ) -> tuple[Verdict, ...]:
        """Whether the new observation is worse than the old one by less than ``margin``.

        The margin is in the indicator's unit, or text with a unit. For a firmware against the one before: subjects in the
        same order on both sides, each judged by itself first, so that both arms are in the record. PASS, FAIL and
        INCONCLUSIVE as of any verdict; raises as :meth:`check` unless ``check`` is off.
        """
        spec, objective = self._declare(indicator, **rule)
        allowed = units.convert(margin, spec.unit) if isinstance(margin, str) else float(margin)
        text = comparison_rule(spec, allowed, objective.confidence)
        self.link.testbed.record(
            "rule", indicator=spec.name, rule=text, title=f"{spec.title}, new against old", link=self.link.name
        )
        arms = [spec.judge(observation, objective) for observation in (new, old)]
        if len(arms[0]) != len(arms[1]):
            raise UsageError(f"{len(arms[0])} new subjects are compared with {len(arms[1])} old ones; expected the same")
        found = []
        for number, (ours, theirs) in enumerate(zip(*arms, strict=True)):
            pair = [each[number] if isinstance(each, list | tuple) else each for each in (new, old)]
            excess = None
            if all(isinstance(each, Latencies) for each in pair):
                rng = stream(self.link.testbed.seed, "compare", indicator, number)
                excess = latency_excess(pair[0], pair[1], objective.confidence, rng)
            found.append(compare(spec, ours, theirs, allowed, excess))
            self.link.testbed.record("table", **_arms(spec, ours, theirs, self.link.name))
        verdicts = self._recorded(found)
        return _passed(verdicts) if check else verdicts

    def _recorded(self, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        told = tuple(verdicts)
        if self.link.testbed.replayed:
            told = self._unmeasured(told)
        for verdict in told:
            self.link.testbed.record("verdict", **_fields(verdict))
        return told

    def _next_block(self, questions: Sequence[Question]) -> Callable[[], Any]:
        """A run of one block, for indicators that judge runs of a link that can be run anew."""
        other = next((one.spec for one in questions if one.spec.observes is not LinkRun), None)
        block_s = getattr(getattr(self.link, "declared", None), "block_s", None)
        if other is not None or not hasattr(self.link, "run") or block_s is None:
            what = other.name if other else self.link.name
            raise UsageError(f"{what}: say how to take the next observation, slo.decide(..., measure=lambda: ...)")
        link = cast("Link", self.link)
        return lambda: link.run(block_s)

    def _unmeasured(self, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """On a replay: what the tape says was measured once, elsewhere; only the time of our own software is of now."""
        said = self.link.testbed.not_measured("what it shows was measured when the tape was recorded")
        return tuple(
            dataclasses.replace(verdict, outcome=Outcome.SKIPPED, reason=str(said)) if verdict.time_base == "bench" else verdict
            for verdict in verdicts
        )

    def _declare(
        self, name: str, default: RuleKind = "fixed", budget: str | float | None = None, **rule: Any
    ) -> tuple[IndicatorSpec, Objective]:
        """The indicator and its objective, recorded the first time; from then on it stands."""
        spec: IndicatorSpec = discovery.find("indicator", name, python=True)
        known = self._declared.get(spec.name)
        if known is not None and not rule:
            return known
        prediction: Prediction | None = getattr(self.link, "prediction", None)  # a recording has none, a repeater another
        kind = default if default in spec.rules else "fixed"
        objective = resolve(self.link.testbed.bench, self.link.name, spec, prediction, kind)
        if "acceptable" in rule and "rule" not in rule:
            rule["rule"] = "sprt"
        objective = ruled(objective, spec, **rule)
        if budget is not None and objective.n_max is None and objective.duration_max_s is None:
            objective = ruled(objective, spec, duration_max=budget)
        if known is not None:
            if known[1] != objective:
                raise UsageError(f"{spec.name} was declared otherwise before: {declared_rule(*known)}")
            return known
        self._declared[spec.name] = (spec, objective)
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
            rule_kind=objective.rule,
            acceptable=objective.acceptable,
            guard_band=objective.guard_band,
            guard_factor=objective.guard_factor,
            n_max=objective.n_max,
            duration_max_s=objective.duration_max_s,
            insufficient_data=objective.insufficient_data,
            conditional=objective.conditional,
        )
        return spec, objective


def _known() -> str:
    return ", ".join(name.replace("-", "_") for name in discovery.names("indicator"))


def _passed(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """The verdicts, unless one of them is not PASS."""
    missed = [verdict for verdict in verdicts if verdict.gate and verdict.outcome is not Outcome.PASS]
    if missed:
        worst = min((verdict.outcome for verdict in missed), key=lambda outcome: outcome.severity)
        raise _RAISED[worst](_said(missed))
    if others := [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]:
        raise NotAGateError(_said(others))
    return verdicts


def _arms(spec: IndicatorSpec, new: Verdict, old: Verdict, link: str) -> dict[str, Any]:
    """Both arms of a comparison as a table of the record."""
    columns = ("estimate", "lower bound", "upper bound", "n", "k")
    rows = tuple((arm.estimate, arm.low, arm.high, arm.n, arm.k) for arm in (new, old))
    return {
        "title": f"{spec.title} of {new.subject}: new against old",
        "columns": columns,
        "rows": rows,
        "row_names": ("new", "old"),
        "row_title": f"arm, in {spec.unit}" if spec.unit else "arm",
        "sentences": (f"New: {new.reason}", f"Old: {old.reason}"),
        "link": link,
    }


def _said(verdicts: Iterable[Verdict]) -> str:
    """One line for each verdict, the worst first."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.outcome.severity)
    return "\n".join(
        f"{verdict.outcome.value} {verdict.indicator} of {verdict.subject}: {verdict.reason}" for verdict in ordered
    )


def _fields(verdict: Verdict) -> dict[str, Any]:
    return {field.name: getattr(verdict, field.name) for field in dataclasses.fields(verdict)}
