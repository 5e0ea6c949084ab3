"""How evenly the two detectors of a basis click: what tells of one that sees less, and of pulses that somebody shifts in time.

Detectors of unequal efficiency let an eavesdropper know bits (B. Qi, C.-H. F. Fung, H.-K. Lo, X. Ma, Quantum Inf. Comput. 7, 73
(2007)); one who shifts pulses early or late can keep the totals even, but then the early clicks lean to one bit and the late
ones to the other (Y. Zhao et al., Phys. Rev. A 78, 042333 (2008)). So halves by time of arrival are held to the same tolerance.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.ports.run import BasisBalance
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, each, required_limit, verdict, within
from hil.slo._words import count, percent, spread
from hil.statistics.clusters import clustered_proportion
from hil.statistics.sequential.means import mean_interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.statistics.interval import Interval
    from hil.verdict import Verdict

__all__ = ["SPEC"]

_FEW_CLICKS = 200
"""Of a basis, below which shares of stretches often fall alike by chance, which a t test takes for no spread at all."""


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(one, objective)) for one in each(observation, BasisBalance, SPEC.name))


def _find(seen: BasisBalance, objective: Objective) -> Finding:
    tolerance, declared = required_limit(objective) + seen.mismatch, seen.declared_share
    some = seen.clicks > 0
    if objective.rule == "fixed":
        interval = clustered_proportion(seen.ones, seen.clicks, objective.confidence)
    else:
        interval = _by_stretch(seen, objective.confidence)
    if not some.any():
        return Finding(seen.subject, Outcome.INCONCLUSIVE, "no clicks", seen.simulated, interval, limit=declared)
    outcome = within(interval, declared, tolerance, objective)
    said = f"bit 1 in {percent(interval.estimate)} of {count(seen.clicks.sum())} clicks ({spread(interval, percent)})"
    off = interval.estimate - declared
    endings = {
        Outcome.PASS: f"within {percent(tolerance)} of the declared {percent(declared)}",
        Outcome.FAIL: f"{percent(abs(off))} {'more' if off > 0 else 'less'} than the declared {percent(declared)}, allowed"
        f" {percent(tolerance)}: compare the detectors' efficiencies, and the times of arrival",
    }
    undecided = f"undecided against {percent(tolerance)} about {percent(declared)}: count longer"
    furthest = max(abs(interval.low - declared), abs(interval.high - declared))
    margin = tolerance - objective.guard_band - furthest
    reason = f"{said}; {endings.get(outcome, undecided)}"
    return Finding(seen.subject, outcome, reason, seen.simulated, interval, limit=declared, margin=margin)


def _by_stretch(seen: BasisBalance, confidence: float) -> Interval:
    """Bounds that hold after every stretch; stretches of few clicks are put together, in order, and what is over waits.

    Where a group ends depends on how many clicks came, not on which detector they came from.
    """
    import numpy as np

    groups, held = [], np.zeros(2)
    for ones, clicks in zip(seen.ones, seen.clicks, strict=True):
        held += (ones, clicks)
        if held[1] >= _FEW_CLICKS:
            groups.append(held[0] / held[1])
            held = np.zeros(2)
    ones, clicks = int(seen.ones.sum()), int(seen.clicks.sum())
    found = mean_interval(np.array(groups), confidence)
    estimate, low, high = ones / clicks if clicks else math.nan, max(found.low, 0.0), min(found.high, 1.0)
    return replace(found, estimate=estimate, low=low, high=high, n=clicks, events=ones)


SPEC = IndicatorSpec(
    name="detector_balance",
    title="balance of the detectors of a basis",
    unit="ratio",
    default_limit=0.02,
    direction="within",
    time_base="bench",
    observes=BasisBalance,
    judge=_judge,
    rule="Clopper-Pearson over the clicks of a basis, as many as they are worth by the design effect of the stretches: "
    "PASS if the interval lies within the tolerance, FAIL if it lies outside altogether",
    rules={
        "sequential": f"sequential t test over the shares of stretches, put together until they have {_FEW_CLICKS} clicks, "
        "looked at after each: "
        "PASS if the interval lies within the tolerance, FAIL if it lies outside altogether",
    },
    tolerance="{limit} of all clicks, and what the declared efficiency_ratio makes, of the declared share of bit 1",
)
