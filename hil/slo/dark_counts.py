"""M5: dark counts of each detector, afterpulses included, as a counter shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.run import CountGates
from hil.ports.spec import IndicatorSpec
from hil.slo._counts import counted_in, expect, time_to_decide
from hil.slo._decide import Finding, below, each, required_limit, verdict
from hil.slo._words import rate, spread
from hil.statistics.counts import gated_rate
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
    interval = gated_rate(gates.counts, gates.gate_s, objective.confidence)
    outcome = below(interval, limit_hz) if gates.counts.size > 1 else Outcome.INCONCLUSIVE
    said = f"{rate(interval.estimate)} in the dark ({spread(interval, rate)}), {counted_in(gates)}"
    if outcome is Outcome.PASS:
        ending = f"below {rate(limit_hz)}"
    elif outcome is Outcome.FAIL:
        ending = f"above the limit of {rate(limit_hz)}"
    else:
        ending = f"undecided against {rate(limit_hz)}: {time_to_decide(gates, interval, limit_hz)}"
    return Finding(gates.detector, outcome, f"{said}; {ending}", gates.simulated, interval)


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
)
