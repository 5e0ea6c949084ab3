"""What notices faults of detectors and of timing on a twin, and that a fault of zero changes no number."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.physics.afterpulse import mandel_q
from hil.statistics.counts import fano_factor
from hil.testbed.chaos import Chaos
from hil.testbed.slo import Slo
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.ports.run import LinkRun
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

SIGMAS = 4.9
"""One false alarm in a million."""

ZEROS: dict[str, dict[str, Any]] = {
    "efficiency_loss": {"loss_ratio": 0.0},
    "afterpulsing": {"added_ratio": 0.0, "decay_s": 2e-6},
    "dead_time_growth": {"added_s": 0.0},
}


@pytest.fixture
def chaos(testbed: Testbed, link: Link) -> Chaos:
    return Chaos(testbed, link)


def outcome(link: Link, observed: Any, indicator: str, detector: str) -> Outcome:
    """The verdict of one detector."""
    verdicts = Slo(link).judge([one for one in observed if one.detector == detector], indicator)
    return verdicts[0].outcome


def qber(run: LinkRun) -> tuple[float, float]:
    """Of the test basis, and its standard deviation."""
    errors, bits = (sum(getattr(block, name) for block in run.blocks) for name in ("test_errors", "sifted_test_bits"))
    return errors / bits, math.sqrt(errors) / bits


def numbers(testbed: Testbed, fault: str = "") -> tuple[Any, ...]:
    """Of a run that begins 40 s after its link was lit, with a fault of zero in, or none."""
    testbed.begin("the same numbers")
    link = cast("Link", testbed.link("metro"))
    link.up()
    begin_s = testbed.now_s() + 40.0
    with getattr(Chaos(testbed, link), fault)(**ZEROS[fault]) if fault else nullcontext():
        testbed.clock.sleep(begin_s - testbed.now_s())
        (block,) = link.run("200 ms").blocks
    testbed.end()
    # errors of the key basis are counted where key is made, and in a window of any fault none is
    sifted = tuple((number, basis, bits, wrong if basis else None) for number, basis, bits, wrong in block.by_intensity)
    return block.detections, sifted


@pytest.fixture(scope="module")
def without(opened: Testbed) -> tuple[Any, ...]:
    return numbers(opened)


@pytest.mark.parametrize("fault", ZEROS)
def test_zero_changes_no_number(opened: Testbed, without: tuple[Any, ...], fault: str) -> None:
    """Nothing is moved, so the same seed gives the same detections, sifted bits and test errors by intensity."""
    assert numbers(opened, fault) == without


def test_a_loss_of_efficiency_is_missed_counts_of_that_detector_alone(chaos: Chaos, link: Link) -> None:
    """30 % are beyond the 10 % that photon counts may be off; the other detectors pass."""
    with chaos.efficiency_loss("z0", loss_ratio=0.3) as loss:
        gates = link.count_gates("lit", gates=20)
        assert outcome(link, gates, "photon_counts", "z0") is Outcome.FAIL
        assert outcome(link, gates, "photon_counts", "z1") is Outcome.PASS
    assert loss.healed
    assert outcome(link, link.count_gates("lit", gates=20), "photon_counts", "z0") is Outcome.PASS


def test_a_loss_of_efficiency_costs_key(chaos: Chaos, link: Link) -> None:
    """Half of the detections, half of the sifted bits, within what dead time gives back; without a fault they are all there."""
    before = link.run("200 ms").blocks[0].sifted_key_bits
    with chaos.efficiency_loss(loss_ratio=0.5):
        during = link.run("200 ms").blocks[0].sifted_key_bits
    assert 0.50 < during / before < 0.58


def test_afterpulses_show_in_errors_and_in_the_spread_of_counts(chaos: Chaos, link: Link) -> None:
    """P more afterpulses: P / 2 of errors by the common formula, and gates that spread by 2 P / (1 - P) more in the dark."""
    errors = qber(link.run("400 ms"))
    with chaos.afterpulsing(added_ratio=0.08):
        noisy = qber(link.run("400 ms"))
        dark = next(one for one in link.count_gates("dark", gates=4000, gate="10 s") if one.detector == "z0")
        assert Slo(link).judge(link.run("200 ms"), "qber")[0].outcome is Outcome.FAIL
    rise = noisy[0] - errors[0]
    assert abs(rise - 0.04) < SIGMAS * math.hypot(noisy[1], errors[1]) + 0.004  # dead time takes a tenth of the afterpulses
    fano = fano_factor(dark.counts)
    # of n gates a variance is known to sqrt(2 / n)
    assert abs(fano - 1.0 - mandel_q(0.09)) < SIGMAS * fano * math.sqrt(2.0 / 4000)
    assert fano - 1.0 > SIGMAS * math.sqrt(2.0 / 4000), "a Poisson process would do"


def test_a_longer_dead_time_is_seen_between_clicks(chaos: Chaos, link: Link) -> None:
    """500 ns more is far beyond the tolerance, and the shortest gap is 550 ns; 550 pulses are the last dead one."""
    with chaos.dead_time_growth("z0", added="500 ns"):
        gaps = link.inter_click_gaps("200 ms")
        assert outcome(link, gaps, "dead_time", "z0") is Outcome.FAIL
        assert outcome(link, gaps, "dead_time", "z1") is Outcome.PASS
    own = next(one for one in gaps if one.detector == "z0")
    assert int(np.min(own.gaps)) == 551
