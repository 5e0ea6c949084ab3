"""The prediction for a bench file, against the figures the default bench was designed for and a simulation of its own."""

from __future__ import annotations

import heapq
import math
from dataclasses import replace as altered
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.bench.model import Fibre
from hil.errors import UsageError
from hil.physics.authentication import AUTHENTICATION_BITS, net_rate_bps
from hil.physics.link_model import LinkModel, calibration_uncertainty, link_model, path_loss_db
from hil.physics.prediction import dark_counts_hz, detector_counts_hz, expected_key_bits, predict, tap_power_w
from hil.physics.receiver_rates import click_rates_hz, sifted_rates
from hil.pipeline.authentication import KEY_BITS
from hil.pipeline.release import KEYS_A_TO_B, KEYS_B_TO_A
from hil.seeds import stream

if TYPE_CHECKING:
    from hil.bench.model import Bench


@pytest.fixture(scope="module")
def metro() -> Bench:
    return load("metro-25km")


def _with(bench: Bench, *, km: float = 25.0, **receiver: object) -> Bench:
    link = replace(bench.link["metro"], fibre=Fibre(length_km=km))
    return replace(bench, device=bench.device | {"bob": replace(bench.device["bob"], **receiver)}, link={"metro": link})


def test_default_bench_before_dead_time(metro: Bench) -> None:
    """Without dead time, with its correction charged in one direction, 0.6 Mbit/s at 1.3 % QBER, as it was designed to.

    The other direction costs 1.15 h(0.0126), 0.112 of 2.25 Mbit/s sifted in the key basis.
    """
    free = _with(metro, dead_time_s=0.0)
    loose = replace(free.link["metro"], proof=replace(free.link["metro"].proof, leakage="error-pattern"))
    assert predict(replace(free, link={"metro": loose}), "metro").key_rate_bps == pytest.approx(0.6e6, rel=0.1)
    expected = predict(free, "metro")
    assert expected.key_rate_bps == pytest.approx(0.6e6 - 0.112 * 2.25e6, rel=0.1)
    assert expected.qber_ratio == pytest.approx(0.013, abs=5e-4)
    # 1 GHz, mean 0.32004 photons, 20 dB, afterpulses of 1 %, four times 60 cps
    assert expected.counts_hz == pytest.approx((1e9 * 0.32004 * 0.01 + 240) / 0.99, rel=2e-3)


def test_authentication_is_paid(metro: Bench) -> None:
    """As the pipeline spends it: three keys of 256 bits a block; from what a block of 20 s of berlin60 gives, 38.4 bit/s."""
    assert (KEYS_A_TO_B + KEYS_B_TO_A) * KEY_BITS == AUTHENTICATION_BITS == 768
    model = link_model(metro, "metro")
    assert predict(metro, "metro").key_rate_bps == expected_key_bits(model, sifted_rates(model), 1.0) - 768.0
    assert net_rate_bps(2_779, 20.0) == pytest.approx(138.95 - 38.4)
    assert predict(load("berlin60"), "pairs").key_rate_bps == pytest.approx(100.55, abs=0.05)
    assert net_rate_bps(700, 1.0) == 0.0


def test_dead_time_costs_counts_and_key(metro: Bench) -> None:
    """50 ns take the share n tau of each detector's clicks, and more of the key: an event needs all four ready."""
    free, dead = predict(_with(metro, dead_time_s=0.0), "metro"), predict(metro, "metro")
    assert dead.counts_hz / free.counts_hz == pytest.approx(1 / (1 + 1.34e6 * 50e-9), rel=0.02)
    assert dead.key_rate_bps / free.key_rate_bps == pytest.approx(0.83, abs=0.03)
    assert dead.first_key_block_s > free.first_key_block_s


def test_sixty_kilometres_more(metro: Bench) -> None:
    """At 85 km, 12 dB more, a block of one second gives no key any more, and one of a few seconds would."""
    far = predict(_with(metro, km=85.0), "metro")
    near = predict(metro, "metro")
    assert far.key_rate_bps == 0.0
    assert 1.0 < far.first_key_block_s < 60.0
    assert far.counts_hz == pytest.approx(near.counts_hz * 10**-1.2, rel=0.07)
    model = link_model(_with(metro, km=85.0), "metro")
    assert expected_key_bits(model, sifted_rates(model), far.first_key_block_s * 1.01) > 0


