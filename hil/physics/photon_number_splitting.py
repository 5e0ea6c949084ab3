"""What photon-number splitting leaves of each intensity's gain.

Source: G. Brassard, N. Lütkenhaus, T. Mor, B. C. Sanders, Phys. Rev. Lett. 85, 1330 (2000): the eavesdropper counts
photons, keeps one of several, hands the rest on without the loss of the line, and blocks single photons as far as the gain of
the signal stays what it was. Valid for coherent pulses of random phase and no background. Its yields betray it to decoys
(W.-Y. Hwang, Phys. Rev. Lett. 91, 057901 (2003)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Splitting", "splitting"]


@dataclass(frozen=True)
class Splitting:
    """Shares of single photons and of split pulses that she lets pass, and the transmittance that is left to them."""

    single_share: float
    several_share: float
    transmittance: float

    def gain(self, intensity: float) -> float:
        """Clicks per pulse of this mean photon number."""
        single = intensity * math.exp(-intensity) * self.transmittance
        return self.single_share * single + self.several_share * _several(intensity, self.transmittance)

    @property
    def single_photon_yield(self) -> float:
        """Clicks per pulse of exactly one photon: what the signal's security rests on."""
        return self.single_share * self.transmittance


def splitting(signal: float, transmittance: float, own_transmittance: float) -> Splitting:
    """The attack that hides in a signal of this intensity; ``own_transmittance`` is from the receiver's input to a click."""
    wanted = -math.expm1(-signal * transmittance)
    several = _several(signal, own_transmittance)
    single = signal * math.exp(-signal) * own_transmittance
    return Splitting(min(max((wanted - several) / single, 0.0), 1.0), min(1.0, wanted / several), own_transmittance)


def _several(intensity: float, transmittance: float) -> float:
    """Clicks per pulse of those with several photons, one taken out: sum over n of p(n) (1 - (1 - eta)^(n - 1))."""
    missed = 1.0 - transmittance
    several = -math.expm1(-intensity) - intensity * math.exp(-intensity)
    if missed <= 0.0:
        return several
    silent = (math.exp(-intensity * transmittance) - math.exp(-intensity) * (1.0 + intensity * missed)) / missed
    return several - silent
