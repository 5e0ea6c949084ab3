"""What a run of a link shows of an eavesdropper, and of a source that no proof covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.physics.decoy_key import IntensityCounts, decoy_key_bits, decoy_proof
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.testbed.link import Link


def test_intercept_resend_is_errors_and_no_key(link: Link) -> None:
    """All pulses intercepted: a QBER of 25 % in the test basis, no key, and the reason in words."""
    link.testbed.control.inject(link.name, "intercept_fraction", 1.0)
    run = link.run("1 s")
    for block in run.blocks:
        assert not block.released
        assert 0.22 < block.test_errors / block.sifted_test_bits < 0.28
        assert "QBER of the test basis" in block.sentence


def test_splitting_is_no_key_at_the_usual_errors(link: Link) -> None:
    """Photon-number splitting: the QBER stays, the decoys leave no single photons to make key of."""
    honest = link.run("1 s")
    link.testbed.control.inject(link.name, "splitting_fraction", 1.0)
    run = link.run("1 s")
    assert any(block.released for block in honest.blocks)
    for block in run.blocks:
        assert not block.released
        assert block.test_errors / block.sifted_test_bits < 0.03
        assert "no block gives key, however long" in block.sentence


def test_a_source_without_a_proof_is_counted_and_gives_no_key(write_bench: Callable[..., Path], tmp_path: Path) -> None:
    """Phases that are not random: every block is sifted by both intensities and ends in words; the prediction says none too."""
    file = write_bench(
        tmp_path / "constant-phase.toml",
        ("intensities = [0.55, 0.25, 2e-4]", "intensities = [0.55, 0.2]"),
        ("intensity_probabilities = [0.4, 0.4, 0.2]", 'intensity_probabilities = [0.7, 0.3]\nphase = "constant"'),
        ('block = "1 s"', 'block = "100 ms"'),
    )
    with Testbed.open(file, seed=7) as testbed:
        testbed.begin("constant phase")
        run = testbed.link("metro").run("200 ms")
        testbed.end()
    for block in run.blocks:
        assert not block.released
        assert "no proof covers this source: the proof takes pulses of random phase" in block.sentence
        assert len(block.by_intensity) == 4
        assert all(bits > 0 for _, _, bits, _ in block.by_intensity)
    assert run.prediction is not None
    assert run.prediction.key_rate_bps == 0.0


def test_one_decoy_gives_key(write_bench: Callable[..., Path], tmp_path: Path) -> None:
    """Two intensities are distilled by the bound for one decoy, to a bit the yardstick's of the counts that were verified."""
    file = write_bench(
        tmp_path / "one-decoy.toml",
        ("intensities = [0.55, 0.25, 2e-4]", "intensities = [0.55, 0.2]"),
        ("intensity_probabilities = [0.4, 0.4, 0.2]", "intensity_probabilities = [0.7, 0.3]"),
    )
    with Testbed.open(file, seed=7) as testbed:
        testbed.begin("one decoy")
        run = testbed.link("metro").run("1 s")
        testbed.end()
    (block,) = run.blocks
    assert block.released, block.sentence
    assert run.prediction is not None
    assert block.secret_bits == pytest.approx(run.prediction.key_rate_bps, rel=0.1)
    rows = {(basis, number): (float(bits), float(errors or 0)) for number, basis, bits, errors in block.by_intensity}
    counts = IntensityCounts(*([rows[basis, number][what] for number in (0, 1)] for basis in (0, 1) for what in (0, 1)))
    proof = decoy_proof((0.55, 0.2), (0.7, 0.3), 1e-9, 1e-15)
    assert abs(block.secret_bits - decoy_key_bits(counts, proof, block.disclosed_bits)) <= 1
