"""What a link should count and deliver, from its bench file alone: the yardstick of counts, key rate and contract.

Composes the closed forms of this package. Expected counts go into the finite-key formula, so the key rate is an expected one.
Valid where they are: independent detectors, step dead time, clicks well below saturation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.bench.model import PowerMeterDevice, TransmitterDevice
from hil.errors import UsageError
from hil.physics.authentication import net_rate_bps
from hil.physics.counting import counted
from hil.physics.decoy_key import IntensityCounts, decoy_key_bits, first_decoy_key_factor
from hil.physics.entropy import correction_leak_bits
from hil.physics.link_model import link_model, path_loss_db
from hil.physics.pair_prediction import pair_counts_hz, predict_pairs
from hil.physics.received_power import received_power_w
from hil.physics.receiver_rates import click_rates_hz, sifted_rates
from hil.ports.run import Prediction

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.physics.link_model import LinkModel
    from hil.physics.receiver_rates import SiftedRates

__all__ = ["CORRECTION_EFFICIENCY", "dark_counts_hz", "detector_counts_hz", "expected_key_bits", "predict", "tap_power_w"]

CORRECTION_EFFICIENCY = 1.15
"""Assumed of error correction: what it discloses over the Slepian-Wolf limit."""


def predict(bench: Bench, link: str) -> Prediction:
    """Counts, QBER and key rate of a decoy-state BB84 or an entangled link as declared; UsageError for a link of another kind.

    ``counts_hz`` sums the detectors (own dead time only); ``dark_counts_hz`` is per detector, afterpulses included;
    ``qber_ratio`` is that of the key basis after sifting; ``key_rate_bps`` is for the link's block length, authentication paid.
    """
    if link in bench.link and bench.link[link].entangled:
        return predict_pairs(bench, link)
    model = link_model(bench, link)
    rates = sifted_rates(model)
    return Prediction(
        counts_hz=math.fsum(click_rates_hz(model)),
        dark_counts_hz=dark_counts_hz(bench, link),
        qber_ratio=_qber(rates),
        key_rate_bps=net_rate_bps(expected_key_bits(model, rates, model.block_s), model.block_s),
        block_s=model.block_s,
        first_key_block_s=_first_key_block_s(model, rates),
    )


def detector_counts_hz(bench: Bench, link: str) -> dict[str, float]:
    """Clicks per second of each detector with the link's light on, by its name (``alice.z0`` on an entangled link)."""
    if bench.link[link].entangled:
        return pair_counts_hz(bench, link)
    model = link_model(bench, link)
    return dict(zip(model.detectors, click_rates_hz(model), strict=True))


def dark_counts_hz(bench: Bench, link: str) -> float:
    """Clicks per second of one detector without a signal, afterpulses included."""
    model = link_model(bench, link)
    return counted(model.dark_hz, model.counting)


def tap_power_w(bench: Bench, link: str) -> float:
    """Pilot light on the sensor of the power meter in the link's path; UsageError when there is none."""
    declared = bench.link[link]
    sender = bench.device[declared.parties["a"]]
    for element in declared.path:
        meter = bench.device.get(element)
        if isinstance(meter, PowerMeterDevice) and isinstance(sender, TransmitterDevice):
            return received_power_w(sender.pilot_power_w, path_loss_db(bench, link, before=element)) * meter.tap_ratio
    raise UsageError(f"link.{link}.path holds no power meter behind a transmitter; it holds {', '.join(declared.path)}")


def expected_key_bits(model: LinkModel, rates: SiftedRates, block_s: float) -> int:
    """Expected key length of a block; 0 above the QBER limit and where no proof covers the source."""
    if model.proof is None or _qber(rates) > model.qber_limit:
        return 0
    if not any(rates.key):
        return 0
    counts, leak_bits = _counts(rates).scaled(block_s), _leak_bits(model, rates) * block_s
    return decoy_key_bits(counts, model.proof, leak_bits, credit_vacuum=model.vacuum_credited, conditions=model.conditions)


def _first_key_block_s(model: LinkModel, rates: SiftedRates) -> float:
    if model.proof is None or not any(rates.key) or _qber(rates) > model.qber_limit:
        return math.inf
    leak_bits = _leak_bits(model, rates)
    return first_decoy_key_factor(
        _counts(rates), model.proof, leak_bits, credit_vacuum=model.vacuum_credited, conditions=model.conditions
    )


def _leak_bits(model: LinkModel, rates: SiftedRates) -> float:
    """Charged for error correction, per second."""
    return correction_leak_bits(math.fsum(rates.key), _qber(rates), CORRECTION_EFFICIENCY * model.leak_directions)


def _counts(rates: SiftedRates) -> IntensityCounts:
    return IntensityCounts(rates.key, rates.key_errors, rates.test, rates.test_errors)


def _qber(rates: SiftedRates) -> float:
    sifted = math.fsum(rates.key)
    return math.fsum(rates.key_errors) / sifted if sifted else math.nan
