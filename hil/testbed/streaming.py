"""Blocks in a stream: while the parties distil one block, the next is taken; two are in hand at most.

Whoever is slower sets the pace. A block is begun only when the one before the last is done with, so that clicks wait nowhere in
a queue that grows; the time between two blocks is in their start and end, and makes no key.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from hil.pipeline.stopwatch import Spent, together
from hil.ports.run import StageTimes
from hil.testbed.counting import gate_series

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

    from hil.pipeline.settings import BlockContext, BlockResult
    from hil.pipeline.stepping import Interceptor
    from hil.ports.detections import DetectionRecords, TagRecords
    from hil.ports.run import BlockReport
    from hil.testbed.link import Link

__all__ = ["Collected", "Stream", "Taken"]

_Both = tuple["BlockResult", "BlockResult"]


@dataclass(frozen=True)
class Taken:
    """A block as the devices gave it; ``gates`` are its clicks by detector, ``acquisition_s`` what taking it took."""

    context: BlockContext
    records: tuple[DetectionRecords | TagRecords, ...]
    gates: npt.NDArray[np.int64]
    acquisition: Spent


@dataclass
class Collected:
    """What is kept of a run's blocks: reports, gates and times, not clicks."""

    blocks: list[BlockReport] = field(default_factory=list)
    gates: list[npt.NDArray[np.int64]] = field(default_factory=list)
    gate_starts_s: list[npt.NDArray[np.float64]] = field(default_factory=list)
    _spent: defaultdict[str, list[Spent]] = field(default_factory=lambda: defaultdict(list))

    def add(self, report: BlockReport, gates: npt.NDArray[np.int64], gate_s: float) -> None:
        """One block more."""
        self.blocks.append(report)
        self.gates.append(gates)
        self.gate_starts_s.append(gate_series(report.start_s, gate_s, len(gates)))

    def spend(self, stage: str, spent: Spent) -> None:
        """What a stage took, of one block."""
        self._spent[stage].append(spent)

    @property
    def stages(self) -> dict[str, StageTimes]:
        """By stage, in the order of a block."""
        return {
            stage: StageTimes(tuple(one.process_s for one in several), tuple(one.cpu_s for one in several))
            for stage, several in self._spent.items()
        }


class Stream:
    """Distils block after block, ``ahead`` in a thread of its own; what comes out is settled and recorded by the caller's."""

    def __init__(self, link: Link, gate_s: float, interceptor: Interceptor | None, *, ahead: bool) -> None:
        self.collected = Collected()
        self._link = link
        self._gate_s = gate_s
        self._interceptor = interceptor
        self._session = link.session()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"hil-distil-{link.name}") if ahead else None
        self._under_way: tuple[Taken, Future[_Both]] | None = None

    def take(self, taken: Taken) -> None:
        """Settle the block under way, and begin this one."""
        self.finish()
        if self._worker is not None:
            self._under_way = taken, self._worker.submit(self._distil, taken)
            return
        self._settle(taken, self._distil(taken))

    def finish(self) -> None:
        """Wait for the block under way, if there is one, and settle it."""
        if self._under_way is not None:
            (taken, both), self._under_way = self._under_way, None
            self._settle(taken, both.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Whatever stops the run, the block under way comes to its end and its keys are kept."""
        try:
            self.finish()
        finally:
            if self._worker is not None:
                self._worker.shutdown()

    def _distil(self, taken: Taken) -> _Both:
        return self._session.block(taken.context, taken.records, self._interceptor)

    def _settle(self, taken: Taken, both: _Both) -> None:
        link, began = self._link, (time.perf_counter(), time.thread_time())
        report = link.settle(*both)
        fields = {entry.name: getattr(report, entry.name) for entry in dataclasses.fields(report)}
        del fields["key_fingerprints"]  # a key event holds one digest for all of them
        link.testbed.record("block", link=link.name, **fields)
        self.collected.add(report, taken.gates, self._gate_s)
        self.collected.spend("acquire", taken.acquisition)
        for stage, spent in together(end.stages for end in both).items():
            self.collected.spend(stage, spent)
        self.collected.spend("settle", Spent(time.perf_counter() - began[0], time.thread_time() - began[1]))
