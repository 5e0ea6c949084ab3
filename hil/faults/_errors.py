"""Error ratios out of what a link's detections say, and how sure a rise of one is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from hil.faults._clicks import GONE, SURE
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.spec import FaultBench, Readings, Span

__all__ = ["InErrors", "changed", "fell", "grown", "in_errors", "rose", "synchronised_share"]

_HALF = 0.5


def grown(span: Span, name: str, *, ever: bool = False) -> float:
    """How much of a sum was added in a stretch; with ``ever``, of all looks up to its end where it has none of its own."""
    return span.last[name] if ever and not span.change("sampled_s") else span.change(name)


class InErrors(TypedDict):
    """What to read of a fault, and how to judge it: arguments of :func:`hil.faults._injection.injection`."""

    read: Callable[[FaultBench, str, Any], Readings]
    shown: Callable[[FaultBench, str, Any, Span, Span], Finding]
    healed: Callable[[FaultBench, str, Any, Span, Span], Finding]


def in_errors(
    due: Callable[[FaultBench, str, Any], float], *, at_least_s: Callable[[Any], float] = lambda _settings: 0.0
) -> InErrors:
    """Of a fault that shows in wrong bits alone: ``due(bench, target, settings)`` is the QBER it adds, as a ratio.

    ``at_least_s(settings)``: how long a look must be to cover what it does.
    """
    return InErrors(
        read=lambda bench, _target, settings: bench.glimpse(at_least_s(settings)),
        shown=lambda bench, target, settings, before, during: rose(before, during, due(bench, target, settings)),
        healed=lambda bench, target, settings, during, after: fell(during, after, due(bench, target, settings)),
    )


def synchronised_share(span: Span, *, ever: bool = False) -> float | None:
    """Share of the time looked at in which clicks could be told by pulse; None where nothing was looked at."""
    seconds = grown(span, "sampled_s", ever=ever)
    return grown(span, "synchronised_s", ever=ever) / seconds if seconds > 0.0 else None


def rose(before: Span, during: Span, due: float) -> Finding:
    """Whether the QBER rose by at least half of what was ``due``, and for sure; what came before it may be long ago."""
    return changed(before, during, due)


def fell(during: Span, after: Span, due: float) -> Finding:
    """Whether it fell by as much again. Without clicks nothing can tell."""
    if after.change("sampled_s") and not after.change("sampled_clicks"):
        return Finding(shown=True, words="0 clicks, so errors cannot tell")
    return changed(during, after, -due, sure=GONE)


def changed(old: Span, new: Span, due: float, *, sure: float = SURE) -> Finding:
    """Whether errors of the new stretch differ from the old one's by half of what was due or more, and for sure."""
    wrong, bits = (
        [grown(span, name, ever=ever) for span, ever in ((old, True), (new, False))] for name in ("wrong_bits", "sifted_bits")
    )
    if not all(bits):
        return Finding(shown=False, words=f"{bits[0]:.0f} and {bits[1]:.0f} sifted bits tell nothing of errors")
    ratios = [errors / number for errors, number in zip(wrong, bits, strict=True)]
    # no error might as well have been one
    spread = (max(share * (1.0 - share), 1.0 / number) / number for share, number in zip(ratios, bits, strict=True))
    sigma, change = math.sqrt(sum(spread)), ratios[1] - ratios[0]
    words = (
        f"QBER {ratios[1]:.2%} of {bits[1]:.0f} bits, {ratios[0]:.2%} before ({abs(change) / sigma:.1f} standard deviations,"
        f" {change / due if due else 0.0:.0%} of what was due)"
    )
    towards = change if due > 0.0 else -change
    return Finding(towards > max(sure * sigma, _HALF * abs(due)), words)
