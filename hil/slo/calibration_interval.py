"""M8: the longest time a device went without calibrating itself."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.ports.run import CalibrationLog
from hil.ports.spec import IndicatorSpec
from hil.slo._decide import Finding, each, required_limit, verdict
from hil.slo._words import duration, plural
from hil.statistics.interval import Interval
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.objective import Objective
    from hil.verdict import Verdict

__all__ = ["SPEC"]


def _judge(observation: object, objective: Objective) -> tuple[Verdict, ...]:
    return tuple(verdict(SPEC, objective, _find(log, objective)) for log in each(observation, CalibrationLog, SPEC.name))


def _find(log: CalibrationLog, objective: Objective) -> Finding:
    limit_s = required_limit(objective)
    start_s, end_s = log.window_s
    if end_s < start_s:
        raise UsageError(f"calibration log of {log.subject}: the window ends at {end_s} s, before it starts at {start_s} s")
    inside = sorted(time_s for time_s in log.times_s.tolist() if start_s <= time_s <= end_s)
    longest_s, where = _longest(inside, start_s, end_s)
    watched_s = end_s - start_s
    # the gaps are known exactly, only those open at the ends may be longer than they look
    interval = Interval(longest_s, longest_s, longest_s, objective.confidence, "every gap, open ones included", len(inside))
    said = f"{plural(len(inside), 'calibration')} in {duration(watched_s)}, longest gap {duration(longest_s)} ({where})"
    if longest_s > limit_s + objective.guard_band:
        outcome, ending = Outcome.FAIL, f"longer than the allowed {duration(limit_s)}"
    elif longest_s > limit_s - objective.guard_band:
        outcome, ending = (
            Outcome.INCONCLUSIVE,
            f"in the guard band of {duration(objective.guard_band)} about {duration(limit_s)}",
        )
    elif watched_s < limit_s:
        outcome = Outcome.INCONCLUSIVE
        ending = f"a gap of more than {duration(limit_s)} cannot show: watch for {duration(limit_s)} or longer"
    else:
        outcome, ending = Outcome.PASS, f"within {duration(limit_s)}"
    return Finding(log.subject, outcome, f"{said}; {ending}", log.simulated, interval)


def _longest(times_s: list[float], start_s: float, end_s: float) -> tuple[float, str]:
    """The longest gap in the window, and which one it is; those at its ends are open."""
    edges = [start_s, *times_s, end_s]
    gaps = [after - before for before, after in pairwise(edges)]
    number = max(range(len(gaps)), key=gaps.__getitem__)
    if not times_s:
        return gaps[0], "none at all"
    if number == 0:
        return gaps[0], "before the first one"
    return gaps[number], "since the last one" if number == len(gaps) - 1 else "between two"


SPEC = IndicatorSpec(
    name="calibration_interval",
    title="calibration interval",
    unit="s",
    default_limit=604_800.0,
    direction="below",
    time_base="bench",
    observes=CalibrationLog,
    judge=_judge,
    rule="every gap of the window, open ones at its ends included: FAIL if one > limit, PASS if none is "
    "and the window is as long as the limit",
    rules={
        "sequential": "every gap of the window so far, looked at again and again, since nothing in it is left to chance: "
        "FAIL if one > limit, PASS if none is and the window is as long as the limit"
    },
    gate=False,
)
