"""M3: the quantum bit error rate of the sifted key basis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import LinkRun
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, below, each, required_limit, verdict
from hil.slo._words import count, percent, plural, spread
from hil.statistics.binomial import clopper_pearson, trials_to_decide
from hil.statistics.interval import Interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(run, objective)) for run in each(observation, LinkRun, SPEC.name))


def _find(run: LinkRun, objective: Objective) -> Finding:
    limit, confidence = required_limit(objective), objective.confidence
    interval, how = _claimed(run, confidence) if not run.blocks and run.claimed else _counted(run, confidence)
    if interval.n == 0:
        reason = f"no QBER: {how}"
        return Finding(run.link, Outcome.INCONCLUSIVE, reason, run.simulated, interval)
    outcome = below(interval, limit)
    said = f"QBER {percent(interval.estimate)} ({spread(interval, percent)}) from {how}"
    return Finding(run.link, outcome, f"{said}; {_ending(outcome, interval, limit)}", run.simulated, interval)


def _claimed(run: LinkRun, confidence: float) -> tuple[Interval, str]:
    """A black box claims a ratio and how many bits it rests on; the errors are what that makes."""
    if not {"qber_ratio", "sifted_bits"} <= run.claimed.keys():
        return clopper_pearson(0, 0, confidence), "the device claims neither qber_ratio nor sifted_bits"
    ratio, bits = run.claimed["qber_ratio"], round(run.claimed["sifted_bits"])
    if bits <= 0 or math.isnan(ratio):
        return clopper_pearson(0, 0, confidence), "the device claims no sifted bits"
    if not 0.0 <= ratio <= 1.0:
        raise UsageError(f"link {run.link} claims a QBER of {ratio}; a ratio between 0 and 1 is expected")
    return clopper_pearson(round(ratio * bits), bits, confidence), f"the device's own claim over {count(bits)} sifted bits"


def _counted(run: LinkRun, confidence: float) -> tuple[Interval, str]:
    """Errors counted exactly by error correction; test-basis errors stand in for blocks that were not corrected.

    Each kind of block counts with the key bits it sifted, or a link that only ever corrects its good blocks would look good.
    """
    corrected = [block for block in run.blocks if block.key_errors is not None]
    other = [block for block in run.blocks if block.key_errors is None]
    errors, bits = sum(block.key_errors or 0 for block in corrected), sum(block.sifted_key_bits for block in corrected)
    test_errors, test_bits = sum(block.test_errors for block in other), sum(block.sifted_test_bits for block in other)
    exact = f"{count(errors)} errors in {count(bits)} sifted bits"
    if not test_bits:
        missing = f"no sifted bits in {plural(len(run.blocks), 'block')}" if run.blocks else "the run holds no whole block"
        return clopper_pearson(errors, bits, confidence), exact if bits else missing
    stand_in = (
        f"{count(test_errors)} errors in {count(test_bits)} test-basis bits of "
        f"{plural(len(other), 'block')} that could not be corrected"
    )
    if not bits:
        return clopper_pearson(test_errors, test_bits, confidence), stand_in
    # each stratum takes half of the error probability
    shared = (1.0 + confidence) / 2.0
    parts = clopper_pearson(errors, bits, shared), clopper_pearson(test_errors, test_bits, shared)
    weight = sum(block.sifted_key_bits for block in other) / (bits + sum(block.sifted_key_bits for block in other))
    return _mixed(parts, weight, confidence), f"{exact} and {stand_in}"


def _mixed(parts: tuple[Interval, Interval], weight: float, confidence: float) -> Interval:
    first, second = parts
    return Interval(
        (1.0 - weight) * first.estimate + weight * second.estimate,
        (1.0 - weight) * first.low + weight * second.low,
        (1.0 - weight) * first.high + weight * second.high,
        confidence,
        "Clopper-Pearson, two strata",
        first.n + second.n,
    )


def _ending(outcome: Outcome, interval: Interval, limit: float) -> str:
    if outcome is Outcome.PASS:
        return f"below {percent(limit)}"
    if outcome is Outcome.FAIL:
        return f"above the limit of {percent(limit)}"
    needed = trials_to_decide(interval.estimate, limit, interval.confidence)
    if needed is None:
        return f"it sits on the limit of {percent(limit)}, which no amount of data decides"
    return f"undecided against {percent(limit)}: at this error rate it takes about {count(max(needed, interval.n + 1))} bits"


SPEC = IndicatorSpec(
    name="qber",
    title="quantum bit error rate",
    unit="ratio",
    default_limit=0.02,
    direction="below",
    time_base="bench",
    observes=LinkRun,
    judge=_judge,
    rule="Clopper-Pearson over the sifted bits: PASS if the upper bound < limit, FAIL if the lower bound >= limit",
)
