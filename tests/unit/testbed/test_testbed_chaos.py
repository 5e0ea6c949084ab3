"""Faults on the twin of a link: in blocks, in time, on top of each other, and when something goes wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from hil.errors import (
    DeviceTimeoutError,
    FaultUseError,
    FaultWithoutEvidenceError,
    HealingError,
    MissingCapabilityError,
    ObjectiveMissedError,
    UnknownNameError,
    UsageError,
)
from hil.suites.contracts.fault_contract import WatchedBench
from hil.testbed.injection import chaos as chaos_module
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings
    from hil.testbed.link import Link
    from tests.unit.testbed.conftest import Notebook


@pytest.fixture
def chaos(testbed: Testbed, link: Link) -> Chaos:
    return Chaos(testbed, link)


def settings(link: Link) -> tuple[float, float, float]:
    """What the three shipped faults move."""
    assert link.switch is not None
    assert link.temperature_controller is not None
    dark_hz = link.testbed.control.injected("bob", "z0.dark_count_rate_hz")
    return link.switch.channel(), link.temperature_controller.setpoint_c(), dark_hz


def break_and_raise(testbed: Testbed, error: BaseException) -> None:
    """The fibre really breaks, and then the test fails."""
    testbed.control.inject("metro", "excess_loss_db", 150.0)
    raise error


class Mute(WatchedBench):
    """A bench whose receiver does not answer, from the start or once something was moved."""

    def __init__(self, bench: FaultBench, *, after_the_move: bool = False) -> None:
        super().__init__(bench)
        self._after_the_move = after_the_move

    def clicks(self, device: str) -> Readings:
        if self.moves or not self._after_the_move:
            raise DeviceTimeoutError(device, "no answer within 2 s")
        return super().clicks(device)


class Stuck(WatchedBench):
    """A bench whose switch says yes and does not move."""

    def write(self, device: str, setting: str, value: float) -> None:
        if setting != "channel":
            super().write(device, setting, value)


def stick_and_raise(chaos: Chaos, error: BaseException) -> None:
    """The switch does not move any more, and then the test ends."""
    chaos.bench = Stuck(chaos.bench)
    raise error


HEALTHY = (1, 30.0, 60.0)  # of the bench file: through channel, set point in degC, dark counts in Hz


class TestInARun:
    """Faults and the blocks they touch."""

    def test_a_cut_takes_the_key_and_gives_it_back(self) -> None:
        """No block of in-fault detections releases key, the next one after healing does; the ledger names the fault."""
        with Testbed.open("metro-25km", seed=8) as testbed:
            testbed.begin("a cut takes the key")
            link = cast("Link", testbed.link("metro"))
            with Chaos(testbed, link).fiber_cut():
                cut = link.run("2 s")
            after = link.run("1 s")
        assert len(cut.blocks) == 2
        assert not any(block.released for block in cut.blocks)
        assert {fault for block in cut.blocks for fault in block.faults} == {"fiber_cut"}
        assert after.blocks[0].released
        assert not after.blocks[0].faults

    def test_a_scheduled_cut_comes_and_goes_in_the_middle_of_a_run(self, chaos: Chaos, link: Link) -> None:
        """It acts while the run waits, at its time and for its time, and the run's counts show when."""
        cut = chaos.at("1 s").fiber_cut(duration="600 ms")
        start_s = link.testbed.now_s()
        run = link.run("2400 ms")
        assert cut.healed
        assert cut.window is not None
        assert cut.window.start_s == pytest.approx(start_s + 1.0, abs=1e-6)
        # the switch takes 50 ms either way, and healing is seen in a look or two of 50 ms
        assert start_s + 1.6 < cut.window.end_s < start_s + 1.8
        total = sum(run.counts.values())
        # 240 Hz of dark counts and 30 Hz of leak against three million: none in 100 ms comes near a thousand
        inside = total[11:15]
        assert inside.max() < 1_000
        assert total[:9].min() > 100_000
        assert total[20:].min() > 100_000
        assert run.faults == (cut.window,)

    def test_drift_makes_errors(self, chaos: Chaos, link: Link) -> None:
        """Ten kelvins away misalignment grows (0.15 % each, of the bench file), and the scheduled end heals it meanwhile."""
        quiet = link.run("1 s")
        drift = chaos.thermal_drift(delta="10 K", duration="60 s")
        with drift:
            link.testbed.clock.sleep(59.0)
            warm = link.run("400 ms")
        rates = [run.blocks[0].test_errors / run.blocks[0].sifted_test_bits for run in (quiet, warm)]
        # 0.8 % + 9.5 K x 0.15 %/K of misalignment, less dark counts and afterpulses that both have
        assert rates[1] - rates[0] == pytest.approx(0.0142, abs=0.003)
        assert drift.healed
        assert settings(link) == HEALTHY

    def test_it_is_recorded_with_what_was_seen(self, chaos: Chaos, link: Link, notebook: Notebook) -> None:
        """The record has one event of the fault, its window, and the words of both looks."""
        with chaos.dark_count_spike(link.receiver, rate_hz=20_000):
            pass
        (event,) = notebook.of("fault")
        assert (event["fault"], event["target"], event["link"]) == ("dark_count_spike", "bob", "metro")
        assert event["commanded"] == "dark_count_spike rate 20000 Hz"
        assert event["healed"]
        assert "standard deviations" in event["evidence"]
        assert "standard deviations" in event["healing"]
        (window,) = link.windows
        assert (event["start_s"], event["end_s"]) == (window.start_s, window.end_s)


