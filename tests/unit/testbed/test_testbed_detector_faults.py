"""What notices faults of detectors and of timing on a twin, and that a fault of zero changes no number."""

from __future__ import annotations

import math
import re
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import FaultWithoutEvidenceError, MissingCapabilityError, UsageError
from hil.physics.afterpulse import mandel_q
from hil.physics.prediction import tap_power_w
from hil.ports.objective import Objective
from hil.slo import photon_counts
from hil.statistics.counts import fano_factor
from hil.testbed.injection.chaos import Chaos
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.ports.run import LinkRun
    from hil.testbed.link import Link

SIGMAS = 4.9
"""One false alarm in a million."""

ZEROS: dict[str, dict[str, Any]] = {
    "efficiency_loss": {"loss_ratio": 0.0},
    "afterpulsing": {"added_ratio": 0.0, "decay_s": 2e-6},
    "dead_time_growth": {"added_s": 0.0},
    "latching": {"within_s": 0.0},
    "saturation": {"gain_db": 0.0},
    "blinding": {"power_w": 0.0},
    "temperature_excursion": {"delta_k": 0.0},
    "detector_ageing": {"age_s": 0.0},
    "timing_jitter": {"sigma_s": 0.0},
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
        assert Slo(link).judge(link.run("200 ms"), "qber")[0].outcome is Outcome.FAIL
    rise = noisy[0] - errors[0]
    assert abs(rise - 0.04) < SIGMAS * math.hypot(noisy[1], errors[1]) + 0.004  # dead time takes a tenth of the afterpulses
    with chaos.afterpulsing("z0", added_ratio=0.3):
        dark = next(one for one in link.count_gates("dark", gates=600, gate="10 s") if one.detector == "z0")
    fano = fano_factor(dark.counts)
    # of n gates a variance is known to sqrt(2 / n)
    assert abs(fano - 1.0 - mandel_q(0.31)) < SIGMAS * fano * math.sqrt(2.0 / 600)
    assert fano - 1.0 > SIGMAS * math.sqrt(2.0 / 600), "a Poisson process would do"


def test_a_longer_dead_time_is_seen_between_clicks(chaos: Chaos, link: Link) -> None:
    """500 ns more is far beyond the tolerance, and the shortest gap is 550 ns; 550 pulses are the last dead one."""
    with chaos.dead_time_growth("z0", added="500 ns"):
        gaps = link.inter_click_gaps("200 ms")
        assert outcome(link, gaps, "dead_time", "z0") is Outcome.FAIL
        assert outcome(link, gaps, "dead_time", "z1") is Outcome.PASS
    own = next(one for one in gaps if one.detector == "z0")
    assert int(np.min(own.gaps)) == 551


def test_a_latching_detector_misses_its_counts(chaos: Chaos, link: Link) -> None:
    """Silent for 100 ms after each quick click, in blocks as between them: a hundredth of the counts and bits is left."""
    before = link.run("200 ms").blocks[0]
    with chaos.latching(within="200 ns", silent="100 ms"):
        assert outcome(link, link.count_gates("lit", gates=20, gate="2 s"), "photon_counts", "z0") is Outcome.FAIL
        during = link.run("200 ms").blocks[0]
    assert during.detections < before.detections / 100
    assert during.sifted_key_bits < before.sifted_key_bits / 100


def test_one_latching_detector_is_out_of_balance(chaos: Chaos, link: Link) -> None:
    """Its own counts are gone, the others' stay, and its basis is out of balance, in blocks as between them."""
    with chaos.latching("bob.z0", within="200 ns", silent="100 ms"):
        gates = link.count_gates("lit", gates=20)
        assert outcome(link, gates, "photon_counts", "z0") is Outcome.FAIL
        assert {outcome(link, gates, "photon_counts", name) for name in ("z1", "x0", "x1")} == {Outcome.PASS}
        found = Slo(link).judge(link.detector_balance("1 s"), "detector_balance")
        assert {one.subject: one.outcome for one in found} == {"bob.z0/z1": Outcome.FAIL, "bob.x0/x1": Outcome.PASS}
        run = link.run("200 ms")
    clicks = {name: int(counts.sum()) for name, counts in run.counts.items()}
    assert clicks["z0"] < clicks["z1"] / 100
    assert clicks["x0"] == pytest.approx(clicks["x1"], rel=0.03)


def test_saturated_detectors_count_another_rate_than_light_lets_expect(chaos: Chaos, link: Link) -> None:
    """13 dB more light: 3 dB that the attenuator opens, 10 dB of the transmitter's; no detector counts beyond 1 / 50 ns."""
    with chaos.saturation(gain="13 dB") as bright:
        assert link.attenuator is not None
        assert link.attenuator.attenuation_db() == 0.0
        assert link.testbed.control.injected("alice", "intensity_scale") == pytest.approx(10.0)
        gates = link.count_gates("lit", gates=20)
        assert outcome(link, gates, "photon_counts", "z0") is Outcome.FAIL
        assert max(float(one.counts.mean()) / one.gate_s for one in gates) < 20e6
    assert bright.healed
    assert link.attenuator.attenuation_db() == 3.0


def test_saturation_within_the_attenuator_leaves_the_source_alone(chaos: Chaos, link: Link) -> None:
    """2 dB are room enough; beyond what a twin can do it says so."""
    with chaos.saturation(gain="2 dB") as bright:
        assert {undo.device for undo in bright.undos} == {"voa"}
    with pytest.raises(MissingCapabilityError, match="20 dB at most"):
        chaos.saturation(gain="30 dB")


def test_a_warm_detector_is_noisy_in_the_dark(chaos: Chaos, link: Link) -> None:
    """62 K are 6.2 doublings of 60 cps, beyond the limit of 100 cps; before and after they are below."""
    with chaos.temperature_excursion(delta="62 K"):
        gates = link.count_gates("dark", gates=20, gate="500 ms")
        assert outcome(link, gates, "dark_counts", "x0") is Outcome.FAIL
        own = next(one for one in gates if one.detector == "x0")
        mean = 60.0 * 2.0**6.2 / 0.99 * own.gate_s * own.counts.size
        assert abs(int(own.counts.sum()) - mean) < SIGMAS * math.sqrt(1.02 * mean)
    assert outcome(link, link.count_gates("dark", gates=20, gate="500 ms"), "dark_counts", "x0") is Outcome.PASS


def test_a_few_kelvin_do_not_show_behind_a_bright_link(chaos: Chaos) -> None:
    """10 K add 60 dark counts a second to a million clicks: no evidence, so nothing may be concluded."""
    with pytest.raises(FaultWithoutEvidenceError, match="dark counts"), chaos.temperature_excursion(delta="10 K"):
        pytest.fail("was entered")


def test_aged_detectors_see_less_and_are_noisier(chaos: Chaos, link: Link) -> None:
    """Three years: 0.99 and 1.1 to the power of 26.28, so 0.768 of the efficiency and 12.2 times the dark counts."""
    with chaos.detector_ageing(age="1095 d") as old:
        assert link.testbed.control.injected("bob", "z0.efficiency") == pytest.approx(0.2 * 0.99**26.28)
        assert link.testbed.control.injected("bob", "z0.dark_count_rate_hz") == pytest.approx(60.0 * 1.1**26.28)
        assert outcome(link, link.count_gates("lit", gates=20), "photon_counts", "z0") is Outcome.FAIL
        assert outcome(link, link.count_gates("dark", gates=20, gate="500 ms"), "dark_counts", "z0") is Outcome.FAIL
    assert old.healed


def test_blinding_leaves_counts_and_a_bright_meter_and_no_dark_counts(chaos: Chaos, link: Link) -> None:
    """20 mW through 4.2 dB of switch, attenuator and tap: the tap's tenth of 20 mW less 3.7 dB, and nothing in the dark."""
    link.up()
    assert link.power_meter is not None
    expected_w = tap_power_w(link.testbed.bench, link.name)
    assert link.power_meter.power_w() == pytest.approx(expected_w, rel=0.1)
    with chaos.blinding(power="20 mW") as attack:
        assert attack.target == "metro"
        assert link.power_meter.power_w() == pytest.approx(0.1 * 0.02 * 10.0**-0.37, rel=0.02)
        assert outcome(link, link.count_gates("lit", gates=20), "photon_counts", "z0") is Outcome.FAIL
        link.emitter.set_emitting(emitting=False)
        gates = link.count_gates("lit", gates=20)
        assert sum(int(one.counts.sum()) for one in gates) == 0, "blind detectors have dark counts"
        link.emitter.set_emitting(emitting=True)
    assert attack.healed
    assert link.power_meter.power_w() == pytest.approx(expected_w, rel=0.1)
    with pytest.raises(UsageError, match="go blind from"):
        chaos.blinding(power="1 mW")


def test_light_behind_a_cut_blinds_nobody(chaos: Chaos, link: Link) -> None:
    """Behind 4.2 dB of path, 3.81 dB of receiver and 50 dB of dark channel 20 mW are 31.6 nW, which detectors count."""
    link.up()
    cut = chaos.fiber_cut()
    with cut, pytest.raises(UsageError, match=r"3\.16e-08 W reach bob"):
        chaos.blinding(power="20 mW")
    assert cut.healed


def test_blinding_an_active_receiver_shows_in_counts_and_not_in_errors() -> None:
    """Half of the bases are not hers, and no error is: what looks at errors alone lets it pass, photon counts do not."""
    with Testbed.open("one-decoy-50km", seed=4) as testbed:
        testbed.begin("blind and active")
        link = cast("Link", testbed.link(next(iter(testbed.bench.link))))
        chaos = Chaos(testbed, link)
        link.ensure_up()
        before = [chaos.bench.glimpse() for _ in range(2)]
        with chaos.blinding(power="20 mW"):
            during = [chaos.bench.glimpse() for _ in range(2)]
            gates = link.count_gates("lit", gates=20)
        testbed.end()
        ratios = [
            (last["wrong_bits"] - first["wrong_bits"]) / (last["sifted_bits"] - first["sifted_bits"])
            for first, last in (before, during)
        ]
        assert ratios[1] < ratios[0]
        x0 = [one for one in gates if one.detector == "x0"]
        assert photon_counts.SPEC.judge(x0, Objective("photon_counts", 0.1, "ratio"))[0].outcome is Outcome.FAIL


def test_jitter_makes_errors(chaos: Chaos, link: Link) -> None:
    """Of slots of 1 ns, erfc(0.5 / (sqrt 2 x 0.3)) = 9.56 % of the clicks leave theirs, and half of those are wrong."""
    before = qber(link.run("400 ms"))
    with chaos.timing_jitter(sigma="300 ps"):
        run = link.run("400 ms")
        assert Slo(link).judge(run, "qber")[0].outcome is Outcome.FAIL
    rise = qber(run)[0] - before[0]
    assert abs(rise - 0.0956 * (0.5 - before[0])) < SIGMAS * math.hypot(qber(run)[1], before[1])


def test_jitter_of_one_detector_makes_errors_of_its_own(chaos: Chaos, link: Link) -> None:
    """Half of the key bits are z0's: errors rise by half of what a whole receiver's would, and none of the test basis."""
    before = qber(link.run("400 ms"))
    with chaos.timing_jitter("bob.z0", sigma="300 ps") as jitter:
        run = link.run("400 ms")
    said = re.search(r"(\d+)% of what was due", jitter.evidence)
    assert said is not None
    assert 70 < int(said[1]) < 130  # of 2.4 % of 20,000 bits, 0.11 % of standard deviation
    assert abs(qber(run)[0] - before[0]) < SIGMAS * math.hypot(qber(run)[1], before[1])


def test_a_link_without_synchronisation_signal_says_so_and_is_down(chaos: Chaos, link: Link) -> None:
    """Clicks are counted, none is delivered, blocks end with that reason; the log has it down, and the next block gives key."""
    with chaos.sync_loss() as lost:
        (block,) = link.run("200 ms").blocks
        down, _ = link.watch("2 min")
    assert "no synchronisation" in block.sentence
    assert block.detections == 0
    assert "sync_loss was in" in block.sentence
    assert down.good == 0
    assert lost.healed
    assert link.run("200 ms").blocks[0].released


def test_a_scheduled_loss_of_synchronisation_is_seen_in_the_blocks_of_a_run(chaos: Chaos, link: Link) -> None:
    """Nobody takes blocks of his own then: those of the run show it, in its time, and that it is over."""
    lost = chaos.at("500 ms").sync_loss(duration="1200 ms")
    run = link.run("3 s")
    assert lost.healed
    assert lost.window is not None
    inside = [
        block for block in run.blocks if block.start_s >= lost.window.start_s and block.end_s <= lost.window.start_s + 1.2
    ]
    assert len(inside) >= 4
    assert all("no synchronisation" in block.sentence for block in inside)
    assert run.blocks[-1].released


class TestTags:
    """A receiver with a clock of its own, at 20 ps of jitter."""

    @pytest.fixture
    def tagged(self, write_bench: Callable[..., Path], tmp_path: Path, fresh_notebook: Any) -> Iterator[Link]:
        temperature = 'detector_temperature = "-40 degC"\n'
        file = write_bench(
            tmp_path / "tagged.toml",
            (temperature, f'{temperature}timing = "tags"\njitter_sigma = "20 ps"\n'),
            ('block = "1 s"', 'block = "200 ms"'),
            ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"),
        )
        with Testbed.open(file, seed=7, log=fresh_notebook) as testbed:
            testbed.begin("tags")
            yield cast("Link", testbed.link("metro"))
            testbed.end()

    def test_timing_faults(self, tagged: Link) -> None:
        """A drift is found by synchronisation, jitter in the spread, and beyond 100 ppm or without signal nothing is found."""
        chaos = Chaos(tagged.testbed, tagged)
        with chaos.clock_drift(rate_ppm=20.0) as drift:
            run = tagged.run("200 ms")
            assert run.series["clock_rate_ppm"][1] == pytest.approx([20.0], abs=0.01)
        assert "+20.000 ppm" in drift.evidence
        with chaos.timing_jitter(sigma="150 ps") as jitter:
            pass
        assert "ps from their pulses" in jitter.evidence
        for make in (partial(chaos.clock_drift, rate_ppm=300.0), chaos.sync_loss):
            with make() as lost:
                assert "could be told by pulse in 0%" in lost.evidence
                assert "no synchronisation" in tagged.run("200 ms").blocks[0].sentence
            assert lost.healed
        after = tagged.run("200 ms")
        assert after.blocks[0].released
        assert after.series["clock_rate_ppm"][1] == pytest.approx([0.0], abs=0.01)


def test_what_a_receiver_cannot_have_is_a_skip(chaos: Chaos) -> None:
    """No clock where electronics assign pulses; and one detector alone does not lose synchronisation."""
    with pytest.raises(MissingCapabilityError, match="no clock that could drift"):
        chaos.clock_drift(rate_ppm=20.0)
    with pytest.raises(UsageError, match="expected the receiver"):
        chaos.sync_loss("z0")


def test_pairs(fresh_notebook: Any) -> None:
    """Either receiver of an entangled link; jitter of a third of a slot makes one in seven pairs miss its partner."""
    with Testbed.open("entangled-metro", seed=4, log=fresh_notebook) as testbed:
        testbed.begin("pairs")
        link = cast("Link", testbed.link(next(iter(testbed.bench.link))))
        chaos = Chaos(testbed, link)
        with chaos.efficiency_loss("alice", loss_ratio=0.3) as loss:
            assert testbed.control.injected("alice", "z0.efficiency") < testbed.control.injected("bob", "z0.efficiency")
        sigma_s = 0.35 / link.pulse_rate_hz
        with chaos.timing_jitter("bob", sigma_s=sigma_s) as jitter:
            assert "sifted bits a second" in jitter.evidence
        with chaos.sync_loss("alice") as lost:
            assert "in 0% of" in lost.evidence
        with pytest.raises(MissingCapabilityError, match="sends pairs"):
            chaos.blinding(power="20 mW")
        assert loss.healed
        assert jitter.healed
        assert lost.healed
        testbed.end()


def test_a_black_box_shows_errors_and_that_it_sifts_nothing(fresh_notebook: Any) -> None:
    """All it tells of is its QBER, its bits and its counts: enough for these, and for no clock."""
    with Testbed.open("metro-25km-black-box", seed=4, log=fresh_notebook) as testbed:
        testbed.begin("black box")
        chaos = Chaos(testbed, cast("Link", testbed.link(next(iter(testbed.bench.link)))))
        with chaos.efficiency_loss(loss_ratio=0.3) as loss:
            assert "fewer counts" in loss.evidence
        with chaos.timing_jitter(sigma="300 ps") as jitter:
            assert "QBER" in jitter.evidence
        with chaos.sync_loss() as lost:
            assert "in 0% of" in lost.evidence
        with pytest.raises(MissingCapabilityError, match="no clock that could drift"):
            chaos.clock_drift(rate_ppm=20.0)
        testbed.end()
    assert [fault.healed for fault in (loss, jitter, lost)] == [True] * 3


def test_what_overlaps_heals_by_what_reads_back(chaos: Chaos, link: Link) -> None:
    """Counts of a cut fibre tell nothing of a detector: it says so, stands as it did, and alone it must show again."""
    loss, cut = chaos.efficiency_loss(loss_ratio=0.5), chaos.fiber_cut()
    with cut, pytest.raises(FaultWithoutEvidenceError):
        loss.__enter__()
    loss = chaos.efficiency_loss(loss_ratio=0.5)
    with loss, chaos.fiber_cut() as cut:
        loss.end()
        assert loss.healed
        assert "fiber_cut was in besides" in loss.healing
        assert link.testbed.control.injected("bob", "z0.efficiency") == 0.2
    assert cut.healed
    with chaos.efficiency_loss(loss_ratio=0.5) as alone:
        pass
    assert "than after healing" in alone.healing
