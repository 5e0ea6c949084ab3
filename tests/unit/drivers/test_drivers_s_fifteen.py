"""S-Fifteen's detector module and TDC1: the lines of their maker's library, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.bench.model import ReceiverDevice
from hil.drivers._s_fifteen_receiver import SFifteenReceiver
from hil.drivers.s_fifteen_spd import SFifteenSpd
from hil.drivers.s_fifteen_tdc1 import SFifteenTdc1
from hil.errors import (
    DeviceTimeoutError,
    EnvelopeError,
    InstrumentError,
    MissingCapabilityError,
    ReplyError,
    UsageError,
)
from hil.transports import Marker, Until

LINE = Until(b"\r\n")


def asked(query: str, reply: str) -> list:
    return [(">", query.encode() + b"\r\n"), ("<", reply.encode() + b"\r\n")]


def counted(command: str, gate_ms: int, reply: str) -> list:
    return [(">", f"time {gate_ms}\r\n{command}\r\n".encode()), ("<", reply.encode() + b"\r\n")]


TDC1 = "TDC1 S-Fifteen Instruments TDC4711 firmware 2.1"
SPD = "SPD InGaAs, S-Fifteen Instruments, SPD4711, firmware 1.3"


@pytest.fixture
def opened(script, settings):
    def make(cls, who, turns):
        marker = Marker(b"*idn?\r\n", LINE, lambda reply: who.split()[0].encode() in reply)
        device = cls(settings(), script([*asked("*idn?", who), *turns], markers=(marker,), reopens_clean=False))
        device.open()
        return device

    return make


def test_both_tell_serial_number_and_firmware(opened):
    tagger, detector = opened(SFifteenTdc1, TDC1, asked("*idn?", TDC1)), opened(SFifteenSpd, SPD, asked("*idn?", SPD))
    assert (tagger.identity().serial, tagger.name) == ("TDC4711", "dut")
    identity = detector.identity()
    assert (identity.vendor, identity.model, identity.serial, identity.firmware) == (
        "S-Fifteen Instruments",
        "SPD",
        "SPD4711",
        "1.3",
    )


def test_a_tagger_counts_for_its_gate(opened):
    """Set, asked, waited for on the bench's clock, read."""
    tagger = opened(SFifteenTdc1, TDC1, counted("singles;counts?", 1500, "4 3 2 1"))
    assert tagger.singles(1.5) == (4, 3, 2, 1)
    assert tagger._line._settings.clock.now_ns() == 1_500_000_000


def test_pairs_are_the_last_four_of_eight(opened):
    tagger = opened(SFifteenTdc1, TDC1, counted("pairs;counts?", 500, "9 9 9 9 1 2 3 4"))
    assert tagger.coincidences(0.5) == {(1, 3): 1, (1, 4): 2, (2, 3): 3, (2, 4): 4}


def test_other_numbers_than_expected_are_no_counts(opened):
    with pytest.raises(ReplyError, match="2 numbers; expected 4"):
        opened(SFifteenTdc1, TDC1, counted("singles;counts?", 500, "1 2")).singles(0.5)
    with pytest.raises(ReplyError, match="expected counts"):
        opened(SFifteenTdc1, TDC1, counted("singles;counts?", 500, "timestamps are not simulated")).singles(0.5)


def test_counting_is_asked_for_once(opened):
    """An acquisition that timed out is not repeated; the next question comes after a marker."""
    turns = [*counted("counts?", 100, "")[:1], ("silence", b""), *asked("*idn?", SPD), *asked("*idn?", SPD)]
    detector = opened(SFifteenSpd, SPD, turns)
    with pytest.raises(DeviceTimeoutError):
        detector.counts(0.1)
    assert detector.identity().model == "SPD"


def test_bias_and_set_point_move_inside_the_envelope(opened):
    """Set, read back; beyond the device's or the bench file's range nothing is sent."""
    turns = [
        (">", b"hvolt 205.5\r\n"),
        *asked("hvolt?", "205.4"),
        (">", b"settemp -30\r\n"),
        *asked("settemp?", "-30"),
        *asked("temp?", "-29.97"),
    ]
    detector = opened(SFifteenSpd, SPD, turns)
    detector.set_bias_v(205.5)
    detector.set_setpoint_c(-30.0)
    assert detector.temperature_c() == -29.97
    with pytest.raises(EnvelopeError, match="0 to 260"):
        detector.set_bias_v(261.0)
    with pytest.raises(EnvelopeError, match="-60 to 30"):
        detector.set_setpoint_c(float("nan"))


@pytest.mark.parametrize("gate_s", [0.0, 65.6, float("nan")])
def test_gates_it_cannot_have(opened, gate_s):
    with pytest.raises((UsageError, ValueError)):
        opened(SFifteenSpd, SPD, []).counts(gate_s)


def test_another_instrument_on_the_line_is_found(opened):
    detector = opened(SFifteenSpd, SPD, asked("*idn?", "OPMGE S-Fifteen Instruments"))
    with pytest.raises(ReplyError, match="calls itself SPD"):
        detector.identity()


def test_the_bias_is_set_and_read_back(opened):
    """Its own operating voltage when the bench file names none; a voltage that does not follow is found."""
    detector = opened(SFifteenSpd, SPD, [(">", b"hvolt 0\r\n"), *asked("hvolt?", "0")])
    detector.set_biased(biased=False)
    with pytest.raises(InstrumentError):
        opened(SFifteenSpd, SPD, [(">", b"hvolt 0\r\n"), *asked("hvolt?", "210")]).set_biased(biased=False)


def words(*events: tuple[int, int]) -> bytes:
    """Time in steps of 2 ns and pattern of inputs, or 16 for none, as the maker's library reads them (time >> 5, & 0x1F)."""
    return b"".join(((step % (1 << 27)) << 5 | pattern).to_bytes(4, "little") for step, pattern in events)


