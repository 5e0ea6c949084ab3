"""Runs a game day: a steady state, faults at their times, and afterwards what the link made of them, measured.

Nothing here knows what a fault does to a link. Blocks are made one after the other, each is looked at, and the reactions are
read from those looks; the life of every key is written down and judged at the end.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hil.clock import NS_PER_S
from hil.errors import BenchError, FaultUseError, HilError, Inconclusive, MissingCapabilityError, ObjectiveMissedError
from hil.history.checkers import CHECKERS
from hil.history.checking import check
from hil.history.steps import History
from hil.ports.identity import EvidenceLevel
from hil.record.model import CheckEntry, MomentEntry, ReactionEntry
from hil.testbed import running
from hil.testbed.delivery import KeyDelivery
from hil.testbed.gamedays.applications import Applications
from hil.testbed.gamedays.gameday_looks import Aborts, Look, Watch
from hil.testbed.gamedays.gameday_reactions import Seen, moments, reactions
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.testbed.steps import through
from hil.verdict import Outcome, merge

if TYPE_CHECKING:
    from hil.errors import Mistake
    from hil.gamedays.model import Gameday, PlannedFault
    from hil.ports.run import FaultWindow, LinkRun
    from hil.record.series import Series
    from hil.testbed.injection.fault import Fault
    from hil.testbed.link import Link
    from hil.verdict import Verdict

__all__ = ["GamedayRun"]

_STORED = 64
"""Keys of each block that go into the key management entities; the rest of thousands is not needed there."""
_RAISED: dict[Outcome, type[HilError]] = {
    Outcome.FAIL: ObjectiveMissedError,
    Outcome.ERROR: BenchError,
    Outcome.INCONCLUSIVE: Inconclusive,
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class GamedayRun:
    """One game day on one link. :meth:`run` does all of it; what is below is what was seen."""

    def __init__(self, link: Link, gameday: Gameday) -> None:
        link.require(EvidenceLevel.L3, "game days")
        self.link = link
        self.gameday = gameday
        self.history = History()
        self.looks: list[Look] = []
        self.aborted = ""
        self.steady: list[CheckEntry] = []
        self.faults: list[tuple[PlannedFault, Fault]] = []
        self._testbed = link.testbed
        self._slo = Slo(link)
        self._applications: Applications | None = None
        self._delivery: KeyDelivery | None = None
        self._runs: list[LinkRun] = []
        self._begins_s = 0.0

    def run(self) -> None:
        """Run it, record it, and raise for the worst of what it came to.

        ObjectiveMissedError where a reaction came too late or not at all, an invariant was broken or the steady state did not
        come back; BenchError where there was none to begin with, or the day was called off; Inconclusive where too little was
        seen. MissingCapabilityError, before anything moves, where the bench cannot be broken in one of these ways.
        """
        testbed, info = self._testbed, self.gameday.gameday
        testbed.history = self.history
        self._slo.declare(*self.gameday.steady_state.indicators)
        if self.gameday.load is not None:
            self._delivery = KeyDelivery(self.link)
            self._applications = Applications(self._delivery, self.history)
        chaos = Chaos(testbed, self.link)
        trouble: HilError | None = None
        try:
            self._day(chaos)
        except MissingCapabilityError:
            raise
        except HilError as error:
            trouble = error
        finally:
            self._save_series()
        outcome, words = self._record(trouble)
        if trouble is not None:
            raise trouble
        if outcome is not Outcome.PASS:
            raise _RAISED.get(outcome, BenchError)(f"game day {info.name}: {words}")

    # --- the day ------------------------------------------------------------------------------------------------------

    def _day(self, chaos: Chaos) -> None:
        self._try_out(chaos)
        steady = self._steady("before")
        self._begins_s = self._testbed.now_s()
        self._schedule(chaos)
        self._timeline(Watch(self.link, steady), Aborts(self.link, self.gameday.abort))
        chaos.finish()
        if self.aborted:
            raise BenchError(f"game day {self.gameday.gameday.name} was called off, everything is healed: {self.aborted}")
        self._steady("after")
        if self._applications is not None and not self._applications.use_up():
            self._testbed.record("note", text="what was stored could not all be asked for", link=self.link.name)

    def _try_out(self, chaos: Chaos) -> None:
        """Before anything is judged: a day that cannot be on this bench has no verdicts; FaultUseError says all of it."""
        mistakes: list[Mistake] = []
        for number, planned in enumerate(self.gameday.fault):
            try:
                chaos.try_out(_python_name(planned), planned.target or None, **_given(planned))
            except FaultUseError as error:
                where = f"fault[{number}], {planned.fault}"
                mistakes += [replace(mistake, where=f"{where}: {mistake.where}") for mistake in error.mistakes]
        if mistakes:
            raise FaultUseError(f"game day {self.gameday.gameday.name}", tuple(mistakes))

    def _steady(self, when: str) -> LinkRun:
        """Run in peace and judge it; BenchError where that is no steady state to begin with."""
        run = self.link.run(self.gameday.steady_state.over_s)
        self._serve()
        verdicts = self._slo.judge(run, *self.gameday.steady_state.indicators, when=when)
        self.steady += [_entry(f"{verdict.indicator}, {when}", verdict) for verdict in verdicts]
        wrong = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
        if wrong and when == "before":
            said = "; ".join(f"{verdict.indicator}: {verdict.reason}" for verdict in wrong)
            name = self.gameday.gameday.name
            raise BenchError(f"game day {name}: no steady state to begin with, so nothing was broken: {said}")
        return run

    def _schedule(self, chaos: Chaos) -> None:
        for planned in self.gameday.fault:
            make = getattr(chaos.at(planned.at_s), _python_name(planned))
            self.faults.append((planned, make(planned.target or None, **_given(planned))))

    def _timeline(self, watch: Watch, aborts: Aborts) -> None:
        """Block after block to the end of the day, or until it is called off."""
        clock, info = self._testbed.clock, self.gameday.gameday
        block_ns = round(self.link.declared.block_s * NS_PER_S)
        end_ns = clock.now_ns() + round(info.duration_s * NS_PER_S)
        while 2 * (left_ns := end_ns - clock.now_ns()) >= block_ns:
            begun_ns = clock.now_ns()
            run = through(clock, running.unsaved(self.link, min(block_ns, left_ns) / NS_PER_S))
            self._runs.append(run)
            if run.blocks:
                self.looks.append(watch.look(run, self._serve()))
                self.aborted = aborts.reached(run)
                if self.aborted:
                    return
            next_ns = min(begun_ns + round(info.every_s * NS_PER_S), end_ns)
            clock.sleep(max(0, next_ns - clock.now_ns()) / NS_PER_S)
        clock.sleep(max(0, end_ns - clock.now_ns()) / NS_PER_S)

    def _serve(self) -> str:
        """Keys into the stores, and out to the applications; what they were told where that failed."""
        if self._delivery is None or self._applications is None or self.gameday.load is None:
            return ""
        if self._delivery.simulated:
            self._delivery.take_in(_STORED)
        refused = self._applications.use(self.gameday.load.keys)
        return refused or self._applications.ask_again()

    # --- what came of it ----------------------------------------------------------------------------------------------

    def reactions(self) -> list[ReactionEntry]:
        """Of every fault that came, in order."""
        seen = Seen(self.looks, self.history, self.gameday.alert)
        return [
            entry
            for number, (planned, fault) in enumerate(self.faults, start=1)
            if (window := _window(fault)) is not None
            for entry in reactions(number, window, planned.expect, seen)
        ]

    def checks(self) -> list[CheckEntry]:
        """Whether the invariants held throughout."""
        names = self.gameday.gameday.invariants or tuple(CHECKERS)
        return [CheckEntry(name=each.name, outcome=each.outcome, words=each.words) for each in check(self.history, names)]

    def _record(self, trouble: HilError | None) -> tuple[Outcome, str]:
        """Write the day down; how it ended, and why in words."""
        found, checks = self.reactions(), self.checks()
        judged = [
            *((f"{each.name}: {each.words}", each.outcome) for each in (*self.steady, *checks)),
            *((_said(each), each.outcome) for each in found if each.outcome is not Outcome.SKIPPED),
            *((f"{each.commanded} was never injected", Outcome.ERROR) for _, each in self.faults if each.window is None),
        ]
        outcome = merge([*(outcome for _, outcome in judged), *([] if trouble is None else [Outcome.ERROR])])
        words = "\n".join(text for text, each in sorted(judged, key=lambda pair: pair[1].severity) if each is not Outcome.PASS)
        info = self.gameday.gameday
        self._testbed.record(
            "gameday",
            name=info.name,
            title=info.title,
            begins_s=self._begins_s,
            ends_s=self._testbed.now_s(),
            outcome=Outcome.ERROR if trouble is not None else outcome,
            words="" if trouble is None else str(trouble),
            steady=tuple(self.steady),
            reactions=tuple(found),
            checks=tuple(checks),
            moments=tuple(self._moments(found)),
            history=self._save_history(),
            link=self.link.name,
        )
        return outcome, words

    def _moments(self, found: list[ReactionEntry]) -> list[MomentEntry]:
        all_of_them = [
            moment
            for number, (_, fault) in enumerate(self.faults, start=1)
            if (window := _window(fault)) is not None
            for moment in moments(number, window, [each for each in found if each.number == number])
        ]
        if self.aborted:
            all_of_them.append(MomentEntry(time_s=self.looks[-1].time_s, kind="abort", text=self.aborted))
        return sorted(all_of_them, key=lambda moment: (moment.time_s, moment.number))

    def _save_history(self) -> str:
        folder = self._testbed.folder
        if folder is None:
            return ""
        case = f"{self._testbed.case}.{self.link.name}"
        name = f"{_UNSAFE.sub('_', case).strip('._')[-90:]}-{hashlib.sha256(case.encode()).hexdigest()[:8]}.jsonl"
        return self.history.save(folder.path / "gamedays" / name).relative_to(folder.path).as_posix()

    def _save_series(self) -> None:
        if self._runs:
            self._testbed.save_series(self.link.name, _joined([run.series for run in self._runs]))


def _python_name(planned: PlannedFault) -> str:
    return planned.fault.replace("-", "_")


def _given(planned: PlannedFault) -> dict[str, Any]:
    """What a test would say of it."""
    more: dict[str, Any] = {} if planned.duration_s is None else {"duration": planned.duration_s}
    if planned.waveform != "step":
        more["waveform"] = planned.waveform
    return more | planned.settings


def _window(fault: Fault) -> FaultWindow | None:
    """From the command to the moment it was taken back: how long the bench takes to show that is no time of the link's."""
    if fault.window is None or fault.undone_s is None:
        return fault.window
    return replace(fault.window, end_s=fault.undone_s)


def _joined(parts: list[Series]) -> Series:
    """Series of runs one after the other, as one."""
    import numpy as np

    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: (
            np.concatenate([part[name][0] for part in parts if name in part]),
            np.concatenate([part[name][1] for part in parts if name in part]),
        )
        for name in names
    }


def _entry(name: str, verdict: Verdict) -> CheckEntry:
    return CheckEntry(name=name, outcome=verdict.outcome, words=verdict.reason)


def _said(entry: ReactionEntry) -> str:
    within = "" if entry.expected_s is None else f", expected within {entry.expected_s:g} s"
    measured = "not seen" if entry.measured_s is None else f"after {entry.measured_s:.3g} s"
    return f"{entry.fault} on {entry.target}, {entry.what}: {measured}{within} ({entry.words})"
