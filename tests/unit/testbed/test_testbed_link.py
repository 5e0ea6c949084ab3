"""A link over its twin: light, runs and keys, against the closed forms of the bench file."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import MissingCapabilityError, UnknownNameError, UsageError
from hil.physics.prediction import detector_counts_hz, tap_power_w
from hil.ports.identity import EvidenceLevel
from hil.record.series import unit_of
from hil.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.bench.model import AttenuatorDevice, SwitchDevice
    from hil.pipeline.stepping import Message
    from hil.ports.run import LinkRun
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed


def numbers(run: LinkRun) -> tuple[object, ...]:
    """Everything that was counted or made in a run."""
    counts = {name: gates.tolist() for name, gates in run.counts.items()}
    return (run.blocks, counts, run.net_secret_bits, run.start_s, run.end_s)


class TestLight:
    """What a link's devices stand at."""

    def test_a_case_begins_parked(self, link: Link) -> None:
        """No light, no bias, the switch on its dark port, the most attenuation."""
        assert not link.transmitter.emitting()
        assert not link.receiver.biased()
        assert link.switch is not None
        assert link.switch.channel() == 4
        assert link.attenuator is not None
        assert link.attenuator.attenuation_db() == pytest.approx(60.0, abs=0.1)

    def test_up_brings_every_device_to_its_operating_point(self, testbed: Testbed, link: Link) -> None:
        """The tap then shows the power the closed form gives (launch 10 uW, 5.7 dB, tap loss, tenth to the meter)."""
        link.up()
        devices = testbed.bench.device
        assert link.transmitter.emitting()
        assert link.receiver.biased()
        assert link.switch is not None
        assert link.switch.channel() == cast("SwitchDevice", devices["switch"]).through_channel
        assert link.attenuator is not None
        assert link.attenuator.attenuation_db() == pytest.approx(
            cast("AttenuatorDevice", devices["voa"]).attenuation_db, abs=0.01
        )
        assert link.power_meter is not None
        assert link.power_meter.power_w() == pytest.approx(tap_power_w(testbed.bench, "metro"), rel=0.05)

    def test_down_takes_light_and_bias_and_moves_nothing_else(self, link: Link) -> None:
        link.up()
        link.down()
        assert not link.transmitter.emitting()
        assert not link.receiver.biased()
        assert link.switch is not None
        assert link.switch.channel() == 1

    def test_up_waits_for_a_stage_that_is_off_its_set_point(self, testbed: Testbed, link: Link) -> None:
        """From 5 K off it relaxes with 20 s until 0.2 K is displayed (in tenths: 0.25 K), which takes 20 s * ln(20) = 60 s."""
        assert link.temperature_controller is not None
        link.temperature_controller.set_setpoint_c(35.0)
        testbed.clock.sleep(400.0)
        begun_s = testbed.now_s()
        link.up()
        assert 20.0 * math.log(20.0) - 1.0 < testbed.now_s() - begun_s < 20.0 * math.log(20.0) + 3.0
        assert link.receiver.stage_temperature_c() == pytest.approx(30.0, abs=0.26)

    def test_up_refuses_while_a_fault_is_in(self, link: Link) -> None:
        """It would put the switch through behind the fault's back."""
        link.windows.open("fiber_cut", "switch", 0.0, commanded="dark", evidence="counts fell")
        with pytest.raises(UsageError, match=r"fiber_cut on switch is in"):
            link.up()


