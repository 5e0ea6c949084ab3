"""M3: the quantum bit error rate of the sifted key basis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import LinkRun
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, below, by_wald, each, required_limit, verdict
from hil.slo._words import count, percent, plural, spread
from hil.statistics.binomial import clopper_pearson, trials_to_decide
from hil.statistics.clusters import clustered_proportion, design_effect
from hil.statistics.interval import Interval
from hil.statistics.sequential.means import mean_interval
from hil.statistics.sequential.proportions import proportion_interval, proportion_views
from hil.statistics.sequential.sprt import decide_all
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from hil.ports.objective import Objective
    from hil.ports.run import BlockReport
    from hil.verdict import Verdict

    Stratum = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(run, objective)) for run in each(observation, LinkRun, SPEC.name))


def _find(run: LinkRun, objective: Objective) -> Finding:
    limit = required_limit(objective)
    claim = bool(not run.blocks and run.claimed)
    interval, how = _claimed(run, objective) if claim else _counted(run, objective, limit)
    if interval.n == 0:
        reason = f"no QBER: {how}"
        return Finding(run.link, Outcome.INCONCLUSIVE, reason, run.simulated, interval)
    outcome = _by_wald(run, objective, limit) if objective.rule == "sprt" else below(interval, limit, objective)
    said = f"QBER {percent(interval.estimate)} ({spread(interval, percent)}) from {how}"
    effect = 1.0 if claim else _design_effect(run.blocks)
    return Finding(run.link, outcome, f"{said}; {_ending(outcome, interval, limit, effect)}", run.simulated, interval)


def _claimed(run: LinkRun, objective: Objective) -> tuple[Interval, str]:
    """A black box claims a ratio and how many bits it rests on; the errors are what that makes.

    Looked at after every run, its readings of the ratio, second by second, are what varies.
    """
    confidence = objective.confidence
    readings = run.series.get("qber_ratio")
    if objective.rule != "fixed" and readings is not None:
        interval = mean_interval(readings[1], confidence)
        return interval, f"{plural(interval.n, 'reading')} of the device's own claim"
    if not {"qber_ratio", "sifted_bits"} <= run.claimed.keys():
        return clopper_pearson(0, 0, confidence), "the device claims neither qber_ratio nor sifted_bits"
    ratio, bits = run.claimed["qber_ratio"], round(run.claimed["sifted_bits"])
    if bits <= 0 or math.isnan(ratio):
        return clopper_pearson(0, 0, confidence), "the device claims no sifted bits"
    if not 0.0 <= ratio <= 1.0:
        raise UsageError(f"link {run.link} claims a QBER of {ratio}; a ratio between 0 and 1 is expected")
    return clopper_pearson(round(ratio * bits), bits, confidence), f"the device's own claim over {count(bits)} sifted bits"


def _counted(run: LinkRun, objective: Objective, limit: float) -> tuple[Interval, str]:
    """Errors counted exactly by error correction; test-basis errors stand in for blocks that were not corrected.

    Each kind of block counts with the key bits it sifted, or a link that only ever corrects its good blocks would look good.
    """
    confidence = objective.confidence
    by_key, by_test = _strata(run.blocks)
    other = [block for block in run.blocks if block.key_errors is None]
    (errors, bits), (test_errors, test_bits) = ([int(each.sum()) for each in stratum] for stratum in (by_key, by_test))

    def bounds(stratum: Stratum, confidence: float) -> Interval:
        if objective.rule == "fixed":
            return clustered_proportion(*stratum, confidence)
        return proportion_interval(*stratum, limit, confidence)

    exact = f"{count(errors)} errors in {count(bits)} sifted bits"
    if not test_bits:
        missing = f"no sifted bits in {plural(len(run.blocks), 'block')}" if run.blocks else "the run holds no whole block"
        return bounds(by_key, confidence), exact if bits else missing
    stand_in = (
        f"{count(test_errors)} errors in {count(test_bits)} test-basis bits of "
        f"{plural(len(other), 'block')} that could not be corrected"
    )
    if not bits:
        return bounds(by_test, confidence), stand_in
    # each stratum takes half of the error probability
    shared = (1.0 + confidence) / 2.0
    parts = bounds(by_key, shared), bounds(by_test, shared)
    weight = sum(block.sifted_key_bits for block in other) / (bits + sum(block.sifted_key_bits for block in other))
    return _mixed(parts, weight, confidence), f"{exact} and {stand_in}"


def _mixed(parts: tuple[Interval, Interval], weight: float, confidence: float) -> Interval:
    first, second = parts
    return Interval(
        (1.0 - weight) * first.estimate + weight * second.estimate,
        (1.0 - weight) * first.low + weight * second.low,
        (1.0 - weight) * first.high + weight * second.high,
        confidence,
        f"two strata ({first.method}; {second.method})",
        first.n + second.n,
        events=(first.events or 0) + (second.events or 0),
    )


def _strata(blocks: Sequence[BlockReport]) -> tuple[Stratum, Stratum]:
    """Errors and bits by block: key basis of those corrected, test basis of the others."""
    import numpy as np

    corrected = [(block.key_errors, block.sifted_key_bits) for block in blocks if block.key_errors is not None]
    other = [(block.test_errors, block.sifted_test_bits) for block in blocks if block.key_errors is None]
    of_key, of_test = (np.array(pairs, dtype=np.int64).reshape(-1, 2) for pairs in (corrected, other))
    return (of_key[:, 0], of_key[:, 1]), (of_test[:, 0], of_test[:, 1])


def _design_effect(blocks: Sequence[BlockReport]) -> float:
    """By how much correlated errors inflate what it takes to decide; 1 where nothing shows it."""
    by_key, by_test = _strata(blocks)
    effect = design_effect(*(by_key if by_key[1].sum() else by_test))
    return 1.0 if math.isnan(effect) else effect


def _by_wald(run: LinkRun, objective: Objective, limit: float) -> Outcome:
    """Blocks of one kind only: the test has one likelihood."""
    by_key, by_test = _strata(run.blocks)
    if objective.acceptable is None or bool(by_key[1].any()) is bool(by_test[1].any()):
        return Outcome.INCONCLUSIVE
    views = proportion_views(*(by_key if by_key[1].any() else by_test), limit)
    error = 1.0 - objective.confidence
    return by_wald(decide_all((view.log_ratio(objective.acceptable, limit) for view in views), error, error))


def _ending(outcome: Outcome, interval: Interval, limit: float, effect: float) -> str:
    if outcome is Outcome.PASS:
        return f"below {percent(limit)}"
    if outcome is Outcome.FAIL:
        return f"above the limit of {percent(limit)}"
    needed = trials_to_decide(interval.estimate, limit, interval.confidence)
    needed = needed and round(needed * effect)
    if needed is None:
        return f"it sits on the limit of {percent(limit)}, which no amount of data decides"
    if needed <= interval.n:  # one look would have told; a rule that may look again and again asks for more
        return f"undecided against {percent(limit)}: this rule asks for more blocks than these {count(interval.n)} bits came in"
    return f"undecided against {percent(limit)}: at this error rate it takes about {count(needed)} bits"


SPEC = IndicatorSpec(
    name="qber",
    title="quantum bit error rate",
    unit="ratio",
    default_limit=0.02,
    direction="below",
    time_base="bench",
    observes=LinkRun,
    judge=_judge,
    rule="Clopper-Pearson over the sifted bits, as many as they are worth by the design effect of the blocks: "
    "PASS if the upper bound < limit, FAIL if the lower bound >= limit",
    rules={
        "sequential": "mixture e-process over the blocks, looked at after each: "
        "PASS if the upper bound < limit, FAIL if the lower bound >= limit",
        "sprt": "Wald's sequential test over the blocks, looked at after each: "
        "PASS if the acceptable value is accepted, FAIL if it is refused for the limit",
    },
)
