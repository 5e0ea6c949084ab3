"""M10: the dead time of each detector, from the edge of its inter-click histogram, against the declared one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.run import InterClickGaps
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, each, required_limit, verdict, within
from hil.slo._words import count, duration, plural, spread
from hil.statistics.edge import gap_edge, gaps_to_resolve, sequential_gap_edge
from hil.statistics.interval import Interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(one, objective)) for one in each(observation, InterClickGaps, SPEC.name))


def _find(clicks: InterClickGaps, objective: Objective) -> Finding:
    declared_s = clicks.declared_dead_time_s
    tolerance_s = clicks.tick_s + required_limit(objective) * declared_s
    edge = gap_edge if objective.rule == "fixed" else sequential_gap_edge
    interval = _scaled(edge(clicks.gaps, objective.confidence), clicks.tick_s)
    outcome = within(interval, declared_s, tolerance_s, objective, scale=declared_s)
    if interval.n < 2:
        said = f"{plural(interval.n, 'gap')} between clicks show no edge"
    else:
        said = f"dead time {duration(interval.estimate)} ({spread(interval, duration)}) from {count(interval.n)} gaps"
    against = f"declared {duration(declared_s)}, tolerance {duration(tolerance_s)}"
    reason = f"{said}; {against}{_ending(outcome, clicks, interval, tolerance_s, objective)}"
    furthest_s = max(abs(interval.low - declared_s), abs(interval.high - declared_s))
    margin = tolerance_s - objective.guard_band * declared_s - furthest_s
    return Finding(clicks.detector, outcome, reason, clicks.simulated, interval, limit=declared_s, unit="s", margin=margin)


def _ending(outcome: Outcome, clicks: InterClickGaps, interval: Interval, tolerance_s: float, objective: Objective) -> str:
    if outcome is Outcome.PASS:
        return ""
    if outcome is Outcome.FAIL:
        side = "longer" if interval.estimate > clicks.declared_dead_time_s else "shorter"
        return f": {side} than declared"
    if interval.n < 2 or objective.rule != "fixed":  # which looks at doublings only
        return ": undecided, count longer"
    excess_s = max(float(clicks.gaps.mean()) * clicks.tick_s - interval.high, 0.0)
    needed = gaps_to_resolve(excess_s, tolerance_s / 2.0, interval.confidence)
    return f": undecided, an edge this sharp takes about {count(max(needed, interval.n + 1))} gaps"


def _scaled(ticks: Interval, tick_s: float) -> Interval:
    return Interval(ticks.estimate * tick_s, ticks.low * tick_s, ticks.high * tick_s, ticks.confidence, ticks.method, ticks.n)


SPEC = IndicatorSpec(
    name="dead_time",
    title="detector dead time",
    unit="ratio",
    default_limit=0.02,
    direction="within",
    time_base="bench",
    observes=InterClickGaps,
    judge=_judge,
    rule="edge of the inter-click gaps (1 in 10,000 may be stray): PASS if the interval lies within the tolerance, "
    "FAIL if it lies outside altogether",
    rules={
        "sequential": "edge of the first 64, 128, 256, ... gaps, each doubling with a share of the error probability: "
        "PASS if the interval lies within the tolerance, FAIL if it lies outside altogether"
    },
    tolerance="one tick and {limit} of the declared dead time",
)
