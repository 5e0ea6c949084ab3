"""Coincidences, errors and key rate of entangled pairs from down-conversion.

Source: X. Ma, C.-H. F. Fung, H.-K. Lo, Phys. Rev. A 76, 012307 (2007), equations 9 and 10, and the key rate with one-way
post-processing. Valid for pulsed down-conversion into one polarisation-entangled pair of modes, threshold detectors, an endless
run, both bases used as often. ``brightness`` is the paper's lambda: half the mean number of pairs in a pulse.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.physics._bisection import peak
from hil.physics.entropy import binary_entropy

__all__ = ["PairArm", "coincidence_gain", "coincidence_qber", "optimal_brightness", "pair_key_rate"]

_DARKEST, _BRIGHTEST = 1e-6, 1.0


@dataclass(frozen=True)
class PairArm:
    """One way from the source to a receiver: its transmittance with the detectors', and their background per pulse."""

    transmittance: float
    background: float


def coincidence_gain(brightness: float, alice: PairArm, bob: PairArm) -> float:
    """Q: probability that a pump pulse makes both receivers click."""
    quiet_a, quiet_b = 1.0 - alice.background, 1.0 - bob.background
    a, b = alice.transmittance * brightness, bob.transmittance * brightness
    nobody = quiet_a * quiet_b / _both(brightness, alice, bob) ** 2
    return 1.0 - quiet_a / (1.0 + a) ** 2 - quiet_b / (1.0 + b) ** 2 + nobody


def coincidence_qber(brightness: float, alice: PairArm, bob: PairArm, misalignment: float) -> float:
    """E: share of the coincidences that are errors, of misalignment, background, and several pairs in one pulse."""
    a, b = alice.transmittance * brightness, bob.transmittance * brightness
    correlated = alice.transmittance * b * (1.0 + brightness) / ((1.0 + a) * (1.0 + b) * _both(brightness, alice, bob))
    return 0.5 - 2.0 * (0.5 - misalignment) * correlated / coincidence_gain(brightness, alice, bob)


def pair_key_rate(
    brightness: float,
    alice: PairArm,
    bob: PairArm,
    misalignment: float,
    *,
    correction_efficiency: float = 1.22,
    sifting: float = 0.5,
) -> float:
    """Secret bits per pump pulse, q Q (1 - f h(E) - h(E)); negative where there are none."""
    entropy = binary_entropy(coincidence_qber(brightness, alice, bob, misalignment))
    return sifting * coincidence_gain(brightness, alice, bob) * (1.0 - (1.0 + correction_efficiency) * entropy)


def optimal_brightness(alice: PairArm, bob: PairArm, misalignment: float, *, correction_efficiency: float = 1.22) -> float:
    """Brightness with the highest key rate: more pairs mean more coincidences, and more pulses with two of them."""

    def rate(brightness: float) -> float:
        return pair_key_rate(brightness, alice, bob, misalignment, correction_efficiency=correction_efficiency)

    return peak(rate, _DARKEST, _BRIGHTEST)


def _both(brightness: float, alice: PairArm, bob: PairArm) -> float:
    """Root of the inverse probability that neither receiver sees a photon."""
    a, b = alice.transmittance, bob.transmittance
    return 1.0 + (a + b - a * b) * brightness
