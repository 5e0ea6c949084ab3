"""What looks at a transmitter's own settings say: how often bases, intensities and repetitions come, and how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._clicks import GONE, SURE
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Span

__all__ = ["changed_rate", "changed_share", "must_show", "shows_settings"]

_HALF = 0.5


def shows_settings(bench: FaultBench, transmitter: str) -> bool:
    """Whether the transmitter tells what it prepared (L3)."""
    return bool(bench.declared(transmitter).level == "L3")


def changed_share(one: Span, other: Span, names: tuple[str, str], due: float, *, words: str, back: bool = False) -> Finding:
    """Whether ``names[0]`` makes another share of ``names[1]``: by half of what was ``due`` or more, and for sure.

    Sums over all looks so far stand for a stretch without one of its own. ``back``: for healing, which asks for less.
    """
    some, all_of_them = ([_added(span, name) for span in (one, other)] for name in names)
    if not all(all_of_them):
        return Finding(shown=False, words=f"{all_of_them[0]:.0f} and {all_of_them[1]:.0f} looked at tell nothing of {words}")
    shares = [part / whole for part, whole in zip(some, all_of_them, strict=True)]
    # none might as well have been one
    spread = (max(share * (1.0 - share), 1.0 / whole) / whole for share, whole in zip(shares, all_of_them, strict=True))
    return _compared(
        shares[1] - shares[0], math.sqrt(sum(spread)), due, f"{words}: {shares[1]:.2%}, {shares[0]:.2%} before", back=back
    )


def changed_rate(one: Span, other: Span, name: str, factor: float, *, words: str, back: bool = False) -> Finding:
    """Whether a sum grows ``factor`` times as fast, as a black box that shows nothing else claims it."""
    sums, seconds = ([_added(span, key) for span in (one, other)] for key in (name, "sampled_s"))
    if not all(seconds) or not sums[0]:
        return Finding(shown=False, words=f"{seconds[0]:g} and {seconds[1]:g} s looked at tell nothing of {words}")
    rates = [amount / time_s for amount, time_s in zip(sums, seconds, strict=True)]
    sigma = math.sqrt(sum(max(rate, 1.0 / time_s) / time_s for rate, time_s in zip(rates, seconds, strict=True)))
    said = f"{words}: {rates[1]:.0f} a second, {rates[0]:.0f} before"
    return _compared(rates[1] - rates[0], sigma, (factor - 1.0) * rates[0], said, back=back)


def _added(span: Span, name: str) -> float:
    return span.change(name) if span.change("sampled_s") else span.last[name]


def _compared(change: float, sigma: float, due: float, words: str, *, back: bool) -> Finding:
    towards = change if due > 0.0 else -change
    said = f"{words} ({abs(change) / sigma:.1f} standard deviations, {change / due if due else 0.0:.0%} of what was due)"
    return Finding(towards > max((GONE if back else SURE) * sigma, _HALF * abs(due)), said)


def must_show(bench: FaultBench, transmitter: str, word: str) -> None:
    """MissingCapabilityError for a transmitter that keeps its settings to itself."""
    if not shows_settings(bench, transmitter):
        raise MissingCapabilityError(
            f"{word}: {transmitter} shows neither settings nor raw bits, and nothing else would tell this fault from none"
        )
