"""Two recordings of one source, each in its own clock, as a link."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from hil.bench.loader import load
from hil.bench.model import RecordingDevice
from hil.clock import VirtualClock
from hil.drivers.recording import RecordedTags
from hil.ports.spec import DeviceSettings
from hil.testbed.recordings.recorded_link import RecordedLink

DELAY_PS, RATE, ERRORS, PAIRS = 2_750_000, 4e-6, 40, 2000


@pytest.fixture
def analysis(tmp_path):
    """Alice's quTAG (1 ps) and Bob's readevents (1/256 ns) of 2000 pairs in a second, 40 wrong, with 150 ps of jitter."""
    random = np.random.default_rng(5)
    times = np.sort(random.integers(0, 10**12, PAIRS))
    setting, bit = random.integers(0, 2, (2, PAIRS))
    wrong = np.isin(np.arange(PAIRS), random.choice(PAIRS, ERRORS, replace=False))
    hers, his = 2 * setting + bit, 2 * setting + (bit ^ wrong)
    there = np.rint((times * (1 + RATE) + DELAY_PS + random.normal(0, 150, PAIRS)) * 0.256).astype(np.int64)
    order = np.argsort(there, kind="stable")
    alice, bob = tmp_path / "a.bin", tmp_path / "b.dat"
    alice.write_bytes(b"".join(struct.pack("<qH", t, c) for t, c in zip(times.tolist(), hers.tolist(), strict=True)))
    start = 30 * 256 * 10**9  # Bob's clock began half a minute earlier
    bob.write_bytes(b"".join(struct.pack("<Q", (start + int(there[n])) << 10 | 1 << int(his[n])) for n in order))
    declared = RecordingDevice(driver="recording", file=str(alice), file_b=str(bob), format="", window_s=2e-9)
    driver = RecordedTags(DeviceSettings(name="recording", resource="", clock=VirtualClock(), declared=declared))
    driver.open()
    link = RecordedLink(
        "pairs", load("recorded-pairs").link["pairs"], driver, declared, seed=1, record=lambda kind, **data: None
    )
    assert Fraction(1 / driver.tick_s) == 32 * 10**12  # 3.90625 ps is 125 / 32 ps
    return link.analysis(), (int(there[order[0]]) / 0.256 - int(times[0]))


def test_delay_rate_and_errors_come_back(analysis):
    """The clocks' rate within 5 standard errors, the delay within 5 of its own, and every pair with its result."""
    seen, first_apart_ps = analysis
    assert abs(seen.measured_rate_ppm - 1e6 * RATE) < 5 * seen.rate_error_ppm
    delay_ps = seen.delay_ticks / 32 + first_apart_ps
    expected_ps = DELAY_PS
    assert abs(delay_ps - expected_ps) < 5 * 150  # one jitter: the peak's highest bin, stated in whole ticks
    assert seen.all_pairs == (ERRORS, PAIRS)
    assert seen.sifted == (ERRORS, PAIRS)