class TestTargets:
    """What a fault acts on."""

    def test_one_detector(self, chaos: Chaos, testbed: Testbed) -> None:
        """By its own name; the others keep their dark counts."""
        with chaos.dark_count_spike("x0", rate="20 kHz") as spike:
            assert spike.target == "bob.x0"
            rates = [testbed.control.injected("bob", f"{name}.dark_count_rate_hz") for name in ("x0", "x1", "z0")]
            assert rates == [20_060.0, 60.0, 60.0]

    @pytest.mark.parametrize("target", ["bob", "alice", "nobody", "switch.z0"])
    def test_what_it_cannot_act_on(self, chaos: Chaos, target: str) -> None:
        """Refused, with the role it needs and the devices that have it."""
        with pytest.raises(UsageError, match="expected a switch: switch"):
            chaos.fiber_cut(target)

    def test_a_typo(self, chaos: Chaos) -> None:
        """The nearest fault is named, and Python may still ask whether it is there."""
        with pytest.raises(UnknownNameError, match="did you mean 'fiber_cut'"):
            chaos.fibre_cut()
        with pytest.raises(UnknownNameError, match=r"did you mean 'fiber_cut'.* wrong_peer$"):
            chaos.at("1 s").fiber_cud()
        assert not hasattr(chaos, "power_cut")

    def test_all_that_is_wrong_with_a_call(self, chaos: Chaos) -> None:
        """Setting, duration, waveform and target in one go; what is no target at all is shown as it was given."""
        with pytest.raises(FaultUseError) as caught:
            chaos.dark_count_spike("nobody", rate=3, duration="three", waveform="ramp")
        assert [mistake.where for mistake in caught.value.mistakes] == ["rate", "duration", "waveform", "target"]
        assert all(line.startswith("dark_count_spike: ") for line in str(caught.value).split("\n"))
        with pytest.raises(FaultUseError, match=r"^macrobend_loss: target: found 3\.5; expected a device, by its name"):
            chaos.macrobend_loss(3.5, loss_db=3)
        with pytest.raises(FaultUseError, match=r"^chaos: at: found 'soon'; expected a time above zero"):
            chaos.at("soon")

    def test_a_black_box_shows_a_cut_in_what_it_claims(self) -> None:
        """At L0 there are no counters; the box's own count rate falls and returns."""
        with Testbed.open("metro-25km-black-box", seed=3) as testbed:
            testbed.begin("black box")
            chaos = Chaos(testbed, cast("Link", testbed.link(testbed.links[0])))
            with chaos.fiber_cut() as cut:
                assert cut.injected
            assert cut.healed


