"""M6: fidelity of the distributed pairs with the ideal state, bounded from below by the visibility in two bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import LinkRun, VisibilityCounts
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, above, required_limit, verdict
from hil.slo._looks import shares_by_look
from hil.slo._words import count, percent, spread
from hil.statistics.binomial import clopper_pearson
from hil.statistics.interval import Interval
from hil.statistics.sequential.means import mean_interval
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
    limit = required_limit(objective)
    fixed = objective.rule == "fixed"
    interval = _fidelity(observed, objective.confidence) if fixed else _by_look(observed, objective.confidence, limit)
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


def _by_look(observed: VisibilityCounts, confidence: float, limit: float) -> Interval:
    """What :func:`_fidelity` estimates, as a value of each look; looks without enough coincidences wait for the next.

    In two bases the upper end is the lesser of both bases' own, each with half of the error probability.
    """
    exact = _is_exact(observed)
    bases = sorted(observed.by_basis) if exact else sorted(observed.by_basis, key=lambda name: observed.by_basis[name])[-2:]
    share = 2.0 / 3.0 if exact else 0.5
    looks = [[look.get(name, (0, 0)) for name in bases] for look in observed.looks or (observed.by_basis,)]
    errors = shares_by_look(looks, (1.0 - limit) * share)
    weight = 0.5 if exact else 1.0
    found = mean_interval(1.0 - weight * errors.sum(axis=1), confidence)
    n = sum(observed.by_basis[name][0] for name in bases)
    high = found.high
    if not exact:
        high = min(mean_interval(1.0 - errors[:, place], (1.0 + confidence) / 2.0).high for place in range(2))
    estimate = 1.0 - weight * sum(wrong / max(total, 1) for total, wrong in (observed.by_basis[name] for name in bases))
    return Interval(
        estimate, max(found.low, 0.0), min(high, 1.0), confidence, f"sequential t over {found.n} looks, {len(bases)} bases", n
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
    rules={
        "sequential": "sequential t test over the looks' fidelities in two bases, or in X, Y and Z, looked at after each: "
        "PASS if the lower bound >= limit, FAIL if the upper bound < limit"
    },
)
