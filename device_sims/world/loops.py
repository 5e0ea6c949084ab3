"""The sampling engine of compiled loops (see :class:`.engine.Engine`); importing it loads numba."""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np

from . import kernels
from .decision import decide
from .draws import FRACTION_BITS, LANES, normal_table
from .dynamics import TICKS
from .sampler import Candidates, Events, joined

if TYPE_CHECKING:
    import numpy.typing as npt

    from .carry import Carry
    from .draws import Draws
    from .dynamics import Dynamics
    from .reception import Receiver
    from .source import Source

    Reals = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]
    Words = npt.NDArray[np.uint64]
    Codes = npt.NDArray[np.uint8] | npt.NDArray[np.int64]

__all__ = ["CompiledEngine"]

_WORD = 2**64 - 1
_NONE = np.empty(0)
_NO_WORDS = np.empty(0, dtype=np.uint64)
_NO_CODES = np.empty(0, dtype=np.uint8)


class _Rooms(local):
    """Arrays that a thread uses again for each window: fresh ones cost more than the arithmetic that fills them."""

    def __init__(self) -> None:
        self._kept: dict[str, npt.NDArray[Any]] = {}

    def room(self, name: str, size: int, dtype: type) -> npt.NDArray[Any]:
        """One of at least this size, with what was last written into it."""
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size + size // 8, dtype=dtype)
        return kept[:size]


class CompiledEngine:
    """The loops of :mod:`.kernels` and :mod:`.decision`, compiled at first use and kept on disk."""

    name = "numba"

    def __init__(self) -> None:
        self._rooms = _Rooms()

    def arrivals(self, draws: Draws, first: int, per_pulse: float, length: int) -> Indices:
        parts: list[Indices] = []
        at, done, end = 0, 0, length << FRACTION_BITS
        expected = per_pulse * length
        index = self._rooms.room("index", int(expected + 6.0 * expected**0.5 + 20.0), np.int64)
        lane, scale = _words(draws.start, draws.gamma * LANES), 2.0**FRACTION_BITS / per_pulse
        while True:
            found, at = kernels.arrivals(lane, first, scale, (at, end), done, index)
            if at >= end:
                return index[:found] if not parts else np.concatenate([*parts, index[:found]])
            parts.append(index[:found].copy())
            done += found

    def detections(
        self,
        draws: Draws,
        receiver: Receiver,
        index: Indices,
        chance: tuple[Reals, Reals],
        *,
        varying: tuple[Reals, Reals] | None,
        place: tuple[int, int, float],
    ) -> tuple[Indices, Events]:
        assert receiver.source is not None
        first, at, jitter_ticks = place
        hashing = receiver.source.hashing
        codes = receiver.source.codes(index) if hashing is None else _NO_CODES
        key, thresholds = (_NO_WORDS, _NO_WORDS) if hashing is None else hashing
        basis = receiver.basis_key
        chosen = _words(basis, basis >> 64, receiver.basis_threshold) if receiver.active else _NO_WORDS
        lanes = _words(*(draws.start + lane * draws.gamma for lane in (1, 2, 3)), draws.gamma * LANES)
        number, time, detector, mark = (
            self._rooms.room(name, index.size, dtype)
            for name, dtype in (("number", np.int64), ("time", np.int64), ("detector", np.uint8), ("mark", np.uint64))
        )
        found = kernels.detections(
            index,
            int(np.searchsorted(index, at)),
            (key, thresholds, codes),
            chosen,
            chance,
            (_NONE, _NONE) if varying is None else varying,
            (lanes, first, jitter_ticks, normal_table()),
            (number, time, detector, mark),
        )
        return number[:found], Events(time[:found], detector[:found], mark[:found])

    def codes(self, source: Source, index: Indices) -> Codes:
        if source.hashing is None:
            return source.codes(index)
        word, code = (self._rooms.room(name, index.size, dtype) for name, dtype in (("word", np.uint64), ("code", np.int64)))
        kernels.settings(index, 0, (*source.hashing, _NO_CODES), _NO_WORDS, word, code)
        return code

    def stamps(self, draws: Draws, index: Indices, number: Indices, first: int, jitter_ticks: float) -> tuple[Indices, Words]:
        out = np.empty(number.size, dtype=np.int64), np.empty(number.size, dtype=np.uint64)
        lanes = _words(draws.start + 2 * draws.gamma, draws.start + 3 * draws.gamma, draws.gamma * LANES)
        kernels.stamps(lanes, index, number, first, (jitter_ticks, normal_table()), out)
        return out

    def put_in_order(self, events: Events) -> None:
        kernels.put_in_order(events.time, events.detector, events.mark)

    def resolve(
        self, main: Events, extra: Events, *, dynamics: Dynamics, carry: Carry, span: tuple[int, int]
    ) -> tuple[Candidates, Carry]:
        base, end = span
        horizon = (end - base) * TICKS
        few = carry.joining(extra, base)
        if (few.time[1:] == few.time[:-1]).any():
            few = few.part(np.lexsort((few.mark, few.detector, few.time)))
        last, silent = carry.memory(base)
        (index, detector, phase), done, born = decide(
            (main.time, main.detector, main.mark),
            (few.time, few.detector, few.mark),
            span=(base, horizon),
            rules=(
                dynamics.blind_ticks,
                _NONE if dynamics.recovery_ticks is None else dynamics.recovery_ticks,
                dynamics.latching,
                dynamics.paralysable,
            ),
            traps=_traps(dynamics),
            memory=(last, silent),
        )
        pending = joined([main.part(slice(done[0], None)), few.part(slice(done[1], None)), Events(*born)])
        clicks = Candidates(index, detector, phase if dynamics.fine else None)
        return clicks, carry.after(pending, (last, silent), dynamics, span)


def _traps(dynamics: Dynamics) -> tuple[Words, Reals, Reals, tuple[int, int, int]]:
    """Afterpulses as :func:`.decision.decide` takes them."""
    shape = (len(dynamics.afterpulses), dynamics.blind_ticks.size)
    probability = np.array([family.probability for family in dynamics.afterpulses]).reshape(shape)
    decay = np.array([family.decay_ticks for family in dynamics.afterpulses]).reshape(shape)
    most = _words(*(family.likely for family in dynamics.afterpulses))
    return most, probability, decay, (1 if dynamics.fine else TICKS, dynamics.gate_ticks, dynamics.gate_every)


def _words(*values: int) -> Words:
    return np.array([value & _WORD for value in values], dtype=np.uint64)