class TestOnTopOfEachOther:
    """Nested and overlapping faults."""

    def test_nested_ones_heal_inside_out(self, chaos: Chaos, link: Link) -> None:
        """Each leaves what the outer ones did."""
        link.up()
        with chaos.thermal_drift(delta="2 K") as drift:
            with chaos.dark_count_spike(rate="20 kHz") as spike, chaos.fiber_cut() as cut:
                assert settings(link) == (4, 32.0, 20_060.0)
            assert settings(link) == (1, 32.0, 60.0)
            assert cut.healed
            assert spike.healed
            assert not drift.healed
        assert settings(link) == HEALTHY

    def test_the_one_on_top_heals_what_one_below_found(self, chaos: Chaos, link: Link) -> None:
        """Half a dark count a second cannot be seen and is taken back, under a spike, which heals to 60 Hz and not to 60.5."""
        chaos.at("10 ms").dark_count_spike(rate_hz=0.5)
        with chaos.dark_count_spike(rate="20 kHz") as spike:
            assert settings(link)[2] == 20_060.5
            with pytest.raises(
                FaultWithoutEvidenceError, match=r"rate 0\.5 Hz.*clicks of light may hide it: link\.transmitter"
            ):
                link.testbed.clock.sleep(5.0)
            assert settings(link)[2] == 20_060.5
        assert spike.healed
        assert settings(link) == HEALTHY

    def test_the_one_below_waits_for_the_one_on_top(self, chaos: Chaos, link: Link) -> None:
        """Two drifts of one stage that overlap: the first ends while the second is in, and both end where it began."""
        link.up()
        first = chaos.at("1 s").thermal_drift(delta="2 K", duration="20 s")
        second = chaos.at("10 s").thermal_drift(delta="3 K", duration="30 s")
        link.testbed.clock.sleep(30.0)
        assert first.state == "in"  # its 20 s are over
        assert settings(link)[1] == 35.0
        link.testbed.clock.sleep(400.0)
        assert first.healed
        assert second.healed
        assert settings(link) == HEALTHY
        assert first.window is not None
        assert second.window is not None
        assert first.window.end_s >= second.window.end_s

    def test_leaving_the_outer_one_heals_the_later_one_first(self, chaos: Chaos, link: Link) -> None:
        """A scheduled fault on the same setting that is still in does not survive the one below it."""
        link.up()
        with chaos.thermal_drift(delta="2 K"):
            later = chaos.at("1 s").thermal_drift(delta="3 K")
            link.testbed.clock.sleep(20.0)
            assert later.injected
        assert later.healed
        assert settings(link) == HEALTHY

    def test_what_is_left_heals_at_the_end_of_the_test(self, testbed: Testbed, link: Link, notebook: Notebook) -> None:
        """Also without anybody's help, before the bench is parked."""
        chaos = Chaos(testbed, link)
        left = chaos.at("1 s").thermal_drift(delta="2 K")
        testbed.clock.sleep(20.0)
        assert left.injected
        testbed.end()
        assert left.healed
        assert len(notebook.of("fault")) == 1

    def test_what_came_last_goes_first(self, testbed: Testbed, link: Link) -> None:
        """Of two faults that have no setting in common, and of one fault's own moves: healed in the order they did not come."""
        chaos = Chaos(testbed, link)
        link.up()
        watched = chaos.bench = WatchedBench(chaos.bench)
        chaos.at(0).thermal_drift(delta="2 K")
        chaos.at("1 s").saturation(gain="10 dB")  # 3 dB of the attenuator, then 7 dB of the source
        testbed.clock.sleep(20.0)
        came = [(move.device, move.setting) for move in watched.moves]
        assert came == [("stage", "setpoint_c"), ("voa", "attenuation_db"), ("alice", "intensity_scale")]
        testbed.end()
        assert [(move.device, move.setting) for move in watched.moves[3:]] == came[::-1]


