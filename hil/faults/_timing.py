"""What faults of timing share: who tells times, how long blocks are waited for, and when a link was synchronised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hil.faults._errors import synchronised_share
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.spec import FaultBench, FaultSpec, Readings, Span, Undo

__all__ = ["followed", "glimpsed", "lost", "of_this_link", "only_where"]

_BLOCKS = 3.0
"""A fault that comes in the middle of a block shows for sure in the second one after it."""
_WAIT_S = 5.0
_MOST = 0.75
"""Of the time; a block in which a fault came or went counts whole."""


def glimpsed(bench: FaultBench, _target: str, _settings: Any) -> Readings:
    """What the detections say."""
    return bench.glimpse()


def lost(before: Span, during: Span) -> Finding:
    """Whether clicks can no longer be told by pulse, which they could before."""
    return _compared(before, during, lambda was, now: was >= _MOST > now)


def followed(during: Span, after: Span) -> Finding:
    """Whether they can again; without clicks nothing can tell."""
    if after.change("sampled_s") and not after.change("sampled_clicks"):
        return Finding(shown=True, words="0 clicks, so synchronisation cannot tell")
    return _compared(during, after, lambda _was, now: now >= 1.0 - _MOST)


def _compared(old: Span, new: Span, judge: Callable[[float, float], bool]) -> Finding:
    was, now = synchronised_share(old, ever=True), synchronised_share(new)
    if was is None or now is None:
        return Finding(shown=False, words="0 s of detections tell nothing of synchronisation")
    words = f"clicks could be told by pulse in {now:.0%} of {new.change('sampled_s'):.2f} s, in {was:.0%} of the time before"
    missing = new.change("lost_clicks")
    return Finding(judge(was, now), f"{words}; {missing:.0f} clicks lost" if missing else words)


def of_this_link(spec: FaultSpec) -> FaultSpec:
    """The same, which waits as long as it takes while a run takes the link's blocks."""

    def patience_s(bench: FaultBench, _target: str) -> float:
        return _WAIT_S + _BLOCKS * float(bench.declared(bench.device_of_role("link")).block_s)

    return replace(spec, patience_s=patience_s)


def only_where(spec: FaultSpec, check: Callable[[FaultBench, str, Any], None]) -> FaultSpec:
    """The same, which is not planned where ``check`` raises."""

    def plan(bench: FaultBench, target: str, settings: Any) -> tuple[Undo, ...]:
        check(bench, target, settings)
        return spec.plan(bench, target, settings)

    return replace(spec, plan=plan)
