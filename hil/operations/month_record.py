"""Lives a virtual month on a bench and leaves the record of it: verdict, series, faults, tables, all marked as simulated."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from hil.bench.queries import bench_hash
from hil.device_sims.world.month import LIVED
from hil.errors import UsageError
from hil.operations.month import live
from hil.operations.standing import objectives_of
from hil.record.writer import EventLog, RunHeader, finish
from hil.seeds import derive
from hil.telemetry.of_record import LINK_UP
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.operations.fault_calendar import FaultCalendar
    from hil.operations.month import Month
    from hil.operations.objective import ServiceObjective
    from hil.record.model import Record
    from hil.record.writer import RunFolder
    from hil.testbed.link import Link
    from hil.verdict import Verdict

__all__ = ["Lived", "live_month"]

_DAY_S = 86_400.0
_SIMULATED = (
    "Simulated: what is seen in every slice, with the faults that the calendar declares. It shows what a link is like on"
    " which faults come so often, and nothing about a device."
)


@dataclass(frozen=True)
class Lived:
    """What came of a month, and the finished record of it."""

    month: Month
    verdict: Verdict
    objective: ServiceObjective
    record: Record


def live_month(
    bench: Bench, link_name: str, calendar: FaultCalendar, folder: RunFolder, *, seed: int, workers: int = 1
) -> Lived:
    """Open the bench's twins, let the month pass on one of its links, judge its availability, write the record.

    The objective has the calendar's slices. UsageError for a link that makes no key, else as
    :func:`hil.operations.month.live`.
    """
    objectives = [
        one
        for one in objectives_of(bench, slice_s=calendar.month.slice_s)
        if one.labels["link"] == link_name and one.decision.indicator == "link_availability"
    ]
    if not objectives or bench.link[link_name].protocol not in LIVED:
        lived = [name for name, one in bench.link.items() if one.protocol in LIVED]
        raise UsageError(
            f"{link_name}: {bench.link[link_name].protocol} cannot be lived for a month: no closed form or sampler covers it;"
            f" expected a link of protocol {', '.join(LIVED)}, of which {bench.bench.name} has {', '.join(lived) or 'none'}"
        )
    started, case = time.time(), f"month::{calendar.month.name}[{link_name}]"
    log = EventLog(folder, "month")
    with Testbed.open(bench, simulate=True, seed=seed, log=log, folder=folder) as testbed:
        testbed.begin(case)
        link = cast("Link", testbed.link(link_name))
        link.up()
        slo = Slo(link)
        slo.declare("link_availability")
        month = live(link, calendar, derive(seed, bench.bench.name, case), workers)
        (verdict,) = slo.judge(month.availability(), "link_availability")
        _keep(testbed, link, calendar, month)
        testbed.end()
    log.append("test", case, outcome=verdict.outcome, reason=verdict.reason, title=_title(calendar, link_name))
    header = RunHeader(
        bench=bench.bench.name,
        simulated=True,
        seed=seed,
        started=started,
        bench_hash=bench_hash(bench),
        command=shlex.join(["hil", "month", calendar.month.name, "--bench", bench.bench.name, "--seed", str(seed)]),
        labels={"bench kind": "simulated", "calendar": calendar.month.name},
    )
    return Lived(month, verdict, objectives[0], finish(folder, header))


def _title(calendar: FaultCalendar, link: str) -> str:
    days = calendar.month.duration_s / _DAY_S
    return f"{days:g} virtual days of {link} with the faults of {calendar.month.name}: simulated"


def _keep(testbed: Testbed, link: Link, calendar: FaultCalendar, month: Month) -> None:
    """Series, faults, and the table of what they cost."""
    marks = np.where(month.counted, month.up.astype(np.float64), np.nan)
    testbed.save_series(link.name, {LINK_UP: (month.times_s, marks)})
    by_name = {share.name: share for share in month.shares}
    for one in month.occurrences:
        testbed.record(
            "fault",
            fault=calendar.fault[one.name].fault or one.name,
            target=link.name,
            start_s=one.start_s,
            end_s=one.end_s,
            commanded=by_name[one.name].words,
            evidence="simulated: dated by the calendar of faults",
            healed=True,
            link=link.name,
        )
    down, left_out = int((~month.up).sum()), int((~month.counted).sum())
    counted = (
        f"{month.up.size:,} slices of {month.slice_s:g} s, of which {down:,} were down. {left_out:,} slices of maintenance were"
        " left out of the verdict."
    )
    testbed.record(
        "table",
        title="what a virtual month cost, by class of fault",
        columns=("what", "times", "slices down", "expected"),
        rows=tuple((one.words, one.times, one.down, round(one.expected, 3)) for one in month.shares),
        row_names=tuple(one.name for one in month.shares),
        row_title="class",
        sentences=(counted, _SIMULATED),
        link=link.name,
    )
