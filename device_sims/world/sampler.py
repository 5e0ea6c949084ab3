"""Candidates for clicks: photo-detections and dark counts of one window, sampled only where something can happen.

Photo-detections are proposed at the rate of the strongest intensity and thinned by the setting that was really sent at the
proposed index: exact for coherent states, as the Poisson photo-detections of different photons are independent. The numpy and
the compiled engine (:mod:`.engine`) use the same draws and the same arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .draws import negative_log, normal, scrambled, uniform
from .dynamics import MIDDLE, TICKS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .draws import Draws
    from .dynamics import Dynamics
    from .engine import Engine
    from .reception import Receiver, Reception

    Varying = float | Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]

__all__ = [
    "Candidates",
    "Events",
    "chained",
    "dark_counts",
    "gate_open",
    "joined",
    "no_events",
    "photo_detections",
    "stamped",
]

_TAIL, _STRAY, _KEPT, _OWN = (
    np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0xAEF17502108EF2D9, 0x8CB92BA72F3D8DD7)
)


@dataclass(frozen=True)
class Candidates:
    """Clicks, or what clicks unless its detector is dead, in order of time; shape (n,).

    int64 pulse ``index``, uint8 ``detector``, and uint16 ``phase``: when in its slot, in 1/65536 of the pulse period, the pulse
    itself being in the middle (32768); where ``phase`` is None, everything is there.
    """

    index: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]
    phase: npt.NDArray[np.uint16] | None = None

    @property
    def phases(self) -> npt.NDArray[np.uint16]:
        """``phase``, also where it is None."""
        return np.full(self.index.size, MIDDLE, dtype=np.uint16) if self.phase is None else self.phase

    @classmethod
    def none(cls) -> Candidates:
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8))

    @classmethod
    def chained(cls, parts: list[Candidates]) -> Candidates:
        """One after the other."""
        parts = [cls.none(), *parts]
        index = np.concatenate([part.index for part in parts])
        detector = np.concatenate([part.detector for part in parts])
        if all(part.phase is None for part in parts):
            return cls(index, detector)
        return cls(index, detector, np.concatenate([part.phases for part in parts]))

    def within(self, first: int, end: int) -> Candidates:
        """Those of pulses ``first`` to ``end`` (exclusive)."""
        start, stop = np.searchsorted(self.index, (first, end))
        phase = None if self.phase is None else self.phase[start:stop]
        return Candidates(self.index[start:stop], self.detector[start:stop], phase)


@dataclass(frozen=True)
class Events:
    """Candidates in the engine's form, in order of time: ``time`` in ticks from some pulse's slot on; shape (n,).

    All that an event may bring with it (its afterpulses, its luck while the detector recovers) follows from its ``mark``.
    """

    time: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]
    mark: npt.NDArray[np.uint64]

    def part(self, which: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Events:
        """Some of them."""
        return Events(self.time[which], self.detector[which], self.mark[which])


def no_events() -> Events:
    """None at all."""
    return Events(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.uint64))


def chained(parts: list[Events]) -> Events:
    """All in one list, one part after the other."""
    parts = [no_events(), *parts]
    time, detector = np.concatenate([part.time for part in parts]), np.concatenate([part.detector for part in parts])
    return Events(time, detector, np.concatenate([part.mark for part in parts]))


def joined(parts: list[Events]) -> Events:
    """All in one list, in order of time; the earlier part first where times are equal."""
    together = chained(parts)
    return together.part(np.argsort(together.time, kind="stable"))


def photo_detections(
    engine: Engine,
    draws: Draws,
    seen_by: tuple[Receiver, Reception],
    span: tuple[int, int, int],
    *,
    misalignment: Varying,
    survival: Varying = 1.0,
) -> Events:
    """Photo-detections of the pulses ``at`` to ``stop`` of a window, timed from its first pulse; ``span`` is (first, at, stop).

    ``misalignment`` and ``survival`` are numbers, or functions of the index.
    """
    receiver, reception = seen_by
    first, at, stop = span
    if reception.proposals_per_pulse <= 0.0 or receiver.source is None:
        return no_events()
    index = engine.arrivals(draws, first, reception.proposals_per_pulse, stop - first)
    straight, tilt = reception.straight.cumsum(axis=1), reception.tilt.cumsum(axis=1)
    place = (first, at, reception.dynamics.jitter_ticks)
    if callable(misalignment) or callable(survival):
        varying = tuple(part(index) if callable(part) else np.full(index.size, part) for part in (misalignment, survival))
        number, found = engine.detections(
            draws, receiver, index, (straight, tilt), varying=(varying[0], varying[1]), place=place
        )
    else:
        here = (straight + misalignment * tilt) * survival
        number, found = engine.detections(draws, receiver, index, (here, tilt), varying=None, place=place)
    return _displaced(
        engine, draws, reception.dynamics, found, origin=(first, index, number), stray_share=reception.stray_share
    )


def stamped(
    engine: Engine, draws: Draws, dynamics: Dynamics, *, first: int, proposed: Candidates, number: npt.NDArray[np.int64]
) -> Events:
    """Time and mark of detections: ``number`` counts in ``proposed.index``, and has the detectors ``proposed.detector``.

    Jitter is added to a pulse's time, or to a phase where ``proposed`` has one; what falls outside the gate is gone.
    """
    time, mark = engine.stamps(draws, proposed.index, number, first, dynamics.jitter_ticks)
    if proposed.phase is not None:
        time += proposed.phase[number].astype(np.int64) - MIDDLE
    return _displaced(engine, draws, dynamics, Events(time, proposed.detector, mark), origin=(first, proposed.index, number))


def _displaced(
    engine: Engine,
    draws: Draws,
    dynamics: Dynamics,
    found: Events,
    *,
    origin: tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]],
    stray_share: float = 0.0,
) -> Events:
    """The same with the tail of their jitter, in order and inside the gate; ``origin`` is (first, index, number).

    Dispersion puts a share of them in the slot before or after their own, but none before the first.
    """
    first, index, number = origin
    time = found.time
    if dynamics.extra_jitter_ticks is not None:
        spread = dynamics.extra_jitter_ticks[found.detector]
        time += np.floor(normal(scrambled(draws.lane(3, number) ^ _OWN)) * spread).astype(np.int64)
    if dynamics.tail_share > 0.0:
        luck = scrambled(draws.lane(3, number) ^ _TAIL)
        late = np.flatnonzero(uniform(luck) < dynamics.tail_share)
        time[late] += np.floor(negative_log(scrambled(luck[late] ^ _TAIL)) * dynamics.tail_ticks).astype(np.int64)
    if stray_share > 0.0:
        side = uniform(scrambled(draws.lane(3, number) ^ _STRAY))
        step = (side >= 1.0 - stray_share / 2.0).astype(np.int64)
        step -= (side < stray_share / 2.0) & (index[number] > first)
        time += step * TICKS
    if dynamics.fine or stray_share > 0.0:
        engine.put_in_order(found)
    return found.part(gate_open(time, dynamics, first)) if dynamics.gate_ticks else found


def gate_open(time: npt.NDArray[np.int64], dynamics: Dynamics, first: int) -> npt.NDArray[np.bool_]:
    """Which times, in ticks from pulse ``first`` on, fall into an open gate; shape (n,)."""
    opened: npt.NDArray[np.bool_] = np.abs((time & (TICKS - 1)) - MIDDLE) * 2 <= dynamics.gate_ticks
    if dynamics.gate_every > 1:
        opened &= ((time >> 16) + first) % dynamics.gate_every == 0
    return opened


def dark_counts(
    engine: Engine,
    draws: Draws,
    per_pulse: npt.NDArray[np.float64],
    dynamics: Dynamics,
    span: tuple[int, int, int],
    *,
    kept: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]] | None = None,
) -> Events:
    """Poisson counts of every detector that no pulse gives, timed as :func:`photo_detections` are.

    ``per_pulse``: of an open gate, shape (D,); where they come and go, at their most, of which ``kept`` gives the share that
    there is at each index.
    """
    first, at, stop = span
    share = per_pulse.cumsum()
    if share[-1] <= 0.0:
        return no_events()
    index = engine.arrivals(draws, first, float(share[-1]), stop - first)
    number = np.flatnonzero(index >= at)
    if kept is not None:
        number = number[uniform(scrambled(draws.lane(1, number) ^ _KEPT)) < kept(index[number])]
    chosen = uniform(draws.lane(1, number)) * share[-1]
    detector = np.minimum(np.searchsorted(share, chosen, side="right"), share.size - 1).astype(np.uint8)
    time = (index[number] - first << 16) + MIDDLE
    if dynamics.fine:
        time += (draws.lane(3, number) >> np.uint64(48)).astype(np.int64) - MIDDLE
    if dynamics.gate_ticks:
        opened = gate_open(time, dynamics, first)
        time, detector, number = time[opened], detector[opened], number[opened]
    return joined([Events(time, detector, draws.lane(2, number))])