class TestRun:
    """Blocks, counts and keys of a run."""

    def test_counts_error_rate_and_key_follow_the_closed_forms(self, link: Link) -> None:
        """Counts within 5 sigma of 3.05 million a second, QBER within 5 sigma of 1.26 %, key within 15 %."""
        run = link.run("600 ms")
        expected = link.prediction
        assert [round(block.end_s - block.start_s, 9) for block in run.blocks] == [0.2, 0.2, 0.2]
        clicks = sum(int(gates.sum()) for gates in run.counts.values())
        mean = expected.counts_hz * 0.6
        assert abs(clicks - mean) < 5.0 * math.sqrt(1.1 * mean)  # afterpulses of 1 % spread counts a little wider
        for name, hertz in detector_counts_hz(link.testbed.bench, "metro").items():
            assert abs(int(run.counts[name].sum()) - hertz * 0.6) < 5.0 * math.sqrt(1.1 * hertz * 0.6)
        errors = sum(block.key_errors or 0 for block in run.blocks)
        bits = sum(block.sifted_key_bits for block in run.blocks)
        sigma = math.sqrt(expected.qber_ratio / bits)
        assert errors / bits == pytest.approx(expected.qber_ratio, abs=5.0 * sigma)
        assert all(block.released for block in run.blocks)
        # blocks this short leave little of the bits that are private: those vary, and what correction takes off does not
        told = sum(block.disclosed_bits for block in run.blocks)
        assert abs(run.net_secret_bits - expected.key_rate_bps * 0.6) < 0.15 * (expected.key_rate_bps * 0.6 + told)
        assert sum(of_a.bit_length for _, of_a, _ in link.released()) <= run.net_secret_bits

    def test_a_series_has_its_unit_and_the_counts_of_the_blocks(self, link: Link) -> None:
        """Gates of 0.1 s in each block of 0.2 s, a temperature each second, a QBER and a key rate each block."""
        run = link.run("1.2 s")
        assert all(unit_of(name) for name in run.series)
        times_s, hertz = run.series["counts_hz"]
        assert times_s.size == 12
        assert np.all(np.diff(times_s) > 0.09)
        total = sum(int(gates.sum()) for gates in run.counts.values())
        assert hertz.sum() * run.gate_s == pytest.approx(total)
        assert run.series["z0.counts_hz"][1].sum() * run.gate_s == pytest.approx(int(run.counts["z0"].sum()))
        assert run.series["temperature_c"][0] - run.start_s == pytest.approx([0.0, 1.0])
        assert run.series["temperature_c"][1] == pytest.approx([30.0, 30.0], abs=0.02)
        assert run.series["qber_ratio"][0].size == len(run.blocks) == 6
        assert run.series["key_rate_bps"][1] * 0.2 == pytest.approx(
            [block.secret_bits - block.authentication_bits for block in run.blocks]
        )

    @pytest.mark.parametrize(
        ("duration", "blocks_s"), [("0.29 s", [0.2]), ("300 ms", [0.2, 0.1]), ("0.05 s", []), (0.4, [0.2, 0.2]), ("0 s", [])]
    )
    def test_a_rest_of_half_a_block_or_more_makes_one(self, link: Link, duration: str | float, blocks_s: list[float]) -> None:
        """And the run lasts as long as was asked for in any case."""
        run = link.run(duration)
        assert [block.end_s - block.start_s for block in run.blocks] == pytest.approx(blocks_s)
        assert run.end_s - run.start_s == pytest.approx(0.4 if isinstance(duration, float) else parse_duration(duration))

    def test_both_ends_hold_the_same_keys(self, link: Link) -> None:
        """Compared here and nowhere else; as many bits as the blocks say, and gone once taken."""
        run = link.run("400 ms")
        keys = link.released()
        assert keys
        assert all(of_a == of_b for _, of_a, of_b in keys)
        assert {of_a.bit_length for _, of_a, _ in keys} == {256}
        assert [of_a.fingerprint() for _, of_a, _ in keys] == [text for block in run.blocks for text in block.key_fingerprints]
        assert len({key_id for key_id, _, _ in keys}) == len(keys)
        assert all(of_a.test for _, of_a, _ in keys)
        assert link.take_released() == keys
        assert link.released() == ()

    def test_a_fault_of_the_whole_block_keeps_its_key_back(self, link: Link) -> None:
        """The windows that touch a block are named in it; one that covers it lets no key out, the next block gives some."""
        link.up()
        start_s = link.testbed.now_s()
        number = link.windows.open("thermal_drift", "stage", start_s, commanded="2 K", evidence="2 K")
        link.windows.close(number, start_s + 0.3, healed=True)
        run = link.run("600 ms")
        assert [block.faults for block in run.blocks] == [("thermal_drift",), ("thermal_drift",), ()]
        assert not run.blocks[0].released
        assert run.blocks[2].released
        assert [window.fault for window in run.faults] == ["thermal_drift"]

    def test_a_callback_moves_the_bench_while_a_block_runs(self, link: Link) -> None:
        """The switch goes dark after 0.1 s: one gate full of light, one with the dark counts and the leak of 50 dB."""
        link.up()
        switch = link.switch
        assert switch is not None
        clock = link.testbed.clock
        clock.call_at(clock.now_ns() + 100_000_000, lambda: switch.select(4))
        run = link.run("200 ms")
        gates = sum(run.counts.values())
        assert isinstance(gates, np.ndarray)
        leak = (link.prediction.counts_hz * 10 ** (-(50.0 - 0.7) / 10.0) + 4 * link.prediction.dark_counts_hz) * 0.1
        assert gates[0] == pytest.approx(link.prediction.counts_hz * 0.1, rel=0.02)
        assert gates[1] < leak + 5.0 * math.sqrt(leak) + 5.0

    def test_what_a_run_made_is_recorded(self, link: Link, notebook: Any) -> None:
        """One event a block, with its ledger; the keys by one digest of their fingerprints in order."""
        run = link.run("200 ms")
        (block,) = notebook.of("block")
        assert block["link"] == "metro"
        assert block["secret_bits"] == run.blocks[0].secret_bits
        assert block["ledger"] == run.blocks[0].ledger
        (key,) = notebook.of("key")
        joined = "".join(run.blocks[0].key_fingerprints)
        assert key["fingerprints"] == (hashlib.sha256(joined.encode()).hexdigest(),)
        assert key["bits"] == 256 * len(run.blocks[0].key_fingerprints)

    def test_a_key_in_doubt_is_not_there_until_it_is_settled(self, testbed: Testbed, link: Link) -> None:
        """Alice's last word is lost: she has released, Bob is in doubt. The next block settles it, and both keys come."""
        words: list[Message] = []

        def listen(message: Message) -> Iterable[bytes]:
            words.append(message)
            return (message.data,)

        def lose_the_last(message: Message) -> Iterable[bytes]:
            return () if (message.direction, message.number) == (words[-1].direction, words[-1].number) else (message.data,)

        link.run("200 ms", interceptor=listen)
        expected = {of_a.fingerprint() for _, of_a, _ in link.released()}
        assert words[-1].direction == "a->b"
        testbed.begin(testbed.case)  # the same case again, so the same block with the same messages
        run = link.run("200 ms", interceptor=lose_the_last)
        (block,) = run.blocks
        assert not block.released
        assert "in doubt" in block.sentence
        assert run.net_secret_bits < 0
        assert not link.released()
        (after,) = link.run("200 ms").blocks
        assert after.released
        keys = link.released()
        assert all(of_a == of_b for _, of_a, of_b in keys)
        assert expected <= {of_a.fingerprint() for _, of_a, _ in keys}
        assert len(keys) == len(expected) + len(after.key_fingerprints)

    def test_an_interceptor_sees_the_messages(self, link: Link) -> None:
        """What stands between the parties is handed every message of both directions."""
        seen: list[str] = []

        def listen(message: Message) -> Iterable[bytes]:
            seen.append(message.direction)
            return (message.data,)

        link.run("200 ms", interceptor=listen)
        assert set(seen) == {"a->b", "b->a"}

    def test_a_prediction_is_of_the_declared_link(self, testbed: Testbed, link: Link) -> None:
        """A twin that is really worse than declared changes what is counted, not what is expected."""
        link.up()
        expected = link.run("200 ms").prediction
        testbed.control.inject("metro", "excess_loss_db", 3.0)
        run = link.run("200 ms")
        assert run.prediction == expected
        ratio = sum(int(gates.sum()) for gates in run.counts.values()) / (link.prediction.counts_hz * 0.2)
        # half the light; with less of it less is lost to dead time, so a little more than half of the clicks
        assert 0.50 < ratio < 0.54


