"""The key pipeline: error rate, key rate, key length, and that both ends hold the same."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.bench.model import ReceiverDevice
from hil.errors import Inconclusive, MissingCapabilityError
from hil.physics.decoy_key import Conditions, IntensityCounts, decoy_key_bits, decoy_proof
from hil.physics.pair_finite_key import pair_key_length_bits
from hil.ports.run import LinkRun
from hil.statistics.randomness import FEWEST_BITS, p_values

if TYPE_CHECKING:
    from hil import Link, Slo
    from hil.ports.run import BlockReport

pytestmark = pytest.mark.hil_needs("receiver")

FALSE_ALARMS = 1e-6
"""Chance that random keys fail the tests of randomness, all of them together."""


def _decoy_counts(block: BlockReport, intensities: int) -> IntensityCounts:
    """The block's counts by basis and intensity, as its report has them."""
    bits: Counter[tuple[int, int]] = Counter()
    errors: Counter[tuple[int, int]] = Counter()
    for intensity, basis, sifted, wrong in block.by_intensity:
        bits[basis, intensity] += sifted
        errors[basis, intensity] += wrong or 0
    parts = ([counted[basis, number] for number in range(intensities)] for basis in (0, 1) for counted in (bits, errors))
    return IntensityCounts(*parts)


def _decoy_bound(link: Link, block: BlockReport) -> int:
    """Of a decoy-state link; one decoy or two, as its source declares."""
    proof, source = link.declared.proof, link.source
    if len(source.intensities) not in {2, 3}:
        raise MissingCapabilityError(
            f"the bounds take a signal and one or two decoys; {link.name} has {len(source.intensities)} intensities"
        )
    epsilons = proof.epsilon_secrecy, proof.epsilon_correctness
    ours = decoy_proof(source.intensities, source.probabilities, *epsilons)
    counts = _decoy_counts(block, len(source.intensities))
    flaws = link.transmitter_declared.intensity_uncertainty, link.receiver_declared.efficiency_ratio
    return decoy_key_bits(
        counts,
        ours,
        block.disclosed_bits,
        credit_vacuum=proof.leakage == "both-directions",
        conditions=Conditions(proof.bounds == "exact", *flaws),
    )


def _pair_bound(link: Link, block: BlockReport) -> int:
    """Of an entangled link."""
    proof, devices = link.declared.proof, [link.testbed.bench.device[name] for name in link.declared.parties.values()]
    ratio = math.prod(device.efficiency_ratio for device in devices if isinstance(device, ReceiverDevice))
    return pair_key_length_bits(
        block.sifted_key_bits,
        block.sifted_test_bits,
        block.test_errors,
        block.disclosed_bits,
        epsilon_secrecy=proof.epsilon_secrecy,
        epsilon_correctness=proof.epsilon_correctness,
        conditions=Conditions(exact=proof.bounds == "exact", efficiency_ratio=ratio),
    )


def _of_pairs(link: Link, *, having: bool) -> LinkRun:
    """A block of a link that has such pairs; of another, with nothing to look at, a run of no time at all."""
    if having:
        return link.run(link.declared.block_s)
    now_s = link.testbed.now_s()
    return LinkRun(link.name, link.level, link.simulated, now_s, now_s, (), 0, {}, 1.0, None)


def test_quantum_bit_error_rate(link: Link, slo: Slo) -> None:
    """The QBER of the sifted key is below its limit; run block after block until that is clear."""
    slo.decide("qber", budget=8.0 * link.declared.block_s)


def test_secret_key_rate(link: Link, slo: Slo) -> None:
    """The net secret key rate reaches the minimum and the contract; run block after block until that is clear."""
    slo.decide("key_rate", "contract_key_rate", budget=8.0 * link.declared.block_s)


def test_entanglement_fidelity(link: Link, slo: Slo) -> None:
    """Distributed pairs are near the ideal state; a prepare-and-measure link has none."""
    slo.check(_of_pairs(link, having=link.declared.entangled), "entanglement_fidelity")


def test_chsh_value(link: Link, slo: Slo) -> None:
    """Pairs violate CHSH's inequality, where the receivers measure its settings."""
    slo.declare("chsh")
    slo.check(_of_pairs(link, having=link.declared.protocol == "e91"), "chsh")


