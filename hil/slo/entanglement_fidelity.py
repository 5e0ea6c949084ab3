"""M6: fidelity of the distributed pairs with the ideal state, bounded from below by the visibility in two bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import LinkRun, VisibilityCounts
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, above, required_limit, verdict
from hil.slo._words import count, percent, spread
from hil.statistics.binomial import clopper_pearson
from hil.statistics.interval import Interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]

_NO_PAIRS = "a prepare-and-measure link sends no entangled pairs: it has no entanglement fidelity"


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    several = observation if isinstance(observation, list | tuple) else (observation,)
    return tuple(verdict(SPEC, objective, _find(one, objective)) for one in several)


def _find(observed: object, objective: Objective) -> Finding:
    if isinstance(observed, LinkRun) and observed.visibility is not None:
        return _find(observed.visibility, objective)
    if isinstance(observed, LinkRun):
        return Finding(observed.link, Outcome.SKIPPED, _NO_PAIRS, observed.simulated)
    if not isinstance(observed, VisibilityCounts):
        raise UsageError(
            f"indicator {SPEC.name} judges VisibilityCounts of hil.ports.run, or skips a LinkRun; got {type(observed).__name__}"
        )
    if len(observed.by_basis) < 2:
        names = ", ".join(observed.by_basis) or "none"
        reason = f"coincidences in one setting only ({names}): bounding the fidelity takes a second, complementary basis"
        return Finding(observed.subject, Outcome.SKIPPED, reason, observed.simulated)
    interval = _fidelity(observed, objective.confidence)
    limit = required_limit(objective)
    outcome = above(interval, limit, objective)
    if interval.n == 0:
        return Finding(observed.subject, Outcome.INCONCLUSIVE, "no coincidences", observed.simulated, interval)
    exact = "" if _is_exact(observed) else "at least "
    said = f"fidelity {exact}{percent(interval.estimate)} ({spread(interval, percent)}) from {count(interval.n)} coincidences"
    endings = {
        Outcome.PASS: f"reaches {percent(limit)}",
        Outcome.FAIL: f"misses the required {percent(limit)}",
    }
    ending = endings.get(outcome, f"undecided against {percent(limit)}: collect more coincidences")
    return Finding(observed.subject, outcome, f"{said}; {ending}", observed.simulated, interval)


def _fidelity(observed: VisibilityCounts, confidence: float) -> Interval:
    """In X, Y and Z 1 - (qX + qY + qZ) / 2; else from 1 - q1 - q2 = (V1 + V2) / 2 up to 1 - max(q1, q2), for two bases.

    These are the two with the most coincidences. q is the share of coincidences against the correlation, V = 1 - 2q the
    visibility; the ideal state's share of the pairs can be no more than the correlated ones in any basis. The estimate is the
    lower one. Valid for a state of two qubits, whose fidelity is (1 + VX + VY + VZ) / 4 (O. Guehne and G. Toth, Phys. Rep. 474,
    1, 2009).
    """
    if _is_exact(observed):
        return _in_three(observed, confidence)
    chosen = sorted(observed.by_basis.values(), reverse=True)[:2]
    shared = (1.0 + confidence) / 2.0
    errors = [clopper_pearson(wrong, total, shared) for total, wrong in chosen]
    return Interval(
        1.0 - sum(one.estimate for one in errors),
        max(0.0, 1.0 - sum(one.high for one in errors)),
        1.0 - max(one.low for one in errors),
        confidence,
        "Clopper-Pearson in two bases",
        sum(one.n for one in errors),
    )


def _is_exact(observed: VisibilityCounts) -> bool:
    """Three complementary bases, by their names, fix the fidelity; two only bound it."""
    return set(observed.by_basis) == {"X", "Y", "Z"}


def _in_three(observed: VisibilityCounts, confidence: float) -> Interval:
    """Each end of the interval takes a third of the error from each basis."""
    shared = 1.0 - (1.0 - confidence) / 3.0
    errors = [clopper_pearson(wrong, total, shared) for total, wrong in observed.by_basis.values()]
    return Interval(
        1.0 - sum(one.estimate for one in errors) / 2.0,
        max(0.0, 1.0 - sum(one.high for one in errors) / 2.0),
        1.0 - sum(one.low for one in errors) / 2.0,
        confidence,
        "Clopper-Pearson in three bases",
        sum(one.n for one in errors),
    )


SPEC = IndicatorSpec(
    name="entanglement_fidelity",
    title="entanglement fidelity",
    unit="ratio",
    default_limit=0.90,
    direction="above",
    time_base="bench",
    observes=LinkRun,
    judge=_judge,
    rule="Clopper-Pearson in two bases, (V1 + V2) / 2 <= F <= 1 - max(q), or in X, Y and Z, F = (1 + VX + VY + VZ) / 4: "
    "PASS if the lower bound >= limit, FAIL if the upper bound < limit",
)
