"""Clicks and sifted bits per second at a four-detector receiver, from the declared link.

Photons of a coherent pulse split into independent Poisson streams at the detectors, so that every detector clicks on its own
with 1 - (1 - background) exp(-photons). Source: N. Lütkenhaus, Phys. Rev. A 61, 052304 (2000), for the splitting; dead time and
afterpulses as in the files of those names. Valid while a pulse rarely makes two detectors click.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.physics.counting import counted
from hil.physics.dead_time import all_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.physics.link_model import LinkModel

__all__ = ["SiftedRates", "click_rates_hz", "sifted_rates"]

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SiftedRates:
    """Sifted bits per second by intensity, strongest first, and how many of them are errors."""

    key: Triple
    key_errors: Triple
    test: Triple
    test_errors: Triple


@dataclass(frozen=True)
class _Split:
    """Share of the pulses, and how much of their light goes to each detector.

    ``correct`` and ``wrong`` are those of Alice's basis, ``other`` is each of the other basis.
    """

    share: float
    correct: float
    wrong: float
    other: float


def click_rates_hz(model: LinkModel) -> tuple[float, float, float, float]:
    """Clicks per second of each detector, in the order of ``model.detectors``: dark counts, afterpulses, own dead time."""
    key, test = (counted(_offered_hz(model, key_basis=key_basis), model.counting) for key_basis in (True, False))
    return (key, key, test, test)


def sifted_rates(model: LinkModel) -> SiftedRates:
    """Sifted bits and errors per second under the common dead-time rule.

    Afterpulses come so late that they are background to the pulse they fall on, whatever its intensity; so is light that jitter
    puts into another pulse's slot. Events of one pulse in
    both bases are dropped, two clicks within a basis give a random bit.
    """
    clicks = click_rates_hz(model)
    alive = all_alive(clicks, model.counting.dead_time_s)
    key = [_sifted(model, i, clicks, key_basis=True) for i in range(3)]
    test = [_sifted(model, i, clicks, key_basis=False) for i in range(3)]
    return SiftedRates(
        key=_triple([bits * alive for bits, _ in key]),
        key_errors=_triple([errors * alive for _, errors in key]),
        test=_triple([bits * alive for bits, _ in test]),
        test_errors=_triple([errors * alive for _, errors in test]),
    )


def _splits(model: LinkModel, *, key_basis: bool) -> Iterator[_Split]:
    """How light sent in a basis spreads: once for a passive splitter, twice where the receiver chooses actively."""
    e = model.misalignment
    chosen = model.key_basis_received
    ways = [(1.0, chosen)] if model.passive else [(chosen, 1.0), (1.0 - chosen, 0.0)]
    for share, to_key in ways:
        own = to_key if key_basis else 1.0 - to_key
        yield _Split(share, own * (1.0 - e), own * e, (1.0 - own) / 2.0)


def _offered_hz(model: LinkModel, *, key_basis: bool) -> float:
    """Photon clicks and dark counts per second offered to one detector of a basis, before dead time and afterpulses."""
    per_pulse = 0.0
    for mu, probability in zip(model.proof.intensities, model.proof.probabilities, strict=True):
        photons = model.transmittance * mu
        for sent_key in (True, False):
            sent = model.key_basis_sent if sent_key else 1.0 - model.key_basis_sent
            for split in _splits(model, key_basis=sent_key):
                if sent_key == key_basis:
                    clicks = (_click(photons * split.correct) + _click(photons * split.wrong)) / 2.0
                else:
                    clicks = _click(photons * split.other)
                per_pulse += probability * sent * split.share * clicks
    return model.pulse_rate_hz * per_pulse + model.dark_hz


def _sifted(
    model: LinkModel, intensity: int, clicks: tuple[float, float, float, float], *, key_basis: bool
) -> tuple[float, float]:
    """Sifted bits and errors per second of one intensity and basis while every detector is ready."""
    photons = model.transmittance * model.proof.intensities[intensity] * (1.0 - model.crossing)
    background = [
        (
            model.dark_hz
            + model.counting.afterpulse_probability * rate
            + model.crossing * (_offered_hz(model, key_basis=key) - model.dark_hz)
        )
        / model.pulse_rate_hz
        for key, rate in ((True, clicks[0]), (False, clicks[2]))
    ]
    own, other = background if key_basis else background[::-1]
    bits = errors = 0.0
    for split in _splits(model, key_basis=key_basis):
        correct = _click(photons * split.correct, own)
        wrong = _click(photons * split.wrong, own)
        alone = split.share * (1.0 - _click(photons * split.other, other)) ** 2
        bits += alone * (1.0 - (1.0 - correct) * (1.0 - wrong))
        errors += alone * (wrong * (1.0 - correct) + 0.5 * wrong * correct)
    sent = model.key_basis_sent if key_basis else 1.0 - model.key_basis_sent
    rate = model.pulse_rate_hz * model.proof.probabilities[intensity] * sent
    return rate * bits, rate * errors


def _click(photons: float, background: float = 0.0) -> float:
    return background - (1.0 - background) * math.expm1(-photons)


def _triple(values: list[float]) -> Triple:
    return (values[0], values[1], values[2])
