"""Runs in steps: a generator yields how many seconds it waits for, so that several of them can wait at the same time."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from hil.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.clock import Clock

__all__ = ["Steps", "through", "together"]

R = TypeVar("R")

Steps: TypeAlias = Generator[float, None, R]


def through(clock: Clock, steps: Steps[R]) -> R:
    """Wait for one run."""
    found = together(clock, {"": steps})[""]
    if isinstance(found, Exception):
        raise found
    return found


def together(
    clock: Clock, runs: Mapping[str, Steps[R]], after_step: Callable[[str], None] = lambda _: None
) -> dict[str, R | Exception]:
    """Wait for several runs at once: what each returned, or the exception it ended with, which does not stop the others.

    All begin now, each step begins as soon as the one before it is done, and ``after_step(name)`` is called when it is. On a
    virtual clock they overlap exactly; on a real one a step that computes lets the others' steps end later. Whatever stops the
    waiting itself closes every run.
    """
    results: dict[str, R | Exception] = {}
    due_ns: dict[str, int] = {}

    def advance(name: str) -> None:
        due_ns.pop(name, None)
        try:
            wait_s = next(runs[name])  # first, as a step may itself take bench time
            due_ns[name] = clock.now_ns() + round(wait_s * NS_PER_S)
        except StopIteration as end:
            results[name] = end.value
        except Exception as error:  # noqa: BLE001  (handed to the caller)
            results[name] = error

    try:
        for name in runs:
            advance(name)
        while due_ns:
            name = min(due_ns, key=lambda one: due_ns[one])
            clock.sleep(max(0, due_ns[name] - clock.now_ns()) / NS_PER_S)
            advance(name)
            after_step(name)
    finally:
        for run in runs.values():
            run.close()
    return {name: results[name] for name in runs}
