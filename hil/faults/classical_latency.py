"""Everything on a classical channel arrives later, by a delay and a jitter each way; nothing is lost, and order is kept.

Ranges: 0 to 0.3 s. Fibre delays by 4.9 us/km (group index 1.468, ITU-T G.652 fibre), so 1,000 km are 5 ms; a geostationary
hop is 0.26 s (ITU-T G.114, annex A); jitter up to the delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import Mistake
from hil.faults._classical import checked, classical
from hil.ports.spec import Finding, Range

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalLatency"]


@dataclass(frozen=True)
class ClassicalLatency:
    """``latency_s`` each way, give or take ``jitter_s`` (uniform), in seconds."""

    latency_s: float
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        wide = self.jitter_s > self.latency_s
        checked(self, [Mistake("jitter_s", f"{self.jitter_s:g}", f"at most latency_s, {self.latency_s:g}")] if wide else [])


def _shown(settings: ClassicalLatency, before: Readings, now: Readings) -> Finding:
    least_s = 2.0 * (settings.latency_s - settings.jitter_s)
    words = f"a round trip took {now['first_s'] * 1e3:.1f} ms, {before['first_s'] * 1e3:.1f} ms before"
    return Finding(now["echoed"] > 0.0 and now["first_s"] >= max(least_s, before["first_s"]), words)


def _healed(settings: ClassicalLatency, during: Readings, now: Readings) -> Finding:
    words = f"a round trip takes {now['first_s'] * 1e3:.1f} ms, {during['first_s'] * 1e3:.1f} ms with the fault"
    return Finding(now["first_s"] < max(2.0 * settings.latency_s, during["first_s"]), words)


SPEC = classical(
    name="classical-latency",
    title="A classical channel delays, with jitter",
    settings=ClassicalLatency,
    zero="A latency of 0 s delays nothing.",
    acts_on="the delay of every connection of a classical channel, both ways",
    moves=lambda settings: {"latency_s": settings.latency_s, "jitter_s": settings.jitter_s},
    shown=_shown,
    healed=_healed,
    ranges={
        "latency_s": Range(0.0, 0.3, "1,000 km of fibre to a geostationary hop (ITU-T G.114, annex A)"),
        "jitter_s": Range(0.0, 0.3, "up to the delay"),
    },
    magnitude=("latency_s", "jitter_s"),
)
