"""A repeater chain as a link: its nodes run for a time, and what its two ends measured is put side by side."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NoReturn, cast

import numpy as np

from hil.clock import NS_PER_S
from hil.errors import BenchError, MissingCapabilityError
from hil.physics.repeater_prediction import predict_repeater
from hil.ports.repeater import BASES, PairRecords, RepeaterRun
from hil.ports.run import VisibilityCounts
from hil.record.model import TableEntry
from hil.testbed._quantity import seconds

if TYPE_CHECKING:
    from hil.ports.identity import EvidenceLevel
    from hil.ports.repeater import RepeaterPrediction
    from hil.ports.roles import RepeaterNode
    from hil.testbed.testbed import Testbed

__all__ = ["RepeaterLink"]

_LOOK_S = 10.0
"""Pairs are read at least so often, as a node keeps a limited number."""
_MOST_GATES = 1000


class RepeaterLink:
    """A repeater chain of the bench, real or simulated: it delivers entangled pairs, and no key.

    ``declared`` is its table of the bench file, ``nodes`` its drivers by name from end a to end b. It has no evidence level.
    """

    level: EvidenceLevel | None = None
    missing = "is a repeater chain, and this test needs a transmitter and a receiver"

    def __init__(self, testbed: Testbed, name: str) -> None:
        self.name = name
        self.testbed = testbed
        self.declared = testbed.bench.link[name]
        names = (self.declared.parties["a"], *self.declared.path, self.declared.parties["b"])
        self.nodes = {node: cast("RepeaterNode", testbed.device(node)) for node in names}

    def forget(self) -> None:
        """A new test: nothing is kept between runs."""

    @property
    def device_names(self) -> tuple[str, ...]:
        """Its nodes, from end a to end b."""
        return tuple(self.nodes)

    @property
    def simulated(self) -> bool:
        """Whether any of its nodes is a twin."""
        return not self.testbed.simulated_devices.isdisjoint(self.nodes)

    @cached_property
    def expected(self) -> RepeaterPrediction:
        """What the closed forms expect of the chain as the bench file declares it."""
        return predict_repeater(self.testbed.bench, self.name)

    def run(self, duration: str | float = "10 s") -> RepeaterRun:
        """Start all nodes, let them make pairs for that long, stop them, and compare what both ends measured.

        BenchError where the ends do not have the same pairs.
        """
        end_a, *inner, end_b = self.nodes.values()
        started_ns = self._start()
        clock, start_ns = self.testbed.clock, self.testbed.clock.now_ns()
        end_ns = start_ns + max(1, round(seconds(duration) * NS_PER_S))
        of_a, of_b = [end_a.pairs()], [end_b.pairs()]
        try:
            while (left_ns := end_ns - clock.now_ns()) > 0:
                clock.sleep(min(left_ns / NS_PER_S, _LOOK_S))
                self._read(end_a, of_a)
                self._read(end_b, of_b)
        finally:
            for node in self.nodes.values():
                node.set_repeating(repeating=False)
        self._read(end_a, of_a)
        self._read(end_b, of_b)
        pairs_a, pairs_b = _joined(of_a), _joined(of_b)
        if pairs_a.outcomes.size != pairs_b.outcomes.size:
            found = f"{end_a.name} has {pairs_a.outcomes.size} pairs and {end_b.name} {pairs_b.outcomes.size}"
            raise BenchError(f"link {self.name}: {found}; restart both ends, so that they number the same pairs alike")
        run = RepeaterRun(
            link=self.name,
            simulated=self.simulated,
            start_s=start_ns / NS_PER_S,
            end_s=max(clock.now_ns(), end_ns) / NS_PER_S,
            times_s=start_ns / NS_PER_S + (pairs_a.times_ns - started_ns) / 1e9,
            waited_s=pairs_a.waited_ns / 1e9,
            visibility=VisibilityCounts(self.name, _by_basis(pairs_a, pairs_b), self.simulated),
            swaps={node.name: node.swaps() for node in inner},
            prediction=self.expected,
        )
        self._record(run)
        return run

    def require(self, level: EvidenceLevel, what: str) -> NoReturn:
        """MissingCapabilityError: ``what`` takes a link with a transmitter and a receiver."""
        raise MissingCapabilityError(
            f"link {self.name} is a repeater chain: {what} take a transmitter and a receiver of evidence level {level.name}"
        )

    # --- inside -------------------------------------------------------------------------------------------------------

    def _start(self) -> int:
        """The time at end a when the last node began."""
        for node in self.nodes.values():
            node.set_repeating(repeating=False)
        for node in self.nodes.values():
            node.set_repeating(repeating=True)
        return next(iter(self.nodes.values())).device_time_ns()

    @staticmethod
    def _read(end: RepeaterNode, parts: list[PairRecords]) -> None:
        parts.append(end.pairs(parts[-1].first + parts[-1].outcomes.size))

    def _record(self, run: RepeaterRun) -> None:
        entry = _table(run)
        fields = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "case"}
        self.testbed.record("table", **fields)
        gates = min(_MOST_GATES, max(1, int(run.end_s - run.start_s)))
        edges = np.linspace(run.start_s, run.end_s, gates + 1)
        counts = np.histogram(run.times_s, edges)[0]
        self.testbed.save_series(self.name, {"pairs_hz": ((edges[:-1] + edges[1:]) / 2.0, counts / np.diff(edges))})


def _joined(parts: list[PairRecords]) -> PairRecords:
    return PairRecords(
        first=0,
        made=parts[-1].made,
        times_ns=np.concatenate([part.times_ns for part in parts]),
        waited_ns=np.concatenate([part.waited_ns for part in parts]),
        outcomes=np.concatenate([part.outcomes for part in parts]),
    )


def _by_basis(of_a: PairRecords, of_b: PairRecords) -> dict[str, tuple[int, int]]:
    """Pairs and errors; the state aimed at gives equal outcomes in Z and X, and different ones in Y."""
    differ = of_a.outcomes != of_b.outcomes
    counts = {}
    for number, basis in enumerate(BASES):
        mine = differ[number :: len(BASES)]
        unlike = int(np.count_nonzero(mine))
        counts[basis] = (mine.size, mine.size - unlike if basis == "Y" else unlike)
    return counts


def _table(run: RepeaterRun) -> TableEntry:
    rows: list[tuple[str | int | float | None, ...]] = [
        (run.rate_hz, run.prediction.rate_hz),
        (run.fidelity if run.pairs >= len(BASES) else None, run.prediction.fidelity),
        (float(run.waited_s.mean()) if run.pairs else None, None),
    ]
    names = ["pairs a second", "fidelity", "mean wait of the first elementary pair, s"]
    for node, counts in run.swaps.items():
        rows.append((counts.succeeded / counts.tried if counts.tried else None, None))
        names.append(f"swaps of {node} that succeeded")
    return TableEntry(
        title="repeater chain",
        columns=("measured", "predicted"),
        rows=tuple(rows),
        row_names=tuple(names),
        row_title="quantity",
        sentences=(f"{run.pairs:,} pairs in {run.end_s - run.start_s:g} s; no key is made of them.",),
        link=run.link,
    )
