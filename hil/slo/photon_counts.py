"""M4: photon counts of each detector against the rate that calibrated power, loss, efficiency and dead time let expect."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.ports.run import CountGates
from hil.ports.spec import IndicatorSpec
from hil.slo._counts import counted_in, expect, time_to_decide
from hil.slo._decide import Finding, each, required_limit, verdict, within
from hil.slo._words import percent, rate, spread
from hil.statistics.counts import gated_rate
from hil.statistics.sequential.means import mean_interval
from hil.statistics.sequential.pooling import pooled
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.statistics.interval import Interval
    from hil.verdict import Verdict

__all__ = ["SPEC"]

_FEW_PER_GATE = 25.0
"""Clicks predicted in a gate, below which its count is not near enough to normal."""


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(gates, objective)) for gates in each(observation, CountGates, SPEC.name))


def _find(gates: CountGates, objective: Objective) -> Finding:
    expect(gates, "lit", SPEC.name)
    if objective.rule == "fixed":
        counted = gated_rate(gates.counts, gates.gate_s, objective.confidence)
    else:
        counted = _by_gate(gates, objective.confidence)
    predicted, uncertainty = gates.predicted_hz, gates.predicted_relative_uncertainty
    if predicted is None:
        reason = f"{rate(counted.estimate)} counted, and nothing predicts how many it should be"
        return Finding(gates.detector, Outcome.SKIPPED, reason, gates.simulated, counted)
    tolerance = required_limit(objective)
    if math.isinf(uncertainty) or gates.counts.size < 2:
        why = "a calibration behind the prediction has expired" if math.isinf(uncertainty) else "fewer than two gates"
        outcome, interval, ending = Outcome.INCONCLUSIVE, counted, f"undecided: {why}"
    else:
        interval = _with_calibration(counted, uncertainty)
        outcome = within(interval, predicted, predicted * tolerance, objective, scale=predicted)
        ending = _ending(outcome, gates, counted, tolerance)
    said = f"{rate(interval.estimate)} counted ({spread(interval, rate)}), {rate(predicted)} predicted, {counted_in(gates)}"
    furthest = max(abs(interval.low - predicted), abs(interval.high - predicted))
    margin = predicted * (tolerance - objective.guard_band) - furthest
    reason = f"{said}; {ending}"
    return Finding(gates.detector, outcome, reason, gates.simulated, interval, limit=predicted, unit="cps", margin=margin)


def _by_gate(gates: CountGates, confidence: float) -> Interval:
    """Bounds that hold after every gate; gates of few clicks are put together, until their counts are near to normal."""
    per_gate = (gates.predicted_hz or 0.0) * gates.gate_s
    length = max(1, math.ceil(_FEW_PER_GATE / per_gate)) if per_gate > 0.0 else 1
    rates = pooled(gates.counts.astype(float), length) / (length * gates.gate_s)
    found, clicks = mean_interval(rates, confidence), int(gates.counts.sum())
    estimate = clicks / (gates.counts.size * gates.gate_s) if gates.counts.size else math.nan
    return replace(found, estimate=estimate, low=max(found.low, 0.0), n=clicks, events=clicks)


def _with_calibration(counted: Interval, relative_uncertainty: float) -> Interval:
    """The interval of the count with the prediction's own uncertainty added in quadrature, at the same confidence."""
    from scipy.special import ndtri

    share = counted.estimate * relative_uncertainty * float(ndtri(counted.confidence)) / float(ndtri(0.975))
    low = counted.estimate - math.hypot(counted.estimate - counted.low, share)
    high = counted.estimate + math.hypot(counted.high - counted.estimate, share)
    return replace(counted, low=low, high=high, method=f"{counted.method}, calibration in quadrature")


def _ending(outcome: Outcome, gates: CountGates, counted: Interval, tolerance: float) -> str:
    predicted = gates.predicted_hz or 0.0
    if outcome is Outcome.PASS:
        return f"within {percent(tolerance)}"
    if outcome is Outcome.FAIL:
        off = counted.estimate / predicted - 1.0 if predicted else math.inf
        side = "more" if off > 0 else "fewer"
        return f"{percent(abs(off))} {side} than predicted, allowed {percent(tolerance)}: check loss, efficiency and power"
    edges = [predicted * (1.0 - tolerance), predicted * (1.0 + tolerance)]
    nearest = min(edges, key=lambda edge: abs(edge - counted.estimate))
    if counted.low > edges[0] and counted.high < edges[1]:
        return f"undecided: the calibration's uncertainty of {percent(gates.predicted_relative_uncertainty)} reaches the edge"
    return f"undecided against {percent(tolerance)}: {time_to_decide(gates, counted, nearest)}"


SPEC = IndicatorSpec(
    name="photon_counts",
    title="photon count rate",
    unit="ratio",
    default_limit=0.10,
    direction="within",
    time_base="bench",
    observes=CountGates,
    judge=_judge,
    rule="quasi-Poisson with the measured Fano factor, calibration uncertainty in quadrature: PASS if the interval lies within "
    "the tolerance, FAIL if it lies outside altogether",
    rules={
        "sequential": "sequential t test over the gates, calibration uncertainty in quadrature, looked at after each: "
        "PASS if the interval lies within the tolerance, FAIL if it lies outside altogether"
    },
    tolerance="{limit} of the predicted rate",
)
