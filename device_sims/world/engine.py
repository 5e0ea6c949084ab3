"""Which code does the sampling: numpy, or loops compiled by numba where it is installed (``pip install qkd-hil[fast]``).

Both give the same clicks, bit for bit, so the choice is one of time only: loading numba takes about a second, compiling the
loops once per machine about ten, which a short look is not worth.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hil.errors import UsageError

from . import kernels
from .draws import FRACTION_BITS, LANES, negative_log, normal, normal_table, uniform
from .dynamics import MIDDLE
from .source import hash_indices

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .draws import Draws
    from .reception import Receiver
    from .sampler import Events

    Reals = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]

__all__ = ["CompiledEngine", "Engine", "NumpyEngine", "pick"]

_WORD = 2**64 - 1
_WORTH_LOADING = 2e7
_WORTH_COMPILING = 3e8
_CHUNK = 1 << 14
_VARIABLE = "HIL_ENGINE"
_COMPILING = "compiling the event engine of the simulated world (once on this machine, about 15 s)"


class Engine(Protocol):
    """The steps whose cost goes with the number of candidates."""

    name: str

    def arrivals(self, draws: Draws, first: int, per_pulse: float, length: int) -> Indices:
        """Pulse indices of a Poisson process over ``length`` pulses from ``first`` on, ascending."""
        ...

    def outcomes(
        self,
        draws: Draws,
        receiver: Receiver,
        index: Indices,
        chance: tuple[Reals, Reals],
        varying: tuple[Reals, Reals] | None,
    ) -> tuple[Indices, npt.NDArray[np.uint8]]:
        """Which proposals are detections, and at which detector.

        ``chance``: probabilities of each setting, cumulative over detectors, and their slope with misalignment; ``varying``:
        misalignment and survival of each proposal, or None where ``chance`` says it all.
        """
        ...

    def stamps(
        self, draws: Draws, index: Indices, number: Indices, first: int, jitter_ticks: float
    ) -> tuple[Indices, npt.NDArray[np.uint64]]:
        """Time in ticks from pulse ``first`` on, and mark, of each detection."""
        ...

    def put_in_order(self, events: Events) -> None:
        """Sort by time, in place and stable."""
        ...


class NumpyEngine:
    """Vector operations over short stretches."""

    name = "numpy"

    def arrivals(self, draws: Draws, first: int, per_pulse: float, length: int) -> Indices:
        parts, at, done, end = [np.empty(0, dtype=np.int64)], 0, 0, length << FRACTION_BITS
        expected = per_pulse * length
        chunk = min(_CHUNK, int(expected + 6.0 * expected**0.5 + 20.0))
        while at < end:
            gap = negative_log(draws.lane(0, np.arange(done, done + chunk)))
            gap *= 2.0**FRACTION_BITS / per_pulse
            place = np.minimum(gap, float(end), out=gap).astype(np.int64)
            place[0] += at
            place.cumsum(out=place)
            beyond = place >= end
            at, done = int(place[-1]), done + chunk
            if beyond.any():
                # sums beyond the end may have overflown
                at, place = end, place[: int(beyond.argmax())]
            parts.append((place >> FRACTION_BITS) + first)
        return np.concatenate(parts)

    def outcomes(
        self,
        draws: Draws,
        receiver: Receiver,
        index: Indices,
        chance: tuple[Reals, Reals],
        varying: tuple[Reals, Reals] | None,
    ) -> tuple[Indices, npt.NDArray[np.uint8]]:
        numbers, detectors = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.uint8)]
        for at in range(0, index.size, _CHUNK):
            stretch = slice(at, at + _CHUNK)
            own = None if varying is None else (varying[0][stretch], varying[1][stretch])
            number = np.arange(at, min(at + _CHUNK, index.size))
            detector = _detectors(draws.lane(1, number), receiver, index[stretch], chance, own)
            seen = np.flatnonzero(detector < chance[0].shape[1])
            numbers.append(number[seen])
            detectors.append(detector[seen])
        return np.concatenate(numbers), np.concatenate(detectors)

    def stamps(
        self, draws: Draws, index: Indices, number: Indices, first: int, jitter_ticks: float
    ) -> tuple[Indices, npt.NDArray[np.uint64]]:
        time = index[number]
        time -= first
        time <<= 16
        time += MIDDLE
        if jitter_ticks > 0.0:
            time += np.floor(normal(draws.lane(3, number)) * jitter_ticks).astype(np.int64)
        return time, draws.lane(2, number)

    def put_in_order(self, events: Events) -> None:
        order = np.argsort(events.time, kind="stable")
        for part in (events.time, events.detector, events.mark):
            part[:] = part[order]


def _detectors(
    draw: npt.NDArray[np.uint64],
    receiver: Receiver,
    index: Indices,
    chance: tuple[Reals, Reals],
    varying: tuple[Reals, Reals] | None,
) -> npt.NDArray[np.uint8]:
    """Detector of each proposal; one more than there are for those that are none."""
    assert receiver.source is not None
    setting = receiver.source.codes(index)
    if receiver.active:
        chosen = hash_indices(index, receiver.basis_key) >> np.uint64(1)
        setting = setting * np.uint8(2) + (chosen >= np.uint64(receiver.basis_threshold)).view(np.uint8)
    where, luck = setting.astype(np.intp), uniform(draw)
    straight, tilt = chance
    detector = np.zeros(index.size, dtype=np.uint8)
    for number in range(straight.shape[1]):
        threshold = straight[:, number].take(where)
        if varying is not None:
            threshold = (threshold + varying[0] * tilt[:, number].take(where)) * varying[1]
        detector += (luck >= threshold).view(np.uint8)
    return detector


class CompiledEngine:
    """The loops of :mod:`.kernels`, compiled at first use and kept on disk."""

    name = "numba"

    def __init__(self) -> None:
        from numba import njit

        _announce_compilation()
        self._arrivals: Callable[..., Any] = njit(cache=True)(kernels.arrivals)
        self._settings: Callable[..., Any] = njit(cache=True)(kernels.settings)
        self._outcomes: Callable[..., Any] = njit(cache=True)(kernels.outcomes)
        self._stamps: Callable[..., Any] = njit(cache=True)(kernels.stamps)
        self._put_in_order: Callable[..., Any] = njit(cache=True)(kernels.put_in_order)
        self.settle: Callable[..., Any] = njit(cache=True)(kernels.settle)

    def arrivals(self, draws: Draws, first: int, per_pulse: float, length: int) -> Indices:
        parts, at, done, end = [np.empty(0, dtype=np.int64)], 0, 0, length << FRACTION_BITS
        expected = per_pulse * length
        room = int(expected + 6.0 * expected**0.5 + 20.0)
        while at < end:
            index = np.empty(room, dtype=np.int64)
            found, at = self._arrivals(_lane(draws, 0), first, 2.0**FRACTION_BITS / per_pulse, (at, end), done, index)
            parts.append(index[:found])
            done += found
        return parts[1] if len(parts) == 2 else np.concatenate(parts)

    def outcomes(
        self,
        draws: Draws,
        receiver: Receiver,
        index: Indices,
        chance: tuple[Reals, Reals],
        varying: tuple[Reals, Reals] | None,
    ) -> tuple[Indices, npt.NDArray[np.uint8]]:
        amounts = (np.empty(0), np.empty(0)) if varying is None else varying
        seen = np.empty(index.size, dtype=np.int64), np.empty(index.size, dtype=np.uint8)
        found = self._outcomes(self._settings_of(receiver, index), chance, amounts, _lane(draws, 1), seen)
        return seen[0][:found], seen[1][:found]

    def _settings_of(self, receiver: Receiver, index: Indices) -> npt.NDArray[np.uint8]:
        assert receiver.source is not None
        hashing = receiver.source.hashing
        if hashing is None:
            setting = receiver.source.codes(index)
        else:
            setting = np.empty(index.size, dtype=np.uint8)
            self._settings(index, *hashing, setting, 1)
        if receiver.active:
            key = _words(receiver.basis_key, receiver.basis_key >> 64)
            self._settings(index, key, _words(receiver.basis_threshold), setting, 2)
        return setting

    def stamps(
        self, draws: Draws, index: Indices, number: Indices, first: int, jitter_ticks: float
    ) -> tuple[Indices, npt.NDArray[np.uint64]]:
        out = np.empty(number.size, dtype=np.int64), np.empty(number.size, dtype=np.uint64)
        lanes = _words(draws.start + 2 * draws.gamma, draws.start + 3 * draws.gamma, draws.gamma * LANES)
        self._stamps(lanes, index, number, first, (jitter_ticks, normal_table()), out)
        return out

    def put_in_order(self, events: Events) -> None:
        self._put_in_order(events.time, events.detector, events.mark)


def pick(candidates: float) -> Engine:
    """The engine for about so many candidates: compiled once that is loaded or worth it. ``HIL_ENGINE`` decides otherwise."""
    wanted = os.environ.get(_VARIABLE, "")
    if wanted not in {"", "numpy", "numba"}:
        raise UsageError(f"{_VARIABLE} = {wanted!r}: there is no such engine; expected numpy or numba")
    if wanted == "numpy" or not _installed():
        if wanted == "numba":
            raise UsageError(f"{_VARIABLE} = 'numba', but numba is not installed: pip install qkd-hil[fast]")
        return _numpy()
    worth = _WORTH_LOADING if _compiled_before() else _WORTH_COMPILING
    if wanted == "numba" or _compiled.cache_info().currsize or candidates >= worth:
        return _compiled()
    return _numpy()


@cache
def _numpy() -> NumpyEngine:
    return NumpyEngine()


@cache
def _compiled() -> CompiledEngine:
    return CompiledEngine()


@cache
def _installed() -> bool:
    return find_spec("numba") is not None


@cache
def _compiled_before() -> bool:
    """Whether numba's cache beside the loops holds them, as far as one can tell without loading numba."""
    return any((Path(kernels.__file__).parent / "__pycache__").glob("kernels.settle*.nbi"))


def _announce_compilation() -> None:
    """Tell, once, that somebody waits for the compiler; numba asks it only for what its cache does not hold."""
    from numba.core import event

    class Notice(event.Listener):  # type: ignore[misc]
        told = False

        def on_start(self, event: Any) -> None:
            compiled = getattr(event.data.get("dispatcher"), "py_func", None)
            if not self.told and getattr(compiled, "__module__", "") == kernels.__name__:
                self.told = True
                logging.getLogger("hil.device_sims").warning(_COMPILING)

        def on_end(self, event: Any) -> None:
            pass

    event.register("numba:compile", Notice())


def _lane(draws: Draws, lane: int) -> npt.NDArray[np.uint64]:
    return _words(draws.start + lane * draws.gamma, draws.gamma * LANES)


def _words(*values: int) -> npt.NDArray[np.uint64]:
    return np.array([value & _WORD for value in values], dtype=np.uint64)
