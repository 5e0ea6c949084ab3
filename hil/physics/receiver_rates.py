"""Clicks and sifted bits per second at a four-detector receiver, from the declared link.

Every photon goes its own way, so that the chance that none of a set of detectors clicks follows from the share of the light
that goes to all of them together. Source: N. Lütkenhaus, Phys. Rev. A 61, 052304 (2000), for coherent pulses; photon
statistics, dead time and afterpulses as in the files of those names. Valid while a pulse rarely makes two detectors click.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.physics.counting import counted
from hil.physics.dead_time import all_alive
from hil.physics.intensity_fluctuation import fluctuating_gain
from hil.physics.preparation_error import combined_error
from hil.physics.single_photon_source import photon_probabilities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.physics.link_model import LinkModel

__all__ = ["SiftedRates", "click_rates_hz", "sifted_rates"]

Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class SiftedRates:
    """Sifted bits per second by intensity, strongest first, and how many of them are errors."""

    key: tuple[float, ...]
    key_errors: tuple[float, ...]
    test: tuple[float, ...]
    test_errors: tuple[float, ...]


def click_rates_hz(model: LinkModel) -> Four:
    """Clicks per second of each detector, in the order of ``model.detectors``: dark counts, afterpulses, own dead time."""
    offered = [light + model.dark_hz + stray for light, stray in zip(_light_hz(model), _stray_hz(model), strict=True)]
    return _four([counted(rate, model.counting) for rate in offered])


def sifted_rates(model: LinkModel) -> SiftedRates:
    """Sifted bits and errors per second under the common dead-time rule.

    Afterpulses come so late that they are background to the pulse they fall on, whatever its intensity; so is light that jitter
    puts into another pulse's slot. Events of one pulse in both bases are dropped, two clicks within a basis give a random bit.
    """
    clicks = click_rates_hz(model)
    ready = [_ready(model, clicks, basis) for basis in (0, 1)]
    numbers = range(len(model.intensities))
    key, test = ([_sifted(model, number, clicks, basis) for number in numbers] for basis in (0, 1))
    return SiftedRates(
        key=tuple(bits * ready[0] for bits, _ in key),
        key_errors=tuple(errors * ready[0] for _, errors in key),
        test=tuple(bits * ready[1] for bits, _ in test),
        test_errors=tuple(errors * ready[1] for _, errors in test),
    )


def _ready(model: LinkModel, clicks: Four, basis: int) -> float:
    """Share of a basis' events that are counted and kept.

    Their own detector counts what its kind of dead time lets through of the offer; no other may have clicked within one.
    """
    again = model.counting.afterpulse_probability
    kept = offered = 0.0
    for own in (2 * basis, 2 * basis + 1):
        others = [rate for number, rate in enumerate(clicks) if number != own]
        kept += clicks[own] * all_alive(others, model.counting.dead_time_s)
        offered += _light_hz(model)[own] + model.dark_hz + _stray_hz(model)[own] + again * clicks[own]
    return kept / offered if offered > 0.0 else 1.0


def _states(model: LinkModel) -> Iterator[tuple[int, int, float]]:
    """Basis, bit, and how often they are sent."""
    for basis, of_basis in enumerate((model.key_basis_sent, 1.0 - model.key_basis_sent)):
        for bit, of_bit in enumerate((1.0 - model.bit_one_sent, model.bit_one_sent)):
            yield basis, bit, of_basis * of_bit


def _splits(model: LinkModel, basis: int, bit: int) -> Iterator[tuple[float, Four]]:
    """How light of a state spreads over the detectors: once for a passive splitter, twice where the receiver chooses."""
    chosen, counted = model.key_basis_received, model.test_arm
    ways = (
        [(1.0, (chosen, (1.0 - chosen) * counted))] if model.passive else [(chosen, (1.0, 0.0)), (1.0 - chosen, (0.0, counted))]
    )
    wrong = combined_error(model.misalignment, model.state_errors[2 * basis + bit])
    for share, arms in ways:
        parts = []
        for of_basis in (0, 1):
            for of_bit in (0, 1):
                part = 0.5 if of_basis != basis else (1.0 - wrong if of_bit == bit else wrong)
                parts.append(arms[of_basis] * part)
        yield share, _four(parts)


def _light_hz(model: LinkModel) -> Four:
    """Clicks per second of each detector by pulses, whatever their slot, while it is always ready."""
    per_pulse = [0.0, 0.0, 0.0, 0.0]
    for intensity, often in enumerate(model.probabilities):
        for basis, bit, sent in _states(model):
            for share, parts in _splits(model, basis, bit):
                for detector, part in enumerate(parts):
                    per_pulse[detector] += often * sent * share * (1.0 - _missed(model, intensity, part))
    return _four([model.pulse_rate_hz * rate for rate in per_pulse])


def _sifted(model: LinkModel, intensity: int, clicks: Four, basis: int) -> tuple[float, float]:
    """Sifted bits and errors per second of one intensity and basis while every detector is ready."""
    noise_hz = [
        model.dark_hz + stray + model.counting.afterpulse_probability * rate + model.crossing * light
        for stray, rate, light in zip(_stray_hz(model), clicks, _light_hz(model), strict=True)
    ]
    quiet = [1.0 - rate / model.pulse_rate_hz for rate in noise_hz]
    inside = 1.0 - model.crossing
    others = (2, 3) if basis == 0 else (0, 1)
    bits = errors = 0.0
    for own_basis, bit, sent in _states(model):
        if own_basis != basis:
            continue
        right, wrong = 2 * basis + bit, 2 * basis + 1 - bit
        for share, parts in _splits(model, basis, bit):

            def dark(*silent: int, parts: Four = parts) -> float:
                """Chance that none of these detectors clicks."""
                background = math.prod(quiet[each] for each in silent)
                return background * _missed(model, intensity, inside * sum(parts[each] for each in silent))

            nothing, all_own = dark(*others, right, wrong), dark(*others)
            only_wrong = dark(*others, right) - nothing
            only_right = dark(*others, wrong) - nothing
            both = all_own - nothing - only_wrong - only_right
            bits += sent * share * (all_own - nothing)
            errors += sent * share * (only_wrong + 0.5 * both)
    rate = model.pulse_rate_hz * model.probabilities[intensity]
    return rate * bits, rate * errors


def _stray_hz(model: LinkModel) -> Four:
    """Stray clicks per second of each detector."""
    key, test = model.background_hz
    return (key, key, test, test)


def _missed(model: LinkModel, intensity: int, part: float) -> float:
    """Chance that nothing of a pulse is detected where this part of the light goes, over all settings of the pulse before."""
    strongest = model.intensities[0]
    average = sum(p * mu / strongest for p, mu in zip(model.probabilities, model.intensities, strict=True))
    missed = 0.0
    for often, before in zip(model.probabilities, model.intensities, strict=True):
        mean = model.intensities[intensity] * (1.0 + model.correlation * (before / strongest - average))
        missed += often * _missed_of(model, mean, model.transmittance * part)
    return missed


def _missed_of(model: LinkModel, mean: float, share: float) -> float:
    if not model.single_photons:
        return 1.0 - fluctuating_gain(mean, share, 0.0, model.fluctuation)
    none, one, two = photon_probabilities(mean, model.g2)
    return none + one * (1.0 - share) + two * ((1.0 - share) ** 2 + (model.fluctuation * share) ** 2)


def _four(values: list[float]) -> Four:
    return (values[0], values[1], values[2], values[3])