def streamed(gate_ms: int, *parts: bytes) -> list:
    asked_for = [*asked("*idn?", TDC1), (">", f"timestamp;INPKT;time {gate_ms};counts?\r\n".encode())]
    return [*asked_for, (">", b"abort\r\n*idn?\r\n"), *(("<", part) for part in parts), ("<", TDC1.encode() + b"\r\n")]


def test_time_stamps_over_a_rollover(opened):
    """Two inputs in one word are two clicks; words without an event are none, but tell of a turn without any."""
    turn = 1 << 27
    empty = [(half * turn // 2, 16) for half in (1, 2, 3, 4)]
    said = words((5, 1), (7, 0b1010), *empty, (2 * turn + 3, 0b0100), (2 * turn + 3, 1))
    tagger = opened(SFifteenTdc1, TDC1, streamed(600, said[:7], said[7:]))
    tags = tagger.time_tags(0.6)
    assert tags.ticks.tolist() == [5, 7, 7, 2 * turn + 3, 2 * turn + 3]
    assert tags.detector.tolist() == [0, 1, 3, 2, 0]
    assert (tags.clock.name, float(tags.clock.tick_s), tags.first, tags.end, tags.live_s) == ("dut", 2e-9, 0, 300_000_000, 0.6)
    assert tagger._line._settings.clock.now_ns() == 620_000_000


def test_time_stamps_of_nothing(opened):
    assert opened(SFifteenTdc1, TDC1, streamed(5)).time_tags(0.005).ticks.size == 0


def test_half_a_time_stamp_is_none(opened):
    with pytest.raises(ReplyError, match="of 6 bytes"):
        opened(SFifteenTdc1, TDC1, streamed(5, words((5, 1)) + b"xx")).time_tags(0.005)


def test_a_stream_that_stays_silent_is_not_asked_for_again(opened):
    turns = [
        *asked("*idn?", TDC1),
        (">", b"timestamp;INPKT;time 5;counts?\r\n"),
        (">", b"abort\r\n*idn?\r\n"),
        ("silence", b""),
    ]
    with pytest.raises(DeviceTimeoutError):
        opened(SFifteenTdc1, TDC1, turns).time_tags(0.005)


def receiver(**changes) -> ReceiverDevice:
    declared = {"driver": "s-fifteen-tdc1", "efficiency": 0.2, "dark_count_rate_hz": 1.0, "dead_time_s": 0.0}
    return ReceiverDevice(**{**declared, "key_basis_probability": 0.5, "timing": "tags", "tick_s": 2e-9, **changes})


@pytest.fixture
def receiving(script, settings):
    def make(turns, **changes):
        marker = Marker(b"abort;*idn?\r\n", LINE, lambda reply: b"TDC1" in reply)
        opening = [(">", b"abort;*idn?\r\n"), ("<", TDC1.encode() + b"\r\n")]
        port = script([*opening, *turns], markers=(marker,), reopens_clean=False)
        device = SFifteenReceiver(settings(), receiver(**changes), port)
        device.open()
        return device

    return make


def block(*parts: bytes) -> list:
    begun = [*asked("*idn?", TDC1), (">", b"timestamp;INPKT;time 0;counts?\r\n"), (">", b"abort\r\n*idn?\r\n")]
    return [*begun, *(("<", part) for part in parts), ("<", TDC1.encode() + b"\r\n")]


def test_a_block_of_a_receiver_is_dated_by_the_bench(receiving):
    """Its ticks go on from one block to the next; what comes at an input without a detector is left out."""
    device = receiving([*block(words((5, 1), (7, 0b1010))), *block(words((9, 0b0100)))], detectors=("z0", "z1", "x0"))
    clock = device._clock
    clock.sleep(1.0)
    assert device.start() == 500_000_000
    clock.sleep(0.25)
    tags = device.stop()
    assert (tags.ticks.tolist(), tags.detector.tolist()) == ([500_000_005, 500_000_007], [0, 1])
    assert (tags.first, tags.end, tags.live_s, tags.sequence) == (500_000_000, 625_000_000, 0.25, 1)
    device.start()
    tags = device.stop()
    assert (tags.ticks.tolist(), tags.end, tags.sequence) == ([625_000_009], 625_000_010, 2)


def test_a_receiver_does_one_thing_at_a_time(receiving):
    """A stream has the line to itself; parking ends it."""
    device = receiving(block())
    with pytest.raises(InstrumentError, match="no block runs"):
        device.stop()
    device.start()
    for call in (device.start, device.identity):
        with pytest.raises(InstrumentError, match="stop"):
            call()
    device.park()
    device.close()


def test_what_goes_wrong_in_a_stream_is_raised_at_its_end(receiving):
    device = receiving([*block()[:-1], ("silence", b"")])
    device.start()
    with pytest.raises(DeviceTimeoutError):
        device.stop()


@pytest.mark.parametrize(
    "changes", [{"timing": "indices"}, {"tick_s": 1e-9}, {"detectors": ("a", "b", "c", "d", "e")}, {"detectors": ()}]
)
def test_receivers_that_a_tdc1_cannot_be(settings, changes):
    with pytest.raises(UsageError, match='timing = "tags", tick = "2 ns" and at most 4 detectors'):
        SFifteenReceiver(settings(), receiver(**changes))


def test_what_a_tagger_does_not_have_is_named(receiving):
    device = receiving([])
    calls = (device.biased, device.counters, device.stage_temperature_c, device.device_time_ns, lambda: device.history(0, 1))
    for call in (*calls, lambda: device.set_biased(biased=True)):
        with pytest.raises(MissingCapabilityError, match="dut: a time tagger does not have"):
            call()