class TestSameSeedSameNumbers:
    """On twins everything follows from the run's seed, the bench's name and the case."""

    def test_a_case_does_not_depend_on_what_ran_before(self, opened: Testbed) -> None:
        """Once first, once after another case and some fiddling."""
        link = cast("Link", opened.link("metro"))
        opened.begin("case one")
        first = numbers(link.run("400 ms"))
        keys = [(key_id, of_a.fingerprint()) for key_id, of_a, _ in link.released()]
        opened.begin("case two")
        other = numbers(link.run("400 ms"))
        link.count_gates("lit", gates=3)
        opened.control.inject("bob", "dark_count_rate_hz", 5000.0)
        opened.begin("case one")
        assert numbers(link.run("400 ms")) == first
        assert [(key_id, of_a.fingerprint()) for key_id, of_a, _ in link.released()] == keys
        assert other != first
        opened.end()

    def test_each_case_starts_at_time_zero(self, opened: Testbed) -> None:
        opened.begin("a long one")
        opened.clock.sleep(1000.0)
        opened.begin("the next")
        assert opened.now_s() < 1.0  # parking takes its settling times
        opened.end()


class TestNames:
    """Names that do not exist are answered with the nearest that do."""

    def test_an_unknown_link_or_device_names_the_nearest(self, testbed: Testbed) -> None:
        with pytest.raises(UnknownNameError, match="no link 'metra'; expected 'metro'"):
            testbed.link("metra")
        with pytest.raises(UnknownNameError, match="no device 'allice'; expected 'alice'"):
            testbed.device("allice")

    def test_a_role_the_link_does_not_have_is_a_missing_capability(self, link: Link) -> None:
        assert link.device_of_role("switch") == "switch"
        with pytest.raises(MissingCapabilityError, match="link metro has no recording"):
            link.device_of_role("recording")

    @pytest.mark.parametrize("duration", ["3", "-1 s", "3 dB", -1.0, float("nan"), float("inf"), True])
    def test_a_duration_that_is_none_says_what_is_accepted(self, link: Link, duration: str | float) -> None:
        with pytest.raises(UsageError, match="expected a"):
            link.run(duration)

    def test_a_link_shows_the_level_of_both_its_ends(self, link: Link) -> None:
        assert link.level is EvidenceLevel.L3
        assert link.simulated