def test_two_walks_of_a_test_differ_and_those_of_its_repetition_do_not(testbed: Testbed, chaos: Chaos, link: Link) -> None:
    """Each fault of a test has a seed of its own, from the run's."""

    def walks(of: Chaos) -> list[object]:
        return [of.at("1 s").dark_count_spike(rate="20 kHz", waveform="random-walk 1 s").waveform for _ in range(2)]

    one, other = walks(chaos)
    assert one != other
    assert walks(Chaos(testbed, link)) == [one, other]


def test_the_guardian_knows_before_anything_moves(chaos: Chaos, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told the undo first, and may forget it once that was carried out: as if the twin were hardware."""
    link.up()
    did: list[str] = []
    monkeypatch.setattr(chaos_module, "is_real", lambda *_: True)
    monkeypatch.setattr(
        chaos,
        "_guardian",
        SimpleNamespace(
            hold=lambda _number, undos, *_, **__: did.append(f"told {[(undo.device, undo.value) for undo in undos]}"),
            release=lambda _number, **_: did.append("released"),
        ),
    )
    watched = chaos.bench = WatchedBench(chaos.bench)
    watched.before_move = lambda: did.append("moved")
    with chaos.fiber_cut():
        pass
    assert did == ["told [('switch', 1)]", "moved", "moved", "released"]


class TestTrouble:
    """What a fault does when the bench, or the test, does not do its part."""

    def test_a_cut_that_does_not_cut(self, chaos: Chaos, link: Link, testbed: Testbed) -> None:
        """A switch that leaks everything reads back dark, but counts stay: no evidence, and it is taken back."""
        link.up()
        testbed.control.inject("switch", "isolation_db", 0.0)
        with pytest.raises(FaultWithoutEvidenceError, match="channel 4; counts went from 30"), chaos.fiber_cut():
            pytest.fail("was entered")
        assert settings(link) == HEALTHY
        (window,) = link.windows
        assert window.evidence == ""

    def test_a_cut_of_a_dark_link(self, chaos: Chaos, link: Link) -> None:
        """Nothing was counted before, so nothing can show."""
        link.up()
        link.transmitter.set_emitting(emitting=False)
        with pytest.raises(FaultWithoutEvidenceError), chaos.fiber_cut():
            pytest.fail("was entered")
        assert settings(link) == HEALTHY

    def test_a_second_cut(self, chaos: Chaos) -> None:
        """A link that is cut cannot be cut; that is said before anything moves."""
        with chaos.fiber_cut() as cut:
            with pytest.raises(FaultWithoutEvidenceError, match="stands on channel 4"):
                chaos.fiber_cut()
            assert not cut.healed
        assert cut.healed

    def test_healing_that_does_not_show(self, chaos: Chaos, link: Link, testbed: Testbed, notebook: Notebook) -> None:
        """The switch is back but the fibre is really gone: an error of the bench, recorded as not healed."""
        with pytest.raises(HealingError, match="fiber_cut on switch"), chaos.fiber_cut() as cut:
            testbed.control.inject("metro", "excess_loss_db", 150.0)
        assert not cut.healed
        assert cut.state == "broken"
        assert not notebook.of("fault")[-1]["healed"]
        testbed.control.inject("metro", "excess_loss_db", 0.0)
        cut.end()  # repaired, and tried again
        assert cut.healed

    def test_healing_never_hides_what_failed_inside(self, chaos: Chaos, testbed: Testbed) -> None:
        """Both are told: the healing as the outcome, the test's own failure as its cause."""
        cut = chaos.fiber_cut()
        with pytest.raises(HealingError) as raised, cut:
            break_and_raise(testbed, ObjectiveMissedError("QBER 9 %"))
        assert isinstance(raised.value.__cause__, ObjectiveMissedError)
        assert any("QBER 9 %" in note for note in raised.value.__notes__)
        testbed.control.inject("metro", "excess_loss_db", 0.0)
        cut.end()

    def test_what_cannot_be_looked_at_is_healed_all_the_same(self, chaos: Chaos, link: Link) -> None:
        """A receiver that stops answering keeps nobody from putting the switch back, but the healing stays unseen."""
        mended = chaos.bench
        with pytest.raises(HealingError, match="could not be looked at: bob: no answer"), chaos.fiber_cut() as cut:
            chaos.bench = Mute(mended)
        assert settings(link) == HEALTHY
        chaos.bench = mended
        cut.end()
        assert cut.healed

    def test_a_fault_that_cannot_be_looked_at_is_taken_back(self, chaos: Chaos, link: Link) -> None:
        """The receiver stops answering once the switch has moved: nothing stays in that nobody could see."""
        chaos.bench = Mute(chaos.bench, after_the_move=True)
        with pytest.raises(DeviceTimeoutError, match="no answer"), chaos.fiber_cut():
            pytest.fail("was entered")
        assert settings(link) == HEALTHY

    def test_a_switch_that_sticks_is_told(self, chaos: Chaos, link: Link) -> None:
        """Healing that the actuator does not carry out is an error with what it reads back; the others heal regardless."""
        mended = chaos.bench
        cut = chaos.fiber_cut()
        with (
            pytest.raises(HealingError, match="switch reads back channel 4, expected 1"),
            chaos.thermal_drift(delta="2 K") as drift,
            cut,
        ):
            chaos.bench = Stuck(mended)
        assert cut.state == "broken"
        assert drift.healed
        chaos.bench = mended
        cut.end()
        assert settings(link) == HEALTHY

    def test_ctrl_c_stays_ctrl_c(self, chaos: Chaos, testbed: Testbed) -> None:
        """Whoever stops a run stops it, with a note of what could not be healed."""
        cut, mended = chaos.fiber_cut(), chaos.bench
        with pytest.raises(KeyboardInterrupt) as raised, cut:
            stick_and_raise(chaos, KeyboardInterrupt())
        assert any("switch reads back channel 4, expected 1" in note for note in raised.value.__notes__)
        chaos.bench = mended
        cut.end()

    def test_light_switched_off_meanwhile(self, chaos: Chaos, link: Link) -> None:
        """A link that was taken down while it was cut heals by its switch alone, and says so."""
        with chaos.fiber_cut() as cut:
            link.down()
        assert cut.healed
        assert "counts cannot tell" in cut.healing

    def test_a_spike_too_small_to_be_seen(self, chaos: Chaos) -> None:
        """Ten dark counts among three million clicks: without evidence, so nothing may be concluded from it."""
        with pytest.raises(FaultWithoutEvidenceError, match="standard deviations"), chaos.dark_count_spike(rate_hz=10):
            pytest.fail("was entered")

    def test_what_was_not_seen_is_taken_back_from_below_a_later_one(self, chaos: Chaos, link: Link) -> None:
        """The later one stands on what the first one set; were the first taken back alone, the later would put that back."""
        chaos.at("1500 ms").dark_count_spike(rate="20 kHz", duration="20 s")
        with pytest.raises(FaultWithoutEvidenceError), chaos.dark_count_spike(rate_hz=10):
            pytest.fail("was entered")
        chaos.finish()
        assert settings(link) == HEALTHY

    def test_a_scheduled_fault_that_is_too_short_to_be_seen(self, chaos: Chaos, link: Link) -> None:
        """Its time is up before the stage moved: said where the bench was waited for, and taken back."""
        chaos.at("1 s").thermal_drift(delta="2 K", duration="200 ms")
        with pytest.raises(FaultWithoutEvidenceError, match=r"in for 0\.2 s only"):
            link.testbed.clock.sleep(5.0)
        assert settings(link) == HEALTHY

    def test_a_fault_whose_time_never_came(self, testbed: Testbed, link: Link, notebook: Notebook) -> None:
        """It is said so, and nothing is claimed."""
        late = Chaos(testbed, link).at("1 h").fiber_cut(duration="1 s")
        testbed.end()
        assert not late.injected
        assert late.state == "never"
        assert not notebook.of("fault")
        assert "never injected" in notebook.of("note")[0]["text"]

    def test_a_fault_that_was_forgotten(self, testbed: Testbed, link: Link, notebook: Notebook) -> None:
        """Made without `with`, nothing was broken; a test must not pass like that."""
        Chaos(testbed, link).fiber_cut()
        with pytest.raises(UsageError, match="never entered"):
            testbed.end()
        assert not notebook.of("note")  # nothing of a time that had not come

    def test_a_handle_is_entered_once(self, chaos: Chaos) -> None:
        """Another fault is another handle."""
        with chaos.fiber_cut() as cut:
            pass
        with pytest.raises(UsageError, match="entered before"), cut:
            pytest.fail("was entered")

    def test_a_link_without_a_controller(self, chaos: Chaos, monkeypatch: pytest.MonkeyPatch, link: Link) -> None:
        """A skip with the role's name."""

        def lacking(role: str) -> str:
            raise MissingCapabilityError(f"link metro has no {role}")

        monkeypatch.setattr(link, "device_of_role", lacking)
        with pytest.raises(MissingCapabilityError, match="temperature-controller"):
            chaos.thermal_drift(delta="2 K")


@pytest.fixture
def trace(testbed: Testbed, link: Link) -> list[tuple[object, ...]]:
    """Three runs of one schedule, each on a world reset the same way."""
    traces: list[tuple[object, ...]] = []
    for _ in range(3):
        testbed.begin("one schedule")
        chaos = Chaos(testbed, link)
        cut = chaos.at("300 ms").fiber_cut(duration="200 ms")
        spike = chaos.at("2 s").dark_count_spike(rate="30 kHz", duration="1500 ms")
        gates = link.count_gates("lit", gates=50)
        testbed.end()
        counts = [one.counts.tolist() for one in gates]
        traces.append((cut.window, spike.window, cut.healing, spike.healing, counts))
    return traces


def test_the_same_schedule_gives_the_same_faults(trace: list[tuple[object, ...]]) -> None:
    """Windows, words and counts are a function of the seed and the schedule."""
    assert trace[0] == trace[1] == trace[2]


def test_a_fault_too_short_to_be_seen_keeps_no_other_one_from_healing(chaos: Chaos, link: Link) -> None:
    """Its trouble comes while the switch goes back, and is raised once the cut is seen healed: the cut is not to blame."""
    cut = chaos.fiber_cut()
    with pytest.raises(FaultWithoutEvidenceError, match="too short to be seen"), cut:
        chaos.at("260 ms").dark_count_spike(link.receiver, rate_hz=5_000, duration="20 ms")  # the look takes 250 ms
    assert cut.healed
    assert settings(link) == HEALTHY


def test_a_fault_that_cannot_come_spoils_no_other_ones_healing(chaos: Chaos, link: Link) -> None:
    """A second cut that comes during the look before the first one heals finds nothing to cut; the first is healed."""
    later = chaos.at("550 ms").fiber_cut(duration="1 s")
    cut = chaos.fiber_cut()
    with pytest.raises(FaultWithoutEvidenceError, match="already shows no cut"), cut:
        link.testbed.clock.sleep(0.54 - link.testbed.now_s() + 0.6)  # brought up at 0.6 s; the look takes 250 ms
    chaos.finish()
    assert later.state == "never"
    assert cut.healed
    assert settings(link) == HEALTHY


def test_time_that_is_up_during_a_move_waits_for_it(chaos: Chaos, link: Link) -> None:
    """A controller takes 100 ms to take a set point: told another one meanwhile, it stands where neither move wanted it."""
    cut = chaos.fiber_cut()
    with cut:  # the next burst begins at 3 s, and the time is up 70 ms later, while the controller is being told
        drift = chaos.at("100 ms").thermal_drift(delta_k=-5.28, duration=3.07, waveform="burst 1 s every 3 s")
        with pytest.raises(FaultWithoutEvidenceError, match="too short to be seen"):
            link.testbed.clock.sleep(4.0)
    assert drift.state == "never"
    assert cut.healed
    assert link.temperature_controller is not None
    assert link.temperature_controller.setpoint_c() == 30.0