def test_both_ends_hold_the_same_keys(link: Link) -> None:
    """Every key of a run has one ID and the same bits at both ends, and no two keys are alike."""
    run = link.run(2.0 * link.declared.block_s)
    keys = link.released()
    assert keys, "; ".join(block.sentence for block in run.blocks) or "the link delivered no key"
    different = [key_id for key_id, of_a, of_b in keys if of_a != of_b]
    assert not different, f"{len(different)} of {len(keys)} keys differ between the two ends, the first is {different[0]}"
    assert len({key_id for key_id, _, _ in keys}) == len(keys), "a key ID was used twice"
    assert len({of_a.fingerprint() for _, of_a, _ in keys}) == len(keys), "two keys have the same bits"


def test_keys_look_random(link: Link) -> None:
    """Ten tests of NIST SP 800-22 on the keys of a run, one end's; a sanity check that finds stuck or biased keys, no proof."""
    run = link.run(2.0 * link.declared.block_s)
    keys = [of_a for _, of_a, _ in link.released()]
    bits = np.unpackbits(np.frombuffer(b"".join(key.reveal() for key in keys), dtype=np.uint8))
    if bits.size < FEWEST_BITS:
        said = "; ".join(block.sentence for block in run.blocks)
        raise Inconclusive(f"{bits.size:,} bits of key; the tests of randomness take {FEWEST_BITS:,} or more ({said})")
    found = p_values(bits)
    least = FALSE_ALARMS / len(found)
    link.testbed.record(
        "table",
        title="Do the keys look random?",
        columns=("p-value",),
        rows=tuple((f"{p:.3g}",) for p in found.values()),
        row_names=tuple(found),
        row_title="test of NIST SP 800-22",
        sentences=(
            f"{bits.size:,} bits of {len(keys):,} keys; each p-value has to be at least {least:.2g}.",
            f"Random keys miss that in one run of {1.0 / FALSE_ALARMS:,.0f}.",
            "A sanity check: it finds keys that are stuck, biased or repeat themselves, and says nothing about who knows them.",
        ),
        link=link.name,
    )
    off = {name: p for name, p in found.items() if p < least}
    assert not off, "keys that are not random by " + ", ".join(f"{name} (p = {p:.2g})" for name, p in off.items())


@pytest.mark.hil_level("L3")
def test_key_length_keeps_within_an_independent_bound(link: Link) -> None:
    """No block releases more than the finite-key bound, computed anew from its counts, and none wastes a tenth of it."""
    bound_of = _pair_bound if link.declared.entangled else _decoy_bound
    for block in link.run(2.0 * link.declared.block_s).blocks:
        bound = bound_of(link, block)
        assert block.secret_bits <= bound, f"block {block.sequence} released {block.secret_bits} bits, {bound} are allowed"
        assert block.secret_bits > 0.9 * bound, f"block {block.sequence}: {block.secret_bits} of {bound} bits; {block.sentence}"


@pytest.mark.hil_level("L3")
def test_the_ledger_adds_up(link: Link) -> None:
    """Every block says what it spent: fewer bits out than sifted and not disclosed, and authentication is paid for."""
    run = link.run(2.0 * link.declared.block_s)
    for block in run.blocks:
        assert block.ledger, f"block {block.sequence} has no ledger"
        assert block.disclosed_bits > 0
        assert block.authentication_bits > 0
        assert block.secret_bits <= block.sifted_key_bits - block.disclosed_bits
        assert block.sifted_key_bits + block.sifted_test_bits <= block.detections
    assert run.net_secret_bits == sum(block.secret_bits - block.authentication_bits for block in run.blocks)
    delivered = sum(of_a.bit_length for _, of_a, _ in link.released())
    assert delivered <= run.net_secret_bits


@pytest.mark.hil_level("L3")
@pytest.mark.hil_needs("twin")
def test_nothing_is_released_above_the_qber_limit(link: Link) -> None:
    """A receiver so misaligned that the QBER passes the proof's limit makes no key, and says why."""
    link.up()
    link.testbed.control.inject(link.receiver.name, "misalignment", link.declared.proof.qber_limit + 0.05)
    run = link.run(2.0 * link.declared.block_s)
    assert [block.secret_bits for block in run.blocks] == [0, 0]
    assert not link.released()
    assert all("QBER" in block.sentence for block in run.blocks), run.blocks[0].sentence
