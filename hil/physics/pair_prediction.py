"""What an entangled link should count and deliver, from its bench file alone.

Composes closed forms: pair coincidences, the arms' fibres, counting, BBM92 with finite blocks. Afterpulses, scattered light of
traffic and photons that dispersion or jitter puts beside their slot count as background to the slot they fall on; where both
photons of a pair fall into the same slot they coincide. Gates of both ends open together in every slot that is a multiple of
both periods. Valid for clicks well below saturation; photons in other slots are exact for Poissonian pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from hil.physics.authentication import net_rate_bps
from hil.physics.channel_model import polarisation_error, raman_photons_hz, slot_shares
from hil.physics.counting import counted
from hil.physics.dead_time import all_alive
from hil.physics.decoy_key import Conditions
from hil.physics.entropy import correction_leak_bits
from hil.physics.link_model import elements_loss_db, leak_directions
from hil.physics.pair_coincidences import PairEnd, PairPulse, chsh_value, click_probability, coincidences
from hil.physics.pair_finite_key import first_pair_key_factor, pair_key_length_bits
from hil.physics.receiver_model import counting_of, gate_every, seen_slots, spread_over_slots
from hil.ports.run import Prediction

if TYPE_CHECKING:
    from hil.bench.model import Bench, PairSourceDevice, ReceiverDevice

__all__ = ["PairRates", "pair_counts_hz", "pair_rates", "predict_pairs"]

Party = Literal["a", "b"]

_CORRECTION_EFFICIENCY = 1.15


@dataclass(frozen=True)
class PairRates:
    """Sifted pairs and errors per second of both bases, and the CHSH value where its settings are measured, else nan."""

    key_hz: float
    key_errors_hz: float
    test_hz: float
    test_errors_hz: float
    chsh: float


def predict_pairs(bench: Bench, link: str) -> Prediction:
    """Counts of both receivers, QBER of the key basis and key rate of an entangled link as declared.

    ``dark_counts_hz`` is that of one detector of b.
    """
    declared = bench.link[link]
    rates, proof = pair_rates(bench, link), declared.proof
    qber_ratio = rates.key_errors_hz / rates.key_hz if rates.key_hz else math.nan
    efficiency = _CORRECTION_EFFICIENCY * leak_directions(declared)
    leak_hz = correction_leak_bits(rates.key_hz, qber_ratio, efficiency) if rates.key_hz else 0.0
    counts = (rates.key_hz, rates.test_hz, rates.test_errors_hz, leak_hz)
    epsilons = {"epsilon_secrecy": proof.epsilon_secrecy, "epsilon_correctness": proof.epsilon_correctness}
    ends = (cast("ReceiverDevice", bench.device[name]) for name in declared.parties.values())
    conditions = Conditions(proof.bounds == "exact", efficiency_ratio=math.prod(end.efficiency_ratio for end in ends))
    usable = rates.key_hz > 0.0 and qber_ratio <= proof.qber_limit
    block = tuple(rate * declared.block_s for rate in counts)
    bits = pair_key_length_bits(block[0], block[1], block[2], block[3], **epsilons, conditions=conditions) if usable else 0
    receiver = cast("ReceiverDevice", bench.device[declared.parties["b"]])
    *_, opened = seen_slots(receiver, 1.0 / _rate_hz(bench, link))
    return Prediction(
        counts_hz=math.fsum(pair_counts_hz(bench, link).values()),
        dark_counts_hz=counted(receiver.dark_count_rate_hz * opened, counting_of(receiver, opened)),
        qber_ratio=qber_ratio,
        key_rate_bps=net_rate_bps(bits, declared.block_s),
        block_s=declared.block_s,
        first_key_block_s=first_pair_key_factor(*counts, **epsilons, conditions=conditions) if usable else math.inf,
    )


def pair_counts_hz(bench: Bench, link: str, *, lit: bool = True) -> dict[str, float]:
    """Clicks per second of each detector of both receivers, named ``alice.z0``."""
    pulse, ends = _model(bench, link)
    found = {}
    for party, end in ends.items():
        name = bench.link[link].parties[party]
        device = cast("ReceiverDevice", bench.device[name])
        *_, opened = seen_slots(device, 1.0 / _rate_hz(bench, link))
        counting = counting_of(device, opened)
        for number, detector in enumerate(device.detectors):
            offered_hz = device.dark_count_rate_hz * opened
            if lit:
                open_hz = _rate_hz(bench, link) / _every(bench, link, party)
                offered_hz = open_hz * click_probability(pulse, end, number // 2)
            found[f"{name}.{detector}"] = counted(offered_hz, counting)
    return found


def pair_rates(bench: Bench, link: str) -> PairRates:
    """Sifted pairs per second under the common dead-time rule of either end."""
    pulse, ends = _model(bench, link)
    counts, rate_hz = pair_counts_hz(bench, link), _rate_hz(bench, link)
    alive, dead_s = 1.0, []
    for party, end in ends.items():
        name = bench.link[link].parties[party]
        device = cast("ReceiverDevice", bench.device[name])
        clicks = [counts[f"{name}.{detector}"] for detector in device.detectors]
        *_, opened = seen_slots(device, 1.0 / rate_hz)
        counting = counting_of(device, opened)
        alive *= all_alive(clicks, counting.dead_time_s)
        dead_s.append(counting.dead_time_s)
        again_hz = counting.afterpulse_probability * math.fsum(clicks) / len(clicks)
        ends[party] = replace(end, background=end.background + again_hz * _every(bench, link, party) / rate_hz)
    a, b = ends["a"], ends["b"]
    settings = [(i, j) for i in range(len(a.shares)) for j in range(len(b.shares))]
    open_hz = rate_hz / math.lcm(_every(bench, link, "a"), _every(bench, link, "b"))
    together_hz = open_hz * math.fsum(coincidences(pulse, a, b, i, j).kept for i, j in settings)
    # one pair of photons makes both ends dead at once
    alive *= 1.0 + together_hz * min(dead_s)
    key, test = (coincidences(pulse, a, b, basis, basis) for basis in (0, 1))
    s = chsh_value(pulse, a, b) if len(b.shares) > 2 else math.nan
    scale = open_hz * alive
    return PairRates(scale * key.kept, scale * key.different, scale * test.kept, scale * test.different, s)


def _rate_hz(bench: Bench, link: str) -> float:
    return cast("PairSourceDevice", bench.device[bench.link[link].source]).pulse_rate_hz


def _every(bench: Bench, link: str, party: Party) -> int:
    """Every how many slots this end's gates open."""
    device = cast("ReceiverDevice", bench.device[bench.link[link].parties[party]])
    return gate_every(device, 1.0 / _rate_hz(bench, link))


