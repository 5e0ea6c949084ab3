"""The repeaterless bound at the points its paper names."""

from __future__ import annotations

import math

import pytest

from hil.physics.repeaterless import repeaterless_bits_per_pulse


@pytest.mark.parametrize(("loss_db", "bits"), [(10 * math.log10(2), 1.0), (10 * math.log10(4 / 3), 2.0), (50.0, 1.44e-5)])
def test_known_points(loss_db: float, bits: float) -> None:
    """One bit at 3 dB, two at three quarters, 1.44 times the transmittance far out (Pirandola et al. 2017)."""
    assert repeaterless_bits_per_pulse(loss_db) == pytest.approx(bits, rel=2e-3)


def test_ends() -> None:
    """No loss, no bound; next to none, a large one; a gain is refused."""
    assert repeaterless_bits_per_pulse(0.0) == math.inf
    assert repeaterless_bits_per_pulse(1e-18) > 50
    assert 0.0 < repeaterless_bits_per_pulse(2000.0) < 1e-190
    with pytest.raises(ValueError, match="0 dB or more"):
        repeaterless_bits_per_pulse(-1.0)
