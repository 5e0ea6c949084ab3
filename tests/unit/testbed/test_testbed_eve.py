"""What a run of a link shows of an eavesdropper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
