"""Whether a new run is worse than an old one by less than a margin: non-inferiority of a firmware, from two run records."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from hil import units
from hil.cli._together import Together
from hil.errors import UsageError
from hil.verdict import Outcome, exit_code, merge

if TYPE_CHECKING:
    import argparse

    from hil.ports.spec import IndicatorSpec
    from hil.record.model import Record, VerdictEntry
    from hil.verdict import Verdict

__all__ = ["HELP", "declare", "execute"]

HELP = "is a new run worse than an old one by less than a margin"


def declare(parser: argparse.ArgumentParser) -> None:
    """Both runs, and the margins."""
    for name in ("old", "new"):
        parser.add_argument(name, metavar=name.upper(), help=f"folder, record.json or id of the {name} run")
    parser.add_argument(
        "--margin",
        action="append",
        required=True,
        metavar="INDICATOR=VALUE",
        help="by how much the new one may be worse, in the indicator's unit or with one: qber=0.003; may be repeated",
    )
    parser.add_argument("--output", metavar="FILE", help="write both arms and their differences as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Each pair of verdicts with its difference; exit codes are those of outcomes."""
    import msgspec

    from hil.record.reader import read_record
    from hil.slo import compare

    old, new = read_record(arguments.old), read_record(arguments.new)
    found: list[tuple[Verdict, VerdictEntry, VerdictEntry]] = []
    alone: dict[str, bool] = {}
    for spec, margin in _margins(arguments.margin):
        pairs, lone = _pairs(old, new, spec)
        alone |= lone
        found += [(compare(spec, ours, theirs, margin), ours, theirs) for theirs, ours in pairs]
    for verdict, ours, _ in found:
        place = f" ({ours.case.rpartition('::')[2]})" if ours.case else ""
        print(f"{verdict.outcome.value:<12}  {verdict.indicator} of {verdict.subject}{place}: {verdict.reason}")
    # what the old run showed and the new one does not may have become worse
    outcomes = [verdict.outcome for verdict, _, _ in found] + [Outcome.INCONCLUSIVE for lost in alone.values() if lost]
    print(f"\n{merge(outcomes).value}: {new.run_id} against {old.run_id}, {len(found)} compared")
    print("\n".join(dict.fromkeys(verdict.rule for verdict, _, _ in found)))
    for each, lost in alone.items():
        print(f"not compared{', which leaves it open' if lost else ''}: {each}")
    if arguments.output:
        told = [{"comparison": verdict, "new": ours, "old": theirs} for verdict, ours, theirs in found]
        content = {"old": old.run_id, "new": new.run_id, "comparisons": told}
        Path(arguments.output).write_bytes(msgspec.json.format(msgspec.json.encode(content)))
    return exit_code(outcomes)


def _margins(texts: list[str]) -> list[tuple[IndicatorSpec, float]]:
    """Of every one of them; UsageError with all that is wrong."""
    together = Together()
    read = [together.ask(_margin, text, said=f"--margin {text}: ") for text in texts]
    together.settle()
    return [each for each in read if each is not None]


def _margin(text: str) -> tuple[IndicatorSpec, float]:
    from hil import discovery

    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("expected INDICATOR=VALUE, such as qber=0.003")
    spec: IndicatorSpec = discovery.find("indicator", name.strip())
    try:
        margin = float(value)
    except ValueError:
        margin = units.convert(value, spec.unit)
    if not 0.0 <= margin < math.inf:
        raise UsageError("expected a margin of zero or more")
    return spec, margin


def _pairs(old: Record, new: Record, spec: IndicatorSpec) -> tuple[list[tuple[VerdictEntry, VerdictEntry]], dict[str, bool]]:
    """Verdicts of both runs on the same subject in the same test, old and new; and those alone, and if the new run lost it."""
    theirs, ours = ({(one.case, one.subject): one for one in run.verdicts if one.indicator == spec.name} for run in (old, new))
    alone = {
        f"{spec.name} of {subject} in {case or 'no test'}: only in {run.run_id}": run is old
        for run, mine, other in ((old, theirs, ours), (new, ours, theirs))
        for case, subject in mine
        if (case, subject) not in other
    }
    both = [key for key in ours if key in theirs]
    if not both:
        told = "".join(f"\n  {each}" for each in alone) or f": neither has a verdict of {spec.name}"
        raise UsageError(f"{spec.name}: no verdict of the same test on the same subject in {old.run_id} and {new.run_id}{told}")
    return [(theirs[key], ours[key]) for key in both], alone