def _model(bench: Bench, link: str) -> tuple[PairPulse, dict[Party, PairEnd]]:
    """What leaves the source, and what either end makes of it in a slot in which its gate opens."""
    declared = bench.link[link]
    source = cast("PairSourceDevice", bench.device[declared.source])
    visibility = (source.visibility_key, source.visibility_test)
    ends: dict[Party, PairEnd] = {}
    spreads: list[tuple[float, ...]] = []
    for party, name in declared.parties.items():
        device = cast("ReceiverDevice", bench.device[name])
        way, where = declared.along(party), f"link.{link}.arm.{party}"
        loss_db = elements_loss_db(bench, where, way, way.path) + device.insertion_loss_db
        seen = 10.0 ** (-loss_db / 10.0) * device.efficiency
        *_, opened = seen_slots(device, 1.0 / source.pulse_rate_hz)
        every = _every(bench, link, party)
        spread = _spread(slot_shares(way.fibre, source.pulse_rate_hz), spread_over_slots(device, 1.0 / source.pulse_rate_hz))
        own = spread[len(spread) // 2]
        spreads.append(spread)
        scattered = 0.0
        if way.fibre is not None and "fibre" in way.path:
            behind = way.path[way.path.index("fibre") + 1 :]
            behind_db = elements_loss_db(bench, where, way, behind) + device.insertion_loss_db
            scattered = raman_photons_hz(way.fibre) * 10.0 ** (-behind_db / 10.0) * device.efficiency
        rotated = polarisation_error(way.fibre)
        key = device.key_basis_probability
        ends[party] = PairEnd(
            transmittance=seen * own,
            background=-math.expm1(-device.dark_count_rate_hz * opened * every / source.pulse_rate_hz),
            stray=scattered * opened * every / source.pulse_rate_hz + (math.fsum(spread) - own) * seen * source.mean_pairs,
            misalignment=device.misalignment * (1.0 - rotated) + (1.0 - device.misalignment) * rotated,
            angles_deg=device.angles_deg,
            shares=device.angle_probabilities or (key, 1.0 - key),
            active=device.basis_choice == "active",
        )
    same = math.fsum(a * b for a, b in zip(*spreads, strict=True))
    together = same / (spreads[0][len(spreads[0]) // 2] * spreads[1][len(spreads[1]) // 2])
    return PairPulse(source.mean_pairs, source.statistics, source.modes, visibility, together), ends


def _spread(dispersed: tuple[float, float], late: tuple[float, ...]) -> tuple[float, ...]:
    """Share of the photons in each slot: ``late`` by jitter, of those that dispersion left in their slot and put beside it."""
    own, beside = dispersed
    padded = (0.0, *late, 0.0)
    return tuple(own * at + beside * (before + after) for before, at, after in zip(padded, late, padded[2:], strict=False))