def test_bad_benches_are_predicted_bad(metro: Bench) -> None:
    """6 % misalignment and 100,000 cps give no key; a QBER beyond the limit gives none however long the block."""
    crooked = predict(_with(metro, misalignment=0.06), "metro")
    assert crooked.key_rate_bps == 0.0
    assert crooked.qber_ratio == pytest.approx(0.065, abs=0.002)
    assert predict(_with(metro, dark_count_rate_hz=1e5), "metro").qber_ratio > 0.02
    hopeless = predict(_with(metro, misalignment=0.09), "metro")
    assert math.isinf(hopeless.first_key_block_s)


def test_detectors_and_darkness(metro: Bench) -> None:
    """Counts are named by detector, key basis first; in the dark each counts 60.61 cps."""
    counts = detector_counts_hz(metro, "metro")
    assert list(counts) == ["z0", "z1", "x0", "x1"]
    assert counts["z0"] == pytest.approx(counts["z1"], rel=1e-12)
    assert counts["z0"] > 4 * counts["x0"]
    assert sum(counts.values()) == pytest.approx(predict(metro, "metro").counts_hz)
    assert dark_counts_hz(metro, "metro") == pytest.approx(60 / 0.99, rel=1e-4)


def test_losses_add_up_to_twenty_decibels(metro: Bench) -> None:
    """Fibre 5, switch 0.7, attenuator 3, tap 0.5, receiver 3.81 and efficiency 6.99 dB make 20 dB."""
    assert path_loss_db(metro, "metro") == pytest.approx(9.2)
    assert path_loss_db(metro, "metro", before="voa") == pytest.approx(5.7)
    assert link_model(metro, "metro").transmittance == pytest.approx(0.01, rel=1e-3)


def test_tap_sees_a_tenth_of_the_pilot(metro: Bench) -> None:
    """-20 dBm less 8.7 dB of path and 10 dB of tap are -38.7 dBm: 135 nW."""
    assert tap_power_w(metro, "metro") == pytest.approx(10 ** (-38.7 / 10) * 1e-3)


def test_calibrations_of_the_path(metro: Bench) -> None:
    """The meter's 5 % at k = 2 is 4.9 % at 95 %; outside its dates nothing can be decided with it."""
    assert calibration_uncertainty(metro, "metro", date(2026, 7, 1)) == pytest.approx(0.05 / 2 * 1.96)
    assert math.isinf(calibration_uncertainty(metro, "metro", date(2100, 1, 1)))
    assert math.isinf(calibration_uncertainty(metro, "metro", date(2026, 5, 1)))


def test_refuses_what_it_does_not_cover(metro: Bench) -> None:
    """An unknown link, a link of another kind, a path without a meter and two detectors each say so."""
    with pytest.raises(UsageError, match="has no link 'paris'; it has metro"):
        predict(metro, "paris")
    with pytest.raises(UsageError, match="cover bb84-decoy"):
        predict(replace(metro, link={"metro": replace(metro.link["metro"], parties={"a": "bob", "b": "alice"})}), "metro")
    with pytest.raises(UsageError, match="no power meter"):
        tap_power_w(replace(metro, link={"metro": replace(metro.link["metro"], path=("fibre", "voa"))}), "metro")
    with pytest.raises(UsageError, match="does not hold 'meter2'"):
        path_loss_db(metro, "metro", before="meter2")
    with pytest.raises(UsageError, match="what does it lose"):
        path_loss_db(replace(metro, link={"metro": replace(metro.link["metro"], path=("stage",))}), "metro")
    with pytest.raises(UsageError, match="cover four"):
        predict(_with(metro, detectors=("a", "b")), "metro")


