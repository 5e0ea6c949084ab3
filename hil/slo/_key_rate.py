"""What both key rate indicators share: the rate over blocks, and why there is no key."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.physics.decoy_key import IntensityCounts, decoy_proof, first_decoy_key_factor
from hil.physics.entropy import correction_leak_bits
from hil.physics.prediction import CORRECTION_EFFICIENCY
from hil.slo._decide import Finding, above
from hil.slo._words import bit_rate, duration, plural, spread
from hil.statistics.means import student_t, values_to_decide
from hil.statistics.sequential.means import mean_interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.objective import Objective
    from hil.ports.run import BlockReport, LinkRun
    from hil.statistics.interval import Interval

__all__ = ["RULE", "RULES", "find"]

RULE = (
    "Student t over the blocks' net key rates (authentication paid, blocks without key count as they are): "
    "PASS if the lower bound >= limit, FAIL if the upper bound < limit"
)

RULES = {
    "sequential": "sequential t test over the blocks' net key rates, looked at after each: "
    "PASS if the lower bound >= limit, FAIL if the upper bound < limit"
}

_EPSILONS = (1e-9, 1e-15)
_DIRECTIONS = 2
"""In which the error correction is charged, unless a bench says otherwise."""

_HOPELESS_QBER = 0.08
"""Above this, errors are the reason, whatever the length of a block."""


def find(run: LinkRun, objective: Objective, called: str) -> Finding:
    """Judge the run's key rate; ``called`` is what the limit is called in the sentence."""
    limit = objective.limit
    rates, claimed = _rates_bps(run)
    interval = (student_t if objective.rule == "fixed" else mean_interval)(rates, objective.confidence)
    if limit is None:
        reason = "no contracted key rate: the bench file names none, and nothing predicts one"
        return Finding(run.link, Outcome.SKIPPED, reason, run.simulated, interval)
    against = f"{called} of {bit_rate(limit)}"
    if interval.n < 2:
        reason = _too_few(run, interval, against)
        return Finding(run.link, Outcome.INCONCLUSIVE, reason, run.simulated, interval)
    outcome = above(interval, limit, objective)
    if run.blocks and not any(block.released for block in run.blocks):
        reason = f"{_no_key(run)}; {plural(len(run.blocks), 'block')} without key, {against}"
        return Finding(run.link, outcome, reason, run.simulated, interval)
    source = "readings of the device's own claim" if claimed else "blocks"
    said = f"key rate {bit_rate(interval.estimate)} ({spread(interval, bit_rate)}) over {interval.n:,} {source}"
    ending = _ending(outcome, interval, rates, limit)
    return Finding(run.link, outcome, f"{said} {ending} the {against}{_blanks(run)}", run.simulated, interval)


def _rates_bps(run: LinkRun) -> tuple[npt.NDArray[np.float64], bool]:
    """Net key rate of each block; of a black box, what its log claims."""
    import numpy as np

    for block in run.blocks:
        if not block.end_s > block.start_s:
            raise UsageError(f"block {block.sequence} of link {run.link} ends at {block.end_s} s, not after {block.start_s} s")
    if run.blocks:
        net = [(_secret_bits(b) - b.authentication_bits) / (b.end_s - b.start_s) for b in run.blocks]
        return np.array(net, dtype=np.float64), False
    series = run.series.get("key_rate_bps")
    return (np.array([], dtype=np.float64), False) if series is None else (series[1][np.isfinite(series[1])], True)


def _secret_bits(block: BlockReport) -> int:
    return block.secret_bits if block.released else 0


def _too_few(run: LinkRun, interval: Interval, against: str) -> str:
    if run.blocks:
        got = _no_key(run) if not run.blocks[0].released else f"key rate {bit_rate(interval.estimate)}"
        return f"{got}; one block shows no spread to judge the {against} by: run two blocks or more"
    claim = run.claimed.get("key_rate_bps")
    if claim is not None:
        return f"the device claims {bit_rate(claim)}, one number without a spread: log it twice or more to judge the {against}"
    return f"no whole block in {duration(run.end_s - run.start_s)}: run longer to judge the {against}"


def _ending(outcome: Outcome, interval: Interval, rates: npt.NDArray[np.float64], limit: float) -> str:
    if outcome is Outcome.PASS:
        return "reaches"
    if outcome is Outcome.FAIL:
        return "misses"
    needed = values_to_decide(interval.estimate, float(rates.std(ddof=1)), limit, interval.confidence)
    more = "no number of blocks decides it" if needed is None else f"it takes about {max(needed, interval.n + 1):,} blocks"
    return f"is undecided ({more}) against"


def _blanks(run: LinkRun) -> str:
    blanks = [block for block in run.blocks if not block.released]
    if not blanks:
        return ""
    return f"; {plural(len(blanks), 'block')} of {len(run.blocks):,} gave none: {_commonest(blanks)}"


def _commonest(blocks: list[BlockReport]) -> str:
    return Counter(block.sentence for block in blocks).most_common(1)[0][0].rstrip(".")


def _no_key(run: LinkRun) -> str:
    """Why no block of the run gave key: too short a block, if a longer one would, or what the blocks say themselves."""
    block_s = sum(block.end_s - block.start_s for block in run.blocks) / len(run.blocks)
    needed_s = _measured_block_s(run)
    if needed_s is None and run.prediction is not None and run.prediction.key_rate_bps == 0.0:
        needed_s = run.prediction.first_key_block_s
    said = _commonest(list(run.blocks)).removeprefix("no key: ")
    if needed_s is None or needed_s <= block_s or said.startswith("no proof covers"):
        return f"no key: {said}"
    if math.isinf(needed_s):
        return f"no key: at this loss and error rate no block gives key, however long ({said})"
    return f"no key: at this loss a block would take {duration(needed_s)}, these took {duration(block_s)}"


def _measured_block_s(run: LinkRun) -> float | None:
    """How long a block would have to be at the rates measured; None where the run does not tell, or errors are the trouble."""
    source = run.source
    if source is None or len(source.intensities) not in {2, 3} or not all(block.by_intensity for block in run.blocks):
        return None
    counts = _sums(run, len(source.intensities))
    key_bits, test_bits = sum(counts.key), sum(counts.test)
    qber = sum(counts.test_errors) / test_bits if test_bits else 0.5
    if qber > _HOPELESS_QBER:
        return None
    try:
        proof = decoy_proof(source.intensities, source.probabilities, *_EPSILONS)
    except UsageError:  # intensities that no proof covers: the blocks say so themselves
        return None
    leak_bits = correction_leak_bits(key_bits, qber, CORRECTION_EFFICIENCY * _DIRECTIONS)
    return first_decoy_key_factor(counts, proof, leak_bits) * sum(block.end_s - block.start_s for block in run.blocks)


def _sums(run: LinkRun, intensities: int) -> IntensityCounts:
    """Over all blocks; blocks that were not corrected count errors of the key basis as the test basis has them."""
    bits, wrong = ([[0.0] * intensities, [0.0] * intensities] for _ in range(2))
    for block in run.blocks:
        for intensity, basis, sifted, errors in block.by_intensity:
            bits[basis][intensity] += sifted
            wrong[basis][intensity] += errors or 0
    if any(block.key_errors is None for block in run.blocks):
        ratios = [errors / sifted if sifted else 0.5 for errors, sifted in zip(wrong[1], bits[1], strict=True)]
        wrong[0] = [sifted * ratio for sifted, ratio in zip(bits[0], ratios, strict=True)]
    return IntensityCounts(bits[0], wrong[0], bits[1], wrong[1])
