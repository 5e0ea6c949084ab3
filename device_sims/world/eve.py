"""An eavesdropper on a link: what she does to each pulse, as a pure function of (seed, link, pulse index).

Intercept and resend (C. H. Bennett et al., J. Cryptology 5, 3 (1992)): she counts the photons of a pulse, measures them in a
random basis, and sends as many in the state she found, so that no intensity's gain changes; in the other basis than Alice's she
finds a random bit. Photon-number splitting (G. Brassard et al., Phys. Rev. Lett. 85, 1330 (2000)): she keeps one photon of
every pulse with several and sends the others on without the loss of the path, and blocks single photons. Time shift (B. Qi
et al., Quantum Inf. Comput. 7, 73 (2007)): pulses come early or late at random. Blinding (L. Lydersen et al., Nature Photonics
4, 686 (2010)): bright light makes detectors classical; she listens with a copy of the receiver, and makes Bob's click where
his basis is hers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .source import hash_indices

if TYPE_CHECKING:
    import numpy.typing as npt

    from .parameters import Parameters
    from .timeline import State

__all__ = ["Attack", "Eve", "attack_of", "faked_clicks"]

_TRIGGER = 1.5
"""Power of a faked state at the detector it is meant for, in click thresholds; half of it makes no click."""


@dataclass(frozen=True)
class Attack:
    """What she does in one state of the bench: shares of the pulses, a shift in time and how many are late, light she sends."""

    intercepted: float
    split: float
    shift_s: float
    late_fraction: float
    blinding_w: float


def attack_of(state: State, parameters: Parameters, link: str) -> Attack | None:
    """The attack on a link; None where she does nothing."""
    names = ("intercept_fraction", "splitting_fraction", "time_shift_s", "late_fraction", "blinding_power_w")
    values = {name: parameters.value(state, link, name) for name in names}
    return Attack(*values.values()) if any(value for name, value in values.items() if name != "late_fraction") else None


class Eve:
    """Her choices on one link."""

    def __init__(self, seed: int, link: str) -> None:
        self._keys = {what: derive(seed, "eve", what, link) for what in ("intercept", "split", "shift", "measure", "listen")}

    def chosen(self, what: str, index: npt.NDArray[np.int64], fraction: float) -> npt.NDArray[np.bool_]:
        """Which pulses she attacks: ``intercept``, ``split``, or shifts to later times (``shift``); shape (n,)."""
        threshold = np.uint64(min(round(fraction * 2**63), 2**63 - 1))
        hashed = hash_indices(index, self._keys[what]) >> np.uint64(1)
        return np.ones(index.shape, dtype=bool) if fraction >= 1.0 else hashed < threshold

    def listening(self, index: npt.NDArray[np.int64], threshold: int) -> npt.NDArray[np.intp]:
        """Basis of each pulse at her copy of an active receiver, chosen as often as there."""
        return (hash_indices(index, self._keys["listen"]) >> np.uint64(1) >= np.uint64(threshold)).astype(np.intp)

    def resent(
        self, index: npt.NDArray[np.int64], states: npt.NDArray[np.intp], errors: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.intp]:
        """States (basis * 2 + bit) that she sends on for those that Alice prepared with these errors, shape (2, 2)."""
        hashed = hash_indices(index, self._keys["measure"])
        basis = (hashed & np.uint64(1)).astype(np.intp)
        chance = (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53
        wrong = errors[states >> 1, states & 1]
        bit = np.where(basis == states >> 1, states & 1 ^ (chance < wrong), chance < 0.5)
        result: npt.NDArray[np.intp] = (basis * 2 + bit).astype(np.intp)
        return result


def faked_clicks(basis: tuple[int, ...], bit: tuple[int, ...], arms: tuple[tuple[float, float], ...]) -> npt.NDArray[np.bool_]:
    """Which of D blinded detectors click for a faked state: shape (choices of Bob, her outcome D, D).

    A passive splitter hands her pulse to both bases, so that she sends more for the basis that gets less of it.
    """
    detectors = range(len(basis))
    result = np.zeros((len(arms), len(basis), len(basis)), dtype=bool)
    for choice, way in enumerate(arms):
        for meant in detectors:
            sent = _TRIGGER if len(arms) > 1 else _TRIGGER / max(way[basis[meant]], 1e-9)
            for seen in detectors:
                part = (bit[seen] == bit[meant]) if basis[seen] == basis[meant] else 0.5
                result[choice, meant, seen] = sent * way[basis[seen]] * part >= 1.0
    return result