def test_a_source_without_a_proof_is_counted_and_gives_no_key(metro: Bench) -> None:
    """Phases that are not random: counts and QBER as ever (the signal's clicks as with three), no key at any length of block.

    With random ones the two intensities give key by the bound for one decoy, less than three do here.
    """
    alice = replace(metro.device["alice"], intensities=(0.55, 0.25), intensity_probabilities=(0.5, 0.5))
    found = predict(replace(metro, device=metro.device | {"alice": replace(alice, phase="constant")}), "metro")
    assert found.key_rate_bps == 0.0
    assert math.isinf(found.first_key_block_s)
    one_decoy = predict(replace(metro, device=metro.device | {"alice": alice}), "metro")
    assert 0.0 < one_decoy.key_rate_bps < predict(metro, "metro").key_rate_bps
    assert found.counts_hz == pytest.approx(predict(metro, "metro").counts_hz * 0.4 / 0.32, rel=0.07)  # dead time takes 6 %
    assert 0.008 < found.qber_ratio < 0.02


def test_active_and_passive_choice_agree_on_the_light(metro: Bench) -> None:
    """Choosing actively sends the same photons to the same detectors on average; only double clicks differ."""
    passive = link_model(metro, "metro")
    active = altered(passive, passive=False)
    assert click_rates_hz(active) == pytest.approx(click_rates_hz(passive), rel=5e-3)
    assert sum(sifted_rates(active).key) == pytest.approx(sum(sifted_rates(passive).key), rel=1e-2)


def test_dark_fibre_predicts_dark_counts(metro: Bench) -> None:
    """Behind 1000 km nothing but dark counts remains, half of them errors, and no key."""
    dark = predict(_with(metro, km=1000.0), "metro")
    assert dark.counts_hz == pytest.approx(4 * 60 / 0.99, rel=1e-3)
    assert dark.qber_ratio == pytest.approx(0.5, abs=1e-3)
    assert dark.key_rate_bps == 0.0


def _simulate(model: LinkModel, pulses: int) -> tuple[np.ndarray, int, int]:
    """Click by click: one photon at a time, dark counts left out, afterpulses drawn after the dead time.

    Returns clicks per detector, sifted key bits and their errors.
    """
    random = stream(11, "event-simulation")
    photons = random.poisson(pulses * model.transmittance * np.dot(model.proof.intensities, model.proof.probabilities))
    slots = np.sort(random.integers(0, pulses, size=photons))
    alice = np.where(random.random(photons) < model.key_basis_sent, 0, 1)
    bob = np.where(random.random(photons) < model.key_basis_received, 0, 1)
    bit = random.integers(0, 2, size=photons)
    wrong = np.where(alice == bob, random.random(photons) < model.misalignment, random.random(photons) < 0.5)
    dead = round(model.counting.dead_time_s * model.pulse_rate_hz)
    queue = list(zip(slots.tolist(), (2 * bob + (bit ^ wrong)).tolist(), (2 * alice + bit).tolist(), strict=True))
    ready, clicks, last = [0, 0, 0, 0], np.zeros(4, dtype=np.int64), -dead - 1
    sifted = errors = 0
    lots = iter(random.random(6 * photons).tolist())
    while queue:
        slot, detector, sent = heapq.heappop(queue)
        if slot < ready[detector]:
            continue
        clicks[detector] += 1
        ready[detector] = slot + dead
        if slot - last >= dead and detector < 2 and sent < 2:
            sifted += 1
            errors += detector != sent
        last = slot
        if next(lots) < model.counting.afterpulse_probability:  # falls on a pulse of random basis and bit
            late = slot + dead + int(-1000 * math.log(1 - next(lots)))
            other = (0 if next(lots) < model.key_basis_sent else 2) + (next(lots) < 0.5)
            heapq.heappush(queue, (late, detector, other))
    return clicks, sifted, errors


def test_rates_against_an_event_simulation(metro: Bench) -> None:
    """Clicks, sifted bits and errors under the common dead-time rule agree with a click-by-click simulation of 50 ms."""
    model = link_model(metro, "metro")
    pulses = 50_000_000
    clicks, sifted, errors = _simulate(model, pulses)
    seconds = pulses / model.pulse_rate_hz
    assert clicks.sum() / seconds == pytest.approx(sum(click_rates_hz(model)), rel=0.01)
    rates = sifted_rates(model)
    assert sifted / seconds == pytest.approx(sum(rates.key), rel=0.015)
    # misalignment 0.8 % and half of the afterpulses: 0.15 % is four standard deviations of 115,000 bits
    assert errors / sifted == pytest.approx(sum(rates.key_errors) / sum(rates.key), abs=1.5e-3)
