"""How a link stood before anything of it was broken, as data for a journal, and whether it stands so again.

An undo that reads back says that a device obeys. Whether the light, the counts and the temperatures behind it came back is told
by comparing with what they were: that takes light, so nobody who makes a bench dark can do it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from hil.ports.spec import Undo  # noqa: TC001  (msgspec resolves annotations at run time)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SHARE", "TOLERANCE_K", "Owed", "Steady", "in_words", "not_back"]

SIGMAS = 5.0
"""Standard deviations by which a count rate must differ, as of Poisson counts: one good detector in two million does."""
SHARE = 0.1
"""And by so much of what it was, as a count rate wanders from day to day; a power as well."""
TOLERANCE_K = 0.3
"""Of a stage: what a thermal drift counts as gone, and the tenth that controllers tell."""


class Steady(msgspec.Struct, frozen=True, kw_only=True):
    """A link in its steady state; ``at`` is Unix time, ``devices`` are all of its devices, ``stood`` its actuators.

    ``clicks`` are those of each detector, with the live seconds they came in, ``powers_w`` readings of power meters,
    ``temperatures_c`` those of stages.
    """

    link: str
    at: float
    devices: tuple[str, ...]
    stood: tuple[Undo, ...]
    clicks: dict[str, tuple[float, float]]
    powers_w: dict[str, float]
    temperatures_c: dict[str, float]

    @property
    def tells(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self.clicks or self.powers_w or self.temperatures_c)


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """Faults that were taken back and read back, by whoever did, and of which nobody saw yet that the steady state is back.

    ``moved`` are the devices they moved, ``addresses`` those of the link's real devices.
    """

    bench: str
    run: str
    faults: tuple[str, ...]
    moved: tuple[str, ...]
    addresses: dict[str, str]
    steady: Steady

    @property
    def key(self) -> str:
        """What tells it from others: faults that overlapped share one."""
        return f"{self.steady.link}@{self.steady.at}"

    def __str__(self) -> str:
        return f"{' and '.join(self.faults)} of {self.run} with bench {self.bench}"

    def with_more(self, other: Owed) -> Owed:
        """Both, of one steady state."""
        faults = tuple(dict.fromkeys((*self.faults, *other.faults)))
        moved = tuple(dict.fromkeys((*self.moved, *other.moved)))
        return msgspec.structs.replace(self, faults=faults, moved=moved)


def not_back(before: Steady, now: Steady) -> list[str]:
    """What is not as it was, in words with both numbers; what told something then and tells nothing now as well."""
    found = []
    for name, words in _compared(before, now):
        if words is None:
            found.append(f"{name} tells nothing")
        elif words[1]:
            found.append(words[0])
    return found


def in_words(before: Steady, now: Steady) -> str:
    """Everything that was compared, with both numbers."""
    return "; ".join(words[0] for _, words in _compared(before, now) if words is not None)


def _compared(before: Steady, now: Steady) -> Iterator[tuple[str, tuple[str, bool] | None]]:
    """Name of each reading; its words, and whether it is off; None where there is none any more."""
    for name, (clicks, live_s) in before.clicks.items():
        yield name, _counts(name, (clicks, live_s), now.clicks[name]) if name in now.clicks else None
    for name, was_w in before.powers_w.items():
        is_w = now.powers_w.get(name)
        off = is_w is not None and abs(is_w - was_w) > SHARE * was_w
        yield name, None if is_w is None else (f"{name} {is_w:.3g} W, {was_w:.3g} W before", off)
    for name, was_c in before.temperatures_c.items():
        is_c = now.temperatures_c.get(name)
        off = is_c is not None and abs(is_c - was_c) > TOLERANCE_K
        yield name, None if is_c is None else (f"{name} {is_c:.1f} degC, {was_c:.1f} degC before", off)


def _counts(name: str, before: tuple[float, float], now: tuple[float, float]) -> tuple[str, bool]:
    was_hz, is_hz = _rate_hz(*before), _rate_hz(*now)
    # a look that counted nothing might as well have counted one
    variance = sum(max(clicks, 1.0) / live_s**2 if live_s > 0.0 else math.inf for clicks, live_s in (before, now))
    off = abs(is_hz - was_hz) > max(SIGMAS * math.sqrt(variance), SHARE * was_hz)
    return f"{name} {is_hz:,.0f} clicks a second, {was_hz:,.0f} before", off


def _rate_hz(clicks: float, live_s: float) -> float:
    return clicks / live_s if live_s > 0.0 else 0.0
