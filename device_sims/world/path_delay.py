"""How long light takes along a fibre."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .parameters import Parameters
    from .timeline import State

__all__ = ["exact", "path_delay_s"]

_GROUP_INDEX = Fraction("1.468")
"""Of standard single-mode fibre (ITU-T G.652) at 1550 nm, as makers of fibre state it."""
_LIGHT_KM_PER_S = Fraction("299792.458")
_PER_KM_AND_KELVIN_S = Fraction("38e-12")
_REFERENCE_C = Fraction(20)
"""A fibre has its declared length at this temperature."""


def path_delay_s(parameters: Parameters, link: str, state: State) -> Fraction:
    """Delay of a link's fibre in one state; zero for a link without."""
    if not parameters.has_fibre(link):
        return Fraction(0)
    length_km = exact(parameters.value(state, link, "length_km"))
    warmer_k = exact(parameters.value(state, link, "temperature_c")) - _REFERENCE_C
    return length_km * (_GROUP_INDEX / _LIGHT_KM_PER_S + _PER_KM_AND_KELVIN_S * warmer_k)


def exact(value: float) -> Fraction:
    """The decimal number that a float stands for."""
    return Fraction(repr(float(value)))
