"""M5: dark counts of each detector, afterpulses included, as a counter shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.run import CountGates
from hil.ports.spec import IndicatorSpec
from hil.slo._counts import counted_in, expect, time_to_decide
from hil.slo._decide import Finding, below, by_wald, each, required_limit, verdict
from hil.slo._words import rate, spread
from hil.statistics.counts import gated_rate
from hil.statistics.sequential.rates import rate_interval, rate_views
from hil.statistics.sequential.sprt import decide_all
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(gates, objective)) for gates in each(observation, CountGates, SPEC.name))


def _find(gates: CountGates, objective: Objective) -> Finding:
    expect(gates, "dark", SPEC.name)
    limit_hz = required_limit(objective)
    if objective.rule == "fixed":
        interval = gated_rate(gates.counts, gates.gate_s, objective.confidence)
        outcome = below(interval, limit_hz, objective) if gates.counts.size > 1 else Outcome.INCONCLUSIVE
    else:
        interval = rate_interval(gates.counts, gates.gate_s, limit_hz, objective.confidence)
        outcome = _by_wald(gates, objective, limit_hz) if objective.rule == "sprt" else below(interval, limit_hz, objective)
    said = f"{rate(interval.estimate)} in the dark ({spread(interval, rate)}), {counted_in(gates)}"
    if outcome is Outcome.PASS:
        ending = f"below {rate(limit_hz)}"
    elif outcome is Outcome.FAIL:
        ending = f"above the limit of {rate(limit_hz)}"
    else:
        ending = f"undecided against {rate(limit_hz)}: {time_to_decide(gates, interval, limit_hz)}"
    return Finding(gates.detector, outcome, f"{said}; {ending}", gates.simulated, interval)


def _by_wald(gates: CountGates, objective: Objective, limit_hz: float) -> Outcome:
    error, acceptable = 1.0 - objective.confidence, objective.acceptable
    views = rate_views(gates.counts, gates.gate_s, limit_hz) if acceptable is not None else ()
    return by_wald(decide_all((view.log_ratio(acceptable or 0.0, limit_hz) for view in views), error, error))


SPEC = IndicatorSpec(
    name="dark_counts",
    title="dark count rate",
    unit="cps",
    default_limit=100.0,
    direction="below",
    time_base="bench",
    observes=CountGates,
    judge=_judge,
    rule="quasi-Poisson with the measured Fano factor, two gates or more: PASS if the upper bound < limit, "
    "FAIL if the lower bound >= limit",
    rules={
        "sequential": "mixture e-process over the gates, looked at after each: "
        "PASS if the upper bound < limit, FAIL if the lower bound >= limit",
        "sprt": "Wald's sequential test over the gates, looked at after each: "
        "PASS if the acceptable value is accepted, FAIL if it is refused for the limit",
    },
)
