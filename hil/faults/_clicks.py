"""Count rates out of a receiver's counters, and how sure a difference between two of them is."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.ports.spec import FaultBench, Readings, Span

__all__ = [
    "GONE",
    "SURE",
    "Change",
    "Counted",
    "compared",
    "counted_s",
    "darkened",
    "detectors",
    "difference_sigma",
    "emitter",
    "folded",
    "lit_clicks",
    "of_target",
    "rate_hz",
    "total_hz",
    "unfolded",
]

SURE = 5.0
"""Standard deviations that a change of counts must exceed; one look in three million exceeds them by chance."""

GONE = 3.0
"""Those that healing must show. What was just above :data:`SURE` when it came would often miss that when it goes."""

_ACCORDINGLY = (0.5, 2.0)
"""Share of a change that must be found: temperature, afterpulses and the like are not accounted for."""
_PREFIX = "clicks."


def detectors(span: Span) -> list[str]:
    """Names of the detectors that were counted."""
    return [name.removeprefix(_PREFIX) for name in span.last if name.startswith(_PREFIX)]


def counted_s(span: Span) -> float:
    """Live seconds between the readings: none without bias."""
    return span.change("live_s")


def rate_hz(span: Span, detector: str) -> float:
    """Mean count rate of one detector; zero where nothing was live."""
    live_s = counted_s(span)
    return span.change(_PREFIX + detector) / live_s if live_s > 0.0 else 0.0


def total_hz(span: Span) -> float:
    """Mean count rate of all detectors."""
    return sum(rate_hz(span, detector) for detector in detectors(span))


@dataclass(frozen=True)
class Change:
    """How counts changed: by how much in all, how sure that is, and what share of what was due that is."""

    rise_hz: float
    sigmas: float
    share: float

    @property
    def accordingly(self) -> bool:
        """Sure, and between half and twice of what was due."""
        return self.sigmas > SURE and _ACCORDINGLY[0] <= self.share <= _ACCORDINGLY[1]

    @property
    def gone(self) -> bool:
        """Of a fault whose settings read back as they stood: half of it or more is missing, and not by chance."""
        return self.sigmas > GONE and self.share >= _ACCORDINGLY[0]

    def words(self, due: str) -> str:
        """With the numbers; ``due`` says what would give all of it."""
        more = "more" if self.rise_hz >= 0.0 else "fewer"
        said = f"{self.sigmas:.1f} standard deviations, {self.share:.0%} of what {due} would give"
        return f"{abs(self.rise_hz):.0f} Hz {more} counts ({said})"


def compared(quiet: Span, noisy: Span, names: Iterable[str], becomes: Callable[[float], float]) -> Change:
    """What the noisy stretch counted beyond the quiet one; detectors weigh by how well they could show it.

    ``becomes(quiet_hz)`` says what is due in the noisy one.
    """
    found = expected = rise_hz = 0.0
    for name in names:
        quiet_hz, noisy_hz = rate_hz(quiet, name), rate_hz(noisy, name)
        due_hz = becomes(quiet_hz) - quiet_hz
        sigma_hz = difference_sigma(quiet_hz, counted_s(quiet), noisy_hz, counted_s(noisy))
        weight = due_hz / sigma_hz**2
        found += weight * (noisy_hz - quiet_hz)
        expected += weight * due_hz
        rise_hz += noisy_hz - quiet_hz
    # with these weights the expected sum is also the variance of the found one
    if expected <= 0.0:
        return Change(rise_hz, 0.0, 0.0)
    return Change(rise_hz, found / math.sqrt(expected), found / expected)


@dataclass(frozen=True)
class Counted:
    """Whose counts tell of a receiver or one of its detectors: names, dead time, detectors behind each name, its table."""

    names: tuple[str, ...]
    dead_time_s: float
    number: int
    declared: Any


def of_target(bench: FaultBench, target: str, span: Span) -> Counted:
    """Who counts. A black box tells one sum, which then stands for detectors whose dead times share it."""
    device, _, detector = target.partition(".")
    declared, names = bench.declared(device), tuple(detectors(span))
    if names == ("all",):
        number = len(declared.detectors)
        return Counted(names, declared.dead_time_s / number, 1 if detector else number, declared)
    return Counted((detector,) if detector else names, declared.dead_time_s, 1, declared)


def unfolded(counted_hz: float, dead_time_s: float) -> float:
    """The rate that dead time reduced to this one (non-paralysable)."""
    alive = 1.0 - counted_hz * dead_time_s
    return counted_hz / alive if alive > 0.0 else math.inf


def folded(offered_hz: float, dead_time_s: float) -> float:
    """What is counted of a rate."""
    return offered_hz / (1.0 + offered_hz * dead_time_s) if math.isfinite(offered_hz) else 1.0 / dead_time_s


def emitter(bench: FaultBench) -> str:
    """What the light of the link comes from: its transmitter, or the source of its pairs."""
    with suppress(MissingCapabilityError):
        return bench.device_of_role("transmitter")
    return bench.device_of_role("pair-source")


def lit_clicks(bench: FaultBench, target: str) -> Readings:
    """Clicks of a receiver, whether it has its bias and whether there is light (``biased``, ``emitting``: 1 or 0)."""
    receiver = target.partition(".")[0]
    readings = {"emitting": 1.0, "biased": 1.0}
    for device, setting in ((emitter(bench), "emitting"), (receiver, "biased")):
        with suppress(MissingCapabilityError):  # a black box need not show its light and bias
            readings[setting] = bench.read(device, setting)
    return readings | dict(bench.clicks(receiver))


def darkened(span: Span) -> str:
    """Why counts at the end of a stretch tell nothing of the light; empty where they do."""
    missing = [word for word, name in (("light", "emitting"), ("bias", "biased")) if not span.last[name]]
    return f"{' and '.join(missing)} off (0 of 1), so counts cannot tell" if missing else ""


def difference_sigma(one_hz: float, one_s: float, other_hz: float, other_s: float) -> float:
    """Standard deviation of the difference of two count rates, as of Poisson counts; infinite where nothing was counted."""
    if one_s <= 0.0 or other_s <= 0.0:
        return math.inf
    # a look that counted nothing might as well have counted one
    return math.sqrt(max(one_hz, 1.0 / one_s) / one_s + max(other_hz, 1.0 / other_s) / other_s)
