"""Two parties of an entangled link: equal keys, a ledger that adds up, errors and CHSH values as planted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hil.physics.pair_finite_key import first_pair_key_factor, pair_key_length_bits, phase_error_bound
from hil.pipeline.authentication import KeyPool
from hil.pipeline.entangled import EntangledAlice, EntangledBob
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.estimation import SiftedCounts
from hil.pipeline.pair_estimation import PairPromise
from hil.pipeline.settings import BlockContext, BlockResult, EntangledSettings, KeyFate
from hil.pipeline.stepping import Message, run_pair
from hil.ports.detections import DetectionRecords, DetectorRole, PairSourceDeclaration, ReceiverDeclaration
from hil.seeds import stream

SOURCE = PairSourceDeclaration(1e9, 1e-3, "poisson", 1)
CHSH = ((0, 2), (0, 3), (1, 2), (1, 3))
SPACING = 1000


def receiver(settings: int) -> ReceiverDeclaration:
    roles = tuple(DetectorRole(f"d{number}", number // 2, number % 2) for number in range(2 * settings))
    return ReceiverDeclaration(roles, "passive", 50e-9)


BBM92 = EntangledSettings("pairs", SOURCE, (receiver(2), receiver(2)), qber_limit=0.11)
E91 = EntangledSettings("pairs", SOURCE, (receiver(2), receiver(4)), CHSH, qber_limit=0.11)


def records(pairs: int, correlation: np.ndarray[Any, Any], *, lone: int = 500, seed: int = 4) -> tuple[Any, Any]:
    """Clicks of a and of b: pairs with E[setting of a, setting of b], then events that only one end has."""
    rng = stream(seed, "entangled records", pairs)
    setting = [rng.integers(0, size, pairs) for size in correlation.shape]
    bit = rng.integers(0, 2, pairs)
    other = bit ^ (rng.random(pairs) < (1.0 - correlation[setting[0], setting[1]]) / 2.0)
    found = []
    for own, bits, offset in ((setting[0], bit, 0), (setting[1], other, lone)):
        places = np.concatenate([np.arange(1, pairs + 1), pairs + 1 + offset + np.arange(lone)])
        detector = np.concatenate([2 * own + bits, rng.integers(0, 4, lone)]).astype(np.uint8)
        found.append(DetectionRecords(0, (pairs + 2 * lone + 2) * SPACING, places * SPACING, detector, 1.0))
    return found[0], found[1]


def distil(
    settings: EntangledSettings, raw: tuple[Any, Any], interceptor: Any = None, seed: int = 9
) -> tuple[BlockResult, BlockResult]:
    pre_shared = bytes(range(256)) * 4
    context = BlockContext(0, 0.0, 1.0, 1.0)
    alice = EntangledAlice(settings, KeyPool(pre_shared), SeededEntropy(seed, "alice"))
    bob = EntangledBob(settings, KeyPool(pre_shared), SeededEntropy(seed, "bob"))
    return run_pair(alice.block(context, raw[0]), bob.block(context, raw[1]), interceptor)


def line(result: BlockResult, what: str) -> float:
    return next(entry.value for entry in result.report.ledger if entry.what.startswith(what))


def test_both_ends_release_the_same_key_and_the_same_ledger() -> None:
    """Pairs with 2 % errors in either basis: what both count, disclose and release is the same, and adds up."""
    of_a, of_b = distil(BBM92, records(40_000, np.full((2, 2), 0.96) * np.eye(2)))
    assert of_a.fate is of_b.fate is KeyFate.RELEASED, of_a.report.sentence
    assert of_a.keys == of_b.keys
    assert len(of_a.keys) > 1
    assert of_a.report == of_b.report
    report = of_a.report
    announced, lone = line(of_a, "announced"), line(of_a, "dropped: no partner")
    assert (announced, lone, line(of_a, "coincidences")) == (40_500, 500, 40_000)
    assert report.sifted_key_bits + report.sifted_test_bits + line(of_a, "dropped: other settings") == 40_000
    assert abs(report.sifted_key_bits - 10_000) < 4.9 * math.sqrt(7_500)
    for wrong, bits in ((report.key_errors or 0, report.sifted_key_bits), (report.test_errors, report.sifted_test_bits)):
        assert abs(wrong - 0.02 * bits) < 4.9 * math.sqrt(0.0196 * bits)
    bound = pair_key_length_bits(
        report.sifted_key_bits,
        report.sifted_test_bits,
        report.test_errors,
        report.disclosed_bits,
        epsilon_secrecy=1e-9,
        epsilon_correctness=1e-15,
    )
    assert abs(report.secret_bits - bound) <= 1


@pytest.mark.parametrize("visibility", [0.97, 0.94])
def test_chsh_value_of_the_disclosed_settings(visibility: float) -> None:
    """S = 2 sqrt 2 V within 4.9 of the standard errors that the ledger names; the key comes from equal bases alone."""
    angles = (np.deg2rad([0.0, 45.0]), np.deg2rad([0.0, 45.0, 22.5, 67.5]))
    correlation = visibility * np.cos(2.0 * (angles[0][:, np.newaxis] - angles[1][np.newaxis, :]))
    of_a, of_b = distil(E91, records(120_000, correlation))
    assert of_a.report == of_b.report
    s, error = line(of_a, "CHSH value"), line(of_a, "standard error of S")
    assert abs(s - 2.0 * math.sqrt(2.0) * visibility) < 4.9 * error
    # four settings of 15,000 pairs each, E^2 = V^2 / 2 in each of them
    assert error == pytest.approx(math.sqrt(4.0 * (1.0 - visibility**2 / 2.0) / 15_000), rel=0.02)
    assert of_a.report.released
    assert of_a.keys == of_b.keys
    disclosed = line(of_a, "CHSH settings, disclosed")
    kept = of_a.report.sifted_key_bits + of_a.report.sifted_test_bits
    assert kept + disclosed + line(of_a, "dropped: other settings") == line(of_a, "coincidences")


def test_no_key_above_the_limit() -> None:
    """12 % of errors are above the limit of 11 %; nothing is corrected then."""
    of_a, of_b = distil(BBM92, records(80_000, np.eye(2) * 0.76))
    assert of_a.fate is of_b.fate is KeyFate.DISCARDED
    assert "above the limit of 11 %" in of_a.report.sentence
    assert of_a.report.key_errors is None
    assert not of_a.keys


def test_a_block_that_is_too_short_says_how_long_it_takes() -> None:
    """Of 300 pairs 75 are test bits, whose statistical doubt alone is above one half."""
    of_a, _ = distil(BBM92, records(300, np.eye(2) * 0.98))
    assert of_a.fate is KeyFate.DISCARDED
    assert "it takes about" in of_a.report.sentence


@pytest.mark.parametrize("direction", ["a->b", "b->a"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_changed_message_gives_no_key(direction: str, number: int) -> None:
    """One bit of the sifting changed on its way, and neither end releases anything."""

    def changed(message: Message) -> tuple[bytes, ...]:
        data = bytearray(message.data)
        if (message.direction, message.number) == (direction, number):
            data[len(data) // 2] ^= 4
        return (bytes(data),)

    of_a, of_b = distil(BBM92, records(20_000, np.eye(2) * 0.96), changed)
    assert not of_a.keys
    assert not of_b.keys


@pytest.mark.parametrize("number", range(20))
def test_key_length_agrees_with_the_closed_form(number: int) -> None:
    """The pipeline's bound against that of hil.physics, written from the same paper: within a bit."""
    rng = stream(2, "pair bounds", number)
    key, test = (float(round(10.0 ** rng.uniform(2.0, 7.0))) for _ in range(2))
    errors = float(round(test * rng.uniform(0.0, 0.12)))
    leak, epsilon = key * float(rng.uniform(0.0, 0.3)), float(10.0 ** rng.uniform(-12.0, -3.0))
    promise = PairPromise(epsilon, 1e-15)
    found = promise.estimate(SiftedCounts((key,), (test,), (errors,)))
    assert found.phase_error_ratio == pytest.approx(phase_error_bound(key, test, errors, epsilon), rel=1e-12)
    closed = pair_key_length_bits(key, test, errors, leak, epsilon_secrecy=epsilon, epsilon_correctness=1e-15)
    assert abs(promise.length_bits(found, leak) - closed) <= 1


