"""Which code does the sampling: numpy, or loops compiled by numba where it is installed (``pip install qkd-hil[fast]``).

Both give the same clicks, bit for bit, so the choice is one of time only: loading numba takes about a second, compiling the
loops once per machine some ten, which a short look is not worth.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hil.compiled import available
from hil.errors import UsageError

from .vectors import NumpyEngine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .carry import Carry
    from .draws import Draws
    from .dynamics import Dynamics
    from .reception import Receiver
    from .sampler import Candidates, Events
    from .source import Source

    Reals = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.int64]

__all__ = ["Engine", "pick"]

_WORTH_LOADING = 2e7
_WORTH_COMPILING = 3e8
_VARIABLE = "HIL_ENGINE"


class Engine(Protocol):
    """The steps whose cost goes with the number of candidates; a thread's next window may overwrite what they return."""

    name: str

    def arrivals(self, draws: Draws, first: int, per_pulse: float, length: int) -> Indices:
        """Pulse indices of a Poisson process over ``length`` pulses from ``first`` on, ascending."""
        ...

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
        """Which proposals are detections: their numbers, and where and when they are, in the order of their pulses.

        ``chance``: probabilities of each setting, cumulative over detectors, and their slope with misalignment; ``varying``:
        misalignment and survival of each proposal, or None where ``chance`` says it all; ``place``: the pulse that times count
        from, the first pulse that is asked for, and jitter in ticks.
        """
        ...

    def codes(self, source: Source, index: Indices) -> npt.NDArray[np.uint8] | Indices:
        """Joint setting of each pulse, as :meth:`.source.Source.codes`."""
        ...

    def stamps(
        self, draws: Draws, index: Indices, number: Indices, first: int, jitter_ticks: float
    ) -> tuple[Indices, npt.NDArray[np.uint64]]:
        """Time in ticks from pulse ``first`` on, and mark, of each detection."""
        ...

    def put_in_order(self, events: Events) -> None:
        """Sort by time, in place and stable."""
        ...

    def resolve(
        self, main: Events, extra: Events, *, dynamics: Dynamics, carry: Carry, span: tuple[int, int]
    ) -> tuple[Candidates, Carry]:
        """Clicks of all that comes before a pulse, and what the detectors remember there; ``span`` is (base, that pulse).

        ``main`` are the many, ``extra`` the few candidates since the last time, in order of time and timed from pulse ``base``.
        """
        ...


def pick(candidates: float) -> Engine:
    """The engine for about so many candidates: compiled once that is loaded or worth it. ``HIL_ENGINE`` decides otherwise."""
    wanted = os.environ.get(_VARIABLE, "")
    if wanted not in {"", "numpy", "numba"}:
        raise UsageError(f"{_VARIABLE} = {wanted!r}: there is no such engine; expected numpy or numba")
    if wanted == "numpy" or not available():
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
def _compiled() -> Engine:
    from .loops import CompiledEngine

    return CompiledEngine()


@cache
def _compiled_before() -> bool:
    """Whether numba's cache beside the loops holds them, as far as one can tell without loading numba."""
    return any((Path(__file__).parent / "__pycache__").glob("decision.decide*.nbi"))
