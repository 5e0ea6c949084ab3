"""How long light takes along the path of a link."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .optics import Optics
    from .parameters import Parameters
    from .surroundings import Surroundings
    from .timeline import State
    from .ways import Way

__all__ = ["PathDelay", "exact"]

_LIGHT_KM_PER_S = Fraction("299792.458")
_PER_KM_AND_KELVIN_S = Fraction("38e-12")
_REFERENCE_C = Fraction(20)
"""A fibre has its declared length at this temperature."""


class PathDelay:
    """That of one way; without ``surroundings`` the ground keeps its temperature."""

    def __init__(self, way: Way, parameters: Parameters, optics: Optics, surroundings: Surroundings | None = None) -> None:
        self._way = way
        self._parameters = parameters
        self._optics = optics
        self._surroundings = surroundings

    def steady_s(self, state: State) -> Fraction:
        """Delay in one state at the site's mean temperature, exact."""
        delay_s, fibre = Fraction(0), self._way.link.fibre
        if fibre is not None:
            warmer_k = exact(self._parameters.value(state, self._way.name, "temperature_c")) - _REFERENCE_C
            per_km_s = exact(fibre.group_index) / _LIGHT_KM_PER_S + _PER_KM_AND_KELVIN_S * warmer_k
            delay_s += self._length_km(state) * per_km_s
        if self._way.link.free_space is not None:
            delay_s += exact(self._optics.range_km(self._way, state)) / _LIGHT_KM_PER_S
        return delay_s

    def drift_s(self, state: State, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What the weather at these times adds: shape (n,) to shape (n,)."""
        if self._surroundings is None or self._way.link.fibre is None:
            return 0.0 * times_s
        return float(self._length_km(state) * _PER_KM_AND_KELVIN_S) * self._surroundings.ground_k(state, times_s)

    def _length_km(self, state: State) -> Fraction:
        return exact(self._parameters.value(state, self._way.name, "length_km"))


def exact(value: float) -> Fraction:
    """The decimal number that a float stands for."""
    return Fraction(repr(float(value)))
