"""Judge a device's key lengths by the counters it exports: whether it was ever more optimistic than they allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.verdict import Outcome, exit_code, merge

if TYPE_CHECKING:
    import argparse

    from hil.judge import Judgement

__all__ = ["HELP", "declare", "execute"]

HELP = "judge a device's key lengths by the counters it exports"
_ENDINGS = {
    "FAIL": "the device was more optimistic than allowed",
    "INCONCLUSIVE": "cannot confirm that the device was never more optimistic than allowed",
    "SKIPPED": "no key came out, so there was nothing to judge",
    "PASS": "the device was never more optimistic than allowed",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """The file."""
    parser.add_argument("file", metavar="FILE", help="counters per block, .json or .csv, as the page on vendor counters says")
    parser.add_argument(
        "--epsilon",
        type=float,
        metavar="E",
        help="secrecy that every key has to promise, if its device promises less",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Every block with its outcome and why; exit codes are those of outcomes."""
    from hil.judge import judge_all, read_counters

    wanted: float | None = arguments.epsilon
    if wanted is not None and not 0.0 < wanted < 1.0:
        raise UsageError(f"--epsilon {wanted:g}: a secrecy lies above 0 and below 1")
    judgements = judge_all(read_counters(arguments.file), epsilon_secrecy=wanted)
    for judgement in judgements:
        print("\n".join(_lines(judgement)))
    outcomes = [judgement.outcome for judgement in judgements]
    worst = merge(outcome for outcome in outcomes if outcome is not Outcome.SKIPPED)  # skips decide nothing
    counted = ", ".join(f"{outcomes.count(outcome)} {outcome.value}" for outcome in Outcome if outcome in outcomes)
    print(f"\n{worst.value}: {_ENDINGS[worst.value]} ({counted} of {len(outcomes)})")
    return exit_code(outcomes)


def _lines(judgement: Judgement) -> list[str]:
    lines = [f"{judgement.outcome.value:<12}  block {judgement.block}: {judgement.reason}"]
    bound = judgement.bound
    if bound is not None:
        lines.append(
            f"{'':<12}  {bound.proof}: at least {bound.events:,.0f} events, their phase errors at most "
            f"{100 * bound.phase_error_ratio:.3g} %, leakage charged {bound.charged_bits:,.0f} bits, secrecy {bound.secrecy:g}"
        )
    return lines
