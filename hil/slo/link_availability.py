"""M1: the share of time slices in which the link was up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import Availability
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, above, each, required_limit, verdict
from hil.slo._words import duration, percent, spread
from hil.statistics.binomial import clopper_pearson, trials_to_decide, trials_without_failure
from hil.statistics.sequential.proportions import proportion_interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.statistics.interval import Interval
    from hil.verdict import Verdict

__all__ = ["SPEC"]

_EFFECT = 10.0
"""Design effect of outages that last five slices on average, at random times: 2 * 5 - 1, and some more."""


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    windows = each(observation, Availability, SPEC.name)
    return tuple(verdict(SPEC, objective, _find(window, objective)) for window in windows)


def _find(window: Availability, objective: Objective) -> Finding:
    limit = required_limit(objective)
    if not 0.0 < limit < 1.0:
        raise UsageError(f"an availability to be shown lies between 0 and 1, both excluded, such as 0.999; got {limit}")
    interval = _bounds(window, objective, limit)
    outcome = above(interval, limit, objective)
    slices = f"{window.good:,} of {window.total:,} slices of {duration(window.slice_s)}"
    if window.total == 0:
        said = "no slice observed"
    else:
        said = f"up in {slices}: {percent(interval.estimate, 5)} ({spread(interval, lambda x: percent(x, 5))})"
    reason = f"{said}; {_ending(outcome, window, interval, objective)}"
    return Finding(window.subject, outcome, reason, window.simulated, interval)


def _bounds(window: Availability, objective: Objective, limit: float) -> Interval:
    """Of one look by Clopper-Pearson; of many by what each lost, outages of five slices on average included."""
    import numpy as np

    if objective.rule == "fixed":
        return clopper_pearson(window.good, window.total, objective.confidence)
    good, total = np.array(window.looks or ((window.good, window.total),), dtype=np.int64).T
    down = proportion_interval(total - good, total, 1.0 - limit, objective.confidence, effect=_EFFECT)
    low, high = 1.0 - down.high, 1.0 - down.low
    return replace(down, estimate=1.0 - down.estimate, low=low, high=high, events=window.good)


def _ending(outcome: Outcome, window: Availability, interval: Interval, objective: Objective) -> str:
    limit = required_limit(objective)
    target = percent(limit, 5)
    if outcome is Outcome.PASS:
        return f"at least {target}"
    if outcome is Outcome.FAIL:
        return f"below the required {target}"
    if objective.rule != "fixed":  # how many it takes depends on how outages last: no number is better than one look's
        return f"undecided against {target}: watch longer, as outages that last are allowed for"
    if window.good == window.total:
        needed = trials_without_failure(1.0 - limit, interval.confidence)
        return f"showing {target} takes {needed:,} good slices without a bad one, {duration(needed * window.slice_s)}"
    more = trials_to_decide(interval.estimate, limit, interval.confidence, good="above")
    if more is None:
        return f"it sits on the required {target}, which no amount of data decides"
    total = max(more, window.total + 1)
    return f"undecided against {target}: at this share it takes about {total:,} slices, {duration(total * window.slice_s)}"


SPEC = IndicatorSpec(
    name="link_availability",
    title="link availability",
    unit="ratio",
    default_limit=0.999,
    direction="above",
    time_base="bench",
    observes=Availability,
    judge=_judge,
    rule="Clopper-Pearson over the slices: PASS if the lower bound >= limit, FAIL if the upper bound < limit",
    rules={
        "sequential": "mixture e-process over the looks, outages of five slices on average included, looked at after each: "
        "PASS if the lower bound >= limit, FAIL if the upper bound < limit"
    },
    gate=False,
)
