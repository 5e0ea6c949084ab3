"""What each stage of a block takes of this process: seconds on its monotonic clock, and of the processor."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from hil.pipeline.party import Request

__all__ = ["Spent", "Stopwatch", "together"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Spent:
    """``process_s`` is on the monotonic clock, waiting for devices included; ``cpu_s`` what the calling thread computed."""

    process_s: float
    cpu_s: float


class Stopwatch:
    """Measures and nothing else: no party's decision depends on it.

    Each call is charged to the stage it names, less what a call of another stage inside it took.
    """

    def __init__(self) -> None:
        self._inside: list[list[float]] = []
        self._process_s: defaultdict[str, float] = defaultdict(float)
        self._cpu_s: defaultdict[str, float] = defaultdict(float)

    def call(self, stage: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it, on that stage's account also when it raises."""
        began = time.perf_counter(), time.thread_time()
        self._inside.append([0.0, 0.0])
        try:
            return function(*args, **kwargs)
        finally:
            took = time.perf_counter() - began[0], time.thread_time() - began[1]
            inner = self._inside.pop()
            self._process_s[stage] += took[0] - inner[0]
            self._cpu_s[stage] += took[1] - inner[1]
            if self._inside:
                self._inside[-1][0] += took[0]
                self._inside[-1][1] += took[1]

    def through(self, stage: str, steps: Generator[Request, bytes | None, R]) -> Generator[Request, bytes | None, R]:
        """Go through the steps of a party; the time between them is the other side's, or the channel's."""
        answer: bytes | None = None
        trouble: BaseException | None = None
        while True:
            try:
                go_on = partial(steps.send, answer) if trouble is None else partial(steps.throw, trouble)
                request = self.call(stage, go_on)
            except StopIteration as end:
                result: R = end.value
                return result
            trouble = None
            try:
                answer = yield request
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001  (handed to the steps)
                trouble = error

    def read(self) -> dict[str, Spent]:
        """What each stage took so far, in the order they began."""
        return {stage: Spent(process_s, self._cpu_s[stage]) for stage, process_s in self._process_s.items()}


def together(several: Iterable[Mapping[str, Spent]]) -> dict[str, Spent]:
    """Stage by stage, the sum over several parties."""
    found: dict[str, Spent] = {}
    for one in several:
        for stage, spent in one.items():
            before = found.get(stage, Spent(0.0, 0.0))
            found[stage] = Spent(before.process_s + spent.process_s, before.cpu_s + spent.cpu_s)
    return found
