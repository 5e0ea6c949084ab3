"""Non-inferiority: is the new arm (a firmware, a device) worse than the old one by less than a declared margin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.slo._words import bit_rate, duration, percent, rate
from hil.statistics.comparison import difference, quantile_difference
from hil.statistics.interval import Interval
from hil.statistics.sequential.quantiles import BATCH
from hil.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from hil.ports.run import Latencies
    from hil.ports.spec import IndicatorSpec
    from hil.record.model import VerdictEntry

__all__ = ["compare", "comparison_rule", "latency_excess"]

_SPELLERS: dict[str, Callable[[float], str]] = {"ratio": percent, "s": duration, "cps": rate, "bit/s": bit_rate}


def comparison_rule(spec: IndicatorSpec, margin: float, confidence: float) -> str:
    """The decision rule of a comparison in words."""
    return (
        f"non-inferiority of {spec.title}: difference of both arms' intervals (of latencies: bootstrap over batches) against a "
        f"margin of {_say(spec.unit, margin)}: PASS if the upper bound < margin, FAIL if the lower bound >= margin; "
        f"each bound at {confidence * 100:g} % confidence"
    )


def compare(
    spec: IndicatorSpec,
    new: Verdict | VerdictEntry,
    old: Verdict | VerdictEntry,
    margin: float,
    excess: Interval | None = None,
) -> Verdict:
    """How much worse the new arm is, in the indicator's unit, from a verdict on each; or ``excess``, estimated otherwise.

    PASS: worse by less than the margin. UsageError for a margin below zero, an indicator that is judged within a tolerance,
    and arms without estimate and confidence.
    """
    if spec.direction == "within":
        raise UsageError(f"{spec.name} is held within a tolerance of a declared value; there is no better and worse to compare")
    if not (math.isfinite(margin) and margin >= 0.0):
        raise UsageError(f"a margin of {margin!r}; expected a number of zero or more, in {spec.unit}")
    arms = _interval(new), _interval(old)
    worse = excess or (difference(*arms) if spec.direction == "below" else difference(arms[1], arms[0]))
    if worse.high < margin:
        outcome, ending = Outcome.PASS, "within"
    elif worse.low >= margin:
        outcome, ending = Outcome.FAIL, "beyond"
    else:
        outcome, ending = Outcome.INCONCLUSIVE, "undecided against"

    def say(value: float) -> str:
        return _say(spec.unit, value) if math.isfinite(value) else "unknown"

    found = f"worse by {say(worse.estimate)} ({say(worse.low)} to {say(worse.high)})"
    reason = f"new {say(arms[0].estimate)}, old {say(arms[1].estimate)}: {found}, {ending} the margin of {say(margin)}"
    low, high, estimate = (value if math.isfinite(value) else None for value in (worse.low, worse.high, worse.estimate))
    return Verdict(
        indicator=spec.name,
        subject=f"{new.subject}, new against old",
        outcome=outcome,
        reason=reason,
        estimate=estimate,
        low=low,
        high=high,
        n=worse.n,
        limit=margin,
        unit=spec.unit,
        rule=comparison_rule(spec, margin, worse.confidence),
        confidence=worse.confidence,
        limit_source="margin",
        time_base=spec.time_base,
        simulated=new.simulated or old.simulated,
        margin=None if high is None else margin - high,
    )


def latency_excess(new: Latencies, old: Latencies, confidence: float, rng: np.random.Generator) -> Interval:
    """P95 of the new times less that of the old, in seconds."""
    return quantile_difference(_batches(new), _batches(old), 0.95, rng, confidence)


def _batches(times: Latencies) -> list[npt.NDArray[np.float64]]:
    return [times.durations_s[start : start + BATCH] for start in range(0, times.durations_s.size, BATCH)]


def _interval(arm: Verdict | VerdictEntry) -> Interval:
    if arm.confidence is None:
        raise UsageError(f"the verdict on {arm.indicator} of {arm.subject} has no confidence; it cannot be compared")
    return Interval(
        math.nan if arm.estimate is None else arm.estimate,
        -math.inf if arm.low is None else arm.low,
        math.inf if arm.high is None else arm.high,
        arm.confidence,
        "as judged",
        arm.n,
    )


def _say(unit: str, value: float) -> str:
    speller = _SPELLERS.get(unit)
    return speller(value) if speller else f"{value:.4g} {unit}".rstrip()
