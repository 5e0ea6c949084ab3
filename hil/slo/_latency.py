"""What both latency indicators share: the 95th percentile, bounded without assuming a distribution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.slo._decide import Finding, below, required_limit
from hil.slo._words import count, duration, percent, plural
from hil.statistics.binomial import trials_to_decide
from hil.statistics.quantile import quantile_interval, samples_to_bound
from hil.statistics.sequential.quantiles import always_valid_quantile
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.ports.run import Latencies

__all__ = ["RULE", "RULES", "find"]

_PROBABILITY = 0.95

RULE = "order statistics of the 95th percentile: PASS if the upper bound < limit, FAIL if the lower bound >= limit"

RULES = {
    "sequential": "mixture e-process on the share of slow ones in batches of 20, looked at after each: 95th percentile, "
    "PASS if the upper bound < limit, FAIL if the lower bound >= limit"
}


def find(latencies: Latencies, objective: Objective) -> Finding:
    """Judge the 95th percentile of these durations."""
    limit_s = required_limit(objective)
    bounds = quantile_interval if objective.rule == "fixed" else always_valid_quantile
    interval = bounds(latencies.durations_s, _PROBABILITY, objective.confidence)
    interval = replace(interval, events=int((latencies.durations_s >= limit_s).sum()))
    outcome = below(interval, limit_s, objective)
    timed = f"{plural(interval.n, 'time')} {latencies.operation}"
    if interval.n == 0:
        reason = f"nothing timed; {_minimum(objective)}"
        return Finding(latencies.operation, Outcome.INCONCLUSIVE, reason, latencies.simulated, interval)
    said = f"P95 {duration(interval.estimate)}, timed {timed}"
    if outcome is Outcome.PASS:
        ending = f"at most {duration(interval.high)}, below {duration(limit_s)}"
    elif outcome is Outcome.FAIL:
        ending = f"at least {duration(interval.low)}, above the limit of {duration(limit_s)}"
    else:
        ending = f"undecided against {duration(limit_s)}: {_more(latencies, objective, limit_s)}"
    return Finding(latencies.operation, outcome, f"{said}; {ending}", latencies.simulated, interval)


def _minimum(objective: Objective) -> str:
    needed = samples_to_bound(_PROBABILITY, objective.confidence)
    return f"bounding the 95th percentile takes {needed} samples"


def _more(latencies: Latencies, objective: Objective, limit_s: float) -> str:
    """How many samples would decide it at the present share of slow ones."""
    samples = latencies.durations_s
    slow = int((samples >= limit_s).sum())
    if slow == 0:
        return _minimum(objective)
    share = slow / samples.size
    needed = trials_to_decide(share, 1.0 - _PROBABILITY, objective.confidence)
    said = f"{slow:,} of {samples.size:,} ({percent(share)}) took as long or longer"
    if needed is None:
        return f"{said}, which no number of samples decides"
    return f"{said}; it takes about {count(max(needed, samples.size + 1))} samples"
