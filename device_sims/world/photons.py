"""How many photons of a pulse are detected, for light that is not simply coherent: tables by setting, computed once a state."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from .source import Source

__all__ = ["PhotonTables", "emitted_chances", "photon_tables"]

_CELLS = 24


@dataclass(frozen=True)
class PhotonTables:
    """Chances of detected photons.

    ``detected[split, before, setting, j]``: that j photons of a pulse can be detected, for pulses an eavesdropper splits (1)
    or not, after each setting of the pulse before. ``most``: the largest chance that any can. ``mean[split, setting]``: how
    many can. ``single[split]``: whether the only photon of a pulse can.
    """

    detected: npt.NDArray[np.float64]
    most: float
    mean: npt.NDArray[np.float64]
    single: tuple[float, float]


def photon_tables(
    source: Source, intensities: tuple[float, ...], transmittance: float, own_transmittance: float
) -> PhotonTables:
    """Tables of a source behind this transmittance, and behind an eavesdropper's own line."""
    emitted = _emitted(source, intensities)
    often = source.intensity_probabilities
    photons = emitted.shape[-1]
    plain = emitted @ _binomial(photons, transmittance)
    # she keeps one photon of several, and lets of the others through what keeps the signal's gain
    others = np.zeros((photons, photons))
    others[2:] = _binomial(photons, own_transmittance)[1:-1]
    signal = np.einsum("b,bn->n", often, emitted[:, int(np.argmax(intensities))])
    wanted = 1.0 - float(np.einsum("b,bn->n", often, plain[:, int(np.argmax(intensities))])[0])
    several = float(signal[2:] @ (1.0 - others[2:, 0]))
    passed_several = min(1.0, wanted / several) if several > 0.0 else 0.0
    single = float(signal[1]) * own_transmittance
    passed_single = min(max((wanted - several) / single, 0.0), 1.0) if single > 0.0 else 0.0
    line = passed_several * others
    line[1, 1] = passed_single * own_transmittance
    line[:, 0] = 0.0
    line[:, 0] = 1.0 - line.sum(axis=1)
    detected = np.stack([plain, emitted @ line])
    mean = np.einsum("b,sbkj,j->sk", often, detected, np.arange(photons))
    return PhotonTables(detected, float((1.0 - detected[..., 0]).max()), mean, (transmittance, float(line[1, 1])))


def emitted_chances(source: Source, intensities: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Chances of n photons in a pulse of each setting, shape (settings, n), whatever was sent before it."""
    result: npt.NDArray[np.float64] = np.einsum("b,bkn->kn", source.intensity_probabilities, _emitted(source, intensities))
    return result


def _emitted(source: Source, intensities: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Chances of n photons in a pulse, shape (settings before, settings, n), averaged over its fluctuation."""
    means = np.outer(source.after, intensities)
    factors, weights = _fluctuations(source.fluctuation)
    if source.single_photons:
        two = 0.5 * source.g2 * means**2 * float(weights @ factors**2)
        one = np.maximum(means - 2.0 * two, 0.0)
        nothing = np.zeros_like(two)
        return np.stack([1.0 - one - two, one, two, nothing], axis=-1)
    brightest = float(means.max() * factors.max())
    numbers = np.arange(int(brightest + 12.0 * np.sqrt(brightest + 1.0)) + 12)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.maximum(numbers[1:], 1)))])
    mu = np.maximum(means[..., None, None] * factors[:, None], 1e-300)
    chances = np.exp(numbers * np.log(mu) - mu - logs)
    averaged: npt.NDArray[np.float64] = np.einsum("f,bkfn->bkn", weights, chances)
    return averaged


def _fluctuations(spread: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values and weights of a pulse's relative intensity: the sum of four uniform numbers, as the source draws it."""
    if not spread:
        return np.ones(1), np.ones(1)
    weights = np.ones(1)
    for _ in range(4):
        weights = np.convolve(weights, np.full(_CELLS, 1.0 / _CELLS))
    places = (np.arange(weights.size) - (weights.size - 1) / 2.0) / _CELLS
    places /= np.sqrt(float(weights @ places**2))
    return 1.0 + spread * places, weights


def _binomial(photons: int, transmittance: float) -> npt.NDArray[np.float64]:
    """Chance that j of n photons come through, shape (n, j)."""
    table = np.zeros((photons, photons))
    for n in range(photons):
        for j in range(n + 1):
            table[n, j] = comb(n, j) * transmittance**j * (1.0 - transmittance) ** (n - j)
    return table
