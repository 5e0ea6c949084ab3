"""A recording of photon pairs: found, paired, sifted, corrected and verified by two parties, and what it cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.testbed.recordings.recording_claims import sentences

if TYPE_CHECKING:
    from hil import Slo
    from hil.testbed.recordings.recorded_link import RecordedLink

pytestmark = pytest.mark.hil_needs("recording")


def test_the_recording_shows_coincidences(link: RecordedLink) -> None:
    """A delay stands out, and far more pairs fall into its window than chance would put there."""
    analysis = link.analysis()
    _, pairs = analysis.all_pairs
    print("\n".join(sentences(analysis)))
    assert pairs > 10.0 * analysis.pairs_by_chance, f"{pairs} pairs, {analysis.pairs_by_chance:.1f} expected by chance"


def test_both_parties_correct_to_the_same_bits(link: RecordedLink) -> None:
    """Alice's and Bob's corrected and verified bits are the same, and every sifted bit is accounted for."""
    (block,) = link.run().blocks
    analysis = link.analysis()
    exchanged = analysis.exchanged
    assert exchanged is not None
    assert exchanged.agree, f"the parties' corrected bits differ: {block.sentence}"
    assert exchanged.corrected_bits == block.sifted_key_bits > 0
    assert block.key_errors == sum(errors for errors, _ in analysis.groups)


def test_error_rate_of_the_recording(link: RecordedLink, slo: Slo) -> None:
    """The QBER of the sifted pairs is below its limit, errors counted exactly by correction."""
    slo.declare("qber")
    slo.check(link.run(), "qber")


def test_no_key_is_claimed(link: RecordedLink) -> None:
    """Nothing is released from a recording in one setting, and the sentences say which claims it cannot support."""
    run = link.run()
    assert run.net_secret_bits == 0
    assert not any(block.released or block.secret_bits for block in run.blocks)
    said = " ".join(sentences(link.analysis()))
    for claim in ("secret key", "fidelity"):
        assert claim in said, f"nothing is said about {claim}: {said}"


def test_entanglement_fidelity_of_the_recording(link: RecordedLink, slo: Slo) -> None:
    """Fidelity takes coincidences in two complementary bases; with one it is not judged."""
    slo.check(link.visibility_counts(), "entanglement_fidelity")