def test_an_endless_block_tends_to_the_asymptotic_rate() -> None:
    """Shor and Preskill (2000): 1 - 2 h(Q) bits of a sifted bit, and none from 11 % on."""
    entropy = -0.05 * math.log2(0.05) - 0.95 * math.log2(0.95)
    key, test = 1e14, 1e14
    length = pair_key_length_bits(key, test, 0.05 * test, key * entropy, epsilon_secrecy=1e-9, epsilon_correctness=1e-15)
    assert length / key == pytest.approx(1.0 - 2.0 * entropy, rel=1e-5)
    hopeless = -0.12 * math.log2(0.12) - 0.88 * math.log2(0.88)
    factor = first_pair_key_factor(1e4, 1e4, 1200.0, 1e4 * hopeless, epsilon_secrecy=1e-9, epsilon_correctness=1e-15)
    assert math.isinf(factor)


def test_key_length_by_hand() -> None:
    """10^4 key and test bits, 2 %, epsilons 1e-9 and 1e-15, with a table of logarithms.

    ln(4e9) = 22.10956, mu^2 = 2 * 1.0001 * 22.10956 / 1e4, mu = 0.0665008; h(0.0865008) = 0.305447 + 0.119234.
    """
    length = pair_key_length_bits(1e4, 1e4, 200.0, 2000.0, epsilon_secrecy=1e-9, epsilon_correctness=1e-15)
    assert phase_error_bound(1e4, 1e4, 200.0, 1e-9) == pytest.approx(0.0865008, abs=1e-7)
    assert length == pytest.approx(1e4 * (1.0 - 0.424681) - 2000.0 - 1.0 - 59.795 - 49.829, abs=1.5)
