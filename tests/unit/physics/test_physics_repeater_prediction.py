"""A repeater chain's prediction against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from hil.bench import load
from hil.errors import UsageError
from hil.physics.repeater_prediction import predict_repeater


def test_the_shipped_chain_by_hand() -> None:
    """Ten memories fill in 200 us, longer than 25 km of light take; everything from there on written out.

    0.091^2 at both ends and 5 dB give 2.6187e-3 an attempt, 2.5881e-2 a period of ten. Two such links take
    (3 - 2p) / (p (2 - p)) periods, and the outcome of the swap needs 25 km of light, 122.4 us.
    """
    single = 0.091**2 * 10**-0.5
    p = 1 - (1 - single) ** 10
    period_s, light_s = 10 / 50e3, 25.0 / (299792.458 / 1.468)
    round_s = (3 - 2 * p) / (p * (2 - p)) * period_s + light_s
    d = 2 * period_s / 1.0
    x, q = math.exp(-d), 1 - p
    waiting = p / (2 - p) * (1 + 2 * q * x / (1 - q * x))
    # both memories of both links until heralded, and both ends until they learn of the swap
    stored = math.exp(-6 * light_s)
    werner = ((4 * 0.92 - 1) / 3) ** 2 * (4 * 0.97 - 1) / 3 * waiting * stored
    found = predict_repeater(load("repeater-2"), "backbone")
    assert found.round_s == pytest.approx(round_s)
    assert found.rate_hz == pytest.approx(0.9 / round_s)
    assert found.fidelity == pytest.approx((3 * werner + 1) / 4)
    assert found.swap_success == 0.9


def test_a_link_without_segments_is_refused() -> None:
    with pytest.raises(UsageError, match="no repeater chain"):
        predict_repeater(load("metro-25km"), "metro")
