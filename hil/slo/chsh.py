"""CHSH's S: whether pairs are correlated beyond what any local hidden variables allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import BellCounts, LinkRun
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, above, required_limit, verdict
from hil.slo._looks import shares_by_look
from hil.slo._words import count, spread
from hil.statistics.binomial import clopper_pearson
from hil.statistics.interval import Interval
from hil.statistics.sequential.means import mean_interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]

_LARGEST = 4.0
_NO_SETTINGS = "its receivers do not measure CHSH's four pairs of settings: it has no value S"


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    several = observation if isinstance(observation, list | tuple) else (observation,)
    return tuple(verdict(SPEC, objective, _find(one, objective)) for one in several)


def _find(observed: object, objective: Objective) -> Finding:
    if isinstance(observed, LinkRun):
        if observed.bell is None:
            return Finding(observed.link, Outcome.SKIPPED, _NO_SETTINGS, observed.simulated)
        return _find(observed.bell, objective)
    if not isinstance(observed, BellCounts):
        raise UsageError(
            f"indicator {SPEC.name} judges BellCounts of hil.ports.run, or a LinkRun; got {type(observed).__name__}"
        )
    limit = required_limit(objective)
    by_look = objective.rule != "fixed"
    interval = _by_look(observed, objective.confidence, limit) if by_look else _s_value(observed, objective.confidence)
    if not all(pairs for pairs, _ in observed.by_settings):
        reason = "no pairs in one of the four pairs of settings"
        return Finding(observed.subject, Outcome.INCONCLUSIVE, reason, observed.simulated, interval)
    outcome = above(interval, limit, objective)
    said = f"S = {_plain(interval.estimate)} ({spread(interval, _plain)}) from {count(interval.n)} coincidences"
    endings = {Outcome.PASS: f"reaches {_plain(limit)}", Outcome.FAIL: f"misses the required {_plain(limit)}"}
    ending = endings.get(outcome, f"undecided against {_plain(limit)}: collect more coincidences")
    return Finding(observed.subject, outcome, f"{said}; {ending}", observed.simulated, interval)


def _s_value(observed: BellCounts, confidence: float) -> Interval:
    """|S| = |sum of sign E|, E = 1 - 2 q, with q the share of opposite results in each pair of settings.

    Each of the four intervals takes a quarter of the error probability, so that the sum of their ends holds whatever their
    counts are. Source: J. F. Clauser, M. A. Horne, A. Shimony, R. A. Holt, Phys. Rev. Lett. 23, 880 (1969).
    """
    shared = 1.0 - (1.0 - confidence) / 4.0
    low = high = estimate = 0.0
    for (pairs, opposite), sign in zip(observed.by_settings, observed.signs, strict=True):
        q = clopper_pearson(opposite, pairs, shared)
        ends = sorted((sign * (1.0 - 2.0 * q.high), sign * (1.0 - 2.0 * q.low)))
        low, high, estimate = low + ends[0], high + ends[1], estimate + sign * (1.0 - 2.0 * q.estimate)
    if estimate < 0.0:
        low, high, estimate = -high, -low, -estimate
    total = sum(pairs for pairs, _ in observed.by_settings)
    return Interval(
        estimate, max(low, 0.0), min(high, _LARGEST), confidence, "Clopper-Pearson in four pairs of settings", total
    )


def _by_look(observed: BellCounts, confidence: float, limit: float) -> Interval:
    """|S| as a value of each look, groups of them where a look has too few pairs."""
    import numpy as np

    looks = observed.looks or (observed.by_settings,)
    shares = shares_by_look(looks, max((_LARGEST - limit) / 8.0, 1e-3))
    found = mean_interval((1.0 - 2.0 * shares) @ np.array(observed.signs, dtype=np.float64), confidence)
    estimate = _s_value(observed, confidence).estimate
    low, high = (found.low, found.high) if found.estimate >= 0.0 else (-found.high, -found.low)
    method, total = f"sequential t over {found.n} looks", sum(pairs for pairs, _ in observed.by_settings)
    return Interval(estimate, max(low, 0.0), min(high, _LARGEST), confidence, method, total)


def _plain(value: float) -> str:
    return f"{value:.3f}"


SPEC = IndicatorSpec(
    name="chsh",
    title="CHSH value S",
    unit="",
    default_limit=2.0,
    direction="above",
    time_base="bench",
    observes=LinkRun,
    judge=_judge,
    rule="Clopper-Pearson in CHSH's four pairs of settings, each with a quarter of the error probability: "
    "PASS if the lower bound >= limit, FAIL if the upper bound < limit",
    rules={
        "sequential": "sequential t test over the looks' values of S, looked at after each: "
        "PASS if the lower bound >= limit, FAIL if the upper bound < limit"
    },
)
