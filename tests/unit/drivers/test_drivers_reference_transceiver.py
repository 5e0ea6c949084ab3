"""Reference transceiver protocol, version 1 (docs/reference/transceiver-protocol.md), compared byte by byte."""

from __future__ import annotations

import base64
import math
import struct
import zlib

import numpy as np
import pytest

from hil.bench.model import ReceiverDevice, TransmitterDevice
from hil.drivers.reference_transceiver import SPEC, ReferenceReceiver, ReferenceTransmitter, UndeclaredTransceiver
from hil.errors import DeviceTimeoutError, IdentityError, InstrumentError, MissingCapabilityError, ReplyError
from hil.ports.detections import ReceiverCounters, SourceDeclaration
from hil.ports.identity import EvidenceLevel, Identity
from hil.transports import ScriptedPort

TRANSMITTER = TransmitterDevice(
    driver="reference-transceiver",
    pulse_rate_hz=1e9,
    intensities=(0.5, 0.1),
    intensity_probabilities=(0.7, 0.3),
    key_basis_probability=0.9,
)
RECEIVER = ReceiverDevice(
    driver="reference-transceiver",
    efficiency=0.2,
    dark_count_rate_hz=60.0,
    dead_time_s=50e-9,
    key_basis_probability=0.9,
)


def said(request: str, reply: str) -> list:
    return [(">", request.encode() + b"\n"), ("<", reply.encode() + b"\n")]


def frame(kind: int, payload: bytes) -> bytes:
    """As the protocol's document says: magic, type, three zeros, length, payload, CRC-32."""
    return b"QHD1" + struct.pack("<B3xQ", kind, len(payload)) + payload + struct.pack("<I", zlib.crc32(payload))


@pytest.fixture
def transmitter(script, settings):
    def make(control=(), data=(), level="L3"):
        opening = [*said("ROLE?", "TRANSMITTER"), *said("LEVEL?", level)]
        device = ReferenceTransmitter(settings(), script([*opening, *control]), script(list(data)))
        device.open()
        return device

    return make


@pytest.fixture
def receiver(script, settings):
    def make(control=(), data=(), level="L3", declared=None):
        opening = [*said("ROLE?", "RECEIVER"), *said("LEVEL?", level), *said("DETECTORS?", "z0,z1,x0,x1")]
        device = ReferenceReceiver(settings(declared=declared), script([*opening, *control]), script(list(data)))
        device.open()
        return device

    return make


def block(steps: list[int], detectors: list[int], *, sequence: int = 7, first: int = 100, end: int = 10_000, lost: int = 0):
    head = struct.pack("<6Q", sequence, first, end, len(steps), lost, 1_000_000_000)
    return head + np.array(steps, "<u4").tobytes() + bytes(detectors)


def stopping(payload: bytes, announced: str) -> dict:
    return {
        "control": said("BLOCK STOP", announced),
        "data": [(">", frame(0x02, struct.pack("<Q", 7))), ("<", frame(0x82, payload))],
    }


def test_parking_a_transmitter_is_verified(transmitter):
    """Parked means that it says it does not emit."""
    transmitter([*said("PARK", "OK"), *said("EMIT?", "OFF")]).park()
    with pytest.raises(InstrumentError, match="still emits"):
        transmitter([*said("PARK", "OK"), *said("EMIT?", "ON")]).park()


def test_switching_light_on_is_never_repeated(transmitter):
    """EMIT ON is sent once, EMIT OFF until it is answered."""
    silent = ("silence", b"")
    device = transmitter(
        [(">", b"EMIT ON\n"), silent, (">", b"EMIT OFF\n"), silent, *said("EMIT OFF", "OK"), *said("EMIT?", "OFF")]
    )
    with pytest.raises(DeviceTimeoutError):
        device.set_emitting(emitting=True)
    device.set_emitting(emitting=False)


def test_transmitter_queries(transmitter):
    """Each query of the table is asked as written and read as specified."""
    source = '{"pulse_rate_hz": 1e9, "intensities": [0.5, 0.1], "probabilities": [0.7, 0.3], "key_basis_probability": 0.9}'
    device = transmitter(
        [
            *said("*IDN?", "QKD Works,QT-1,A7,2.4.1"),
            *said("TIME?", "1234567890123"),
            *said("PULSE?", "987654321"),
            *said("SOURCE?", source),
            *said("CALIBRATIONS?", "[0.5, 432000]"),
            *said("EMIT ON", "OK"),
            *said("EMIT?", "ON"),
        ]
    )
    assert device.identity() == Identity("QKD Works", "QT-1", "A7", "2.4.1")
    assert device.device_time_ns() == 1_234_567_890_123
    assert device.pulse_index() == 987_654_321
    assert device.source() == SourceDeclaration(1e9, (0.5, 0.1), (0.7, 0.3), 0.9)
    assert device.calibrations_s().tolist() == [0.5, 432_000.0]
    device.set_emitting(emitting=True)


def test_preparations_are_unpacked(transmitter):
    """Bits 0 to 3 are the intensity, bit 4 the bit, bit 5 the basis."""
    indices = np.array([3, 1 << 40, 9], dtype=np.int64)
    request = frame(0x01, struct.pack("<Q3q", 3, 3, 1 << 40, 9))
    reply = frame(0x81, struct.pack("<Q3B", 3, 0b10_0001, 0b01_0010, 0b11_0000))
    got = transmitter(data=[(">", request), ("<", reply[:11]), ("<", reply[11:])]).prepare(indices)
    assert got.basis.tolist() == [1, 0, 1]
    assert got.bit.tolist() == [0, 1, 1]
    assert got.intensity.tolist() == [1, 2, 0]
    assert got.basis.dtype == got.bit.dtype == got.intensity.dtype == np.uint8


def test_no_preparations(transmitter):
    """Asking for nothing is asked and answered like anything else."""
    empty = [(">", frame(0x01, struct.pack("<Q", 0))), ("<", frame(0x81, struct.pack("<Q", 0)))]
    assert transmitter(data=empty).prepare(np.empty(0, np.int64)).bit.shape == (0,)


def test_many_preparations_go_in_several_frames(transmitter, monkeypatch):
    """More indices than one frame takes are asked in order and joined."""
    monkeypatch.setattr("hil.drivers._transceiver_data._INDICES_PER_FRAME", 2)
    turns = [
        *((">", frame(0x01, struct.pack("<Q2q", 2, 5, 6))), ("<", frame(0x81, struct.pack("<Q2B", 2, 0x10, 0x00)))),
        *((">", frame(0x01, struct.pack("<Qq", 1, 7))), ("<", frame(0x81, struct.pack("<QB", 1, 0x11)))),
    ]
    got = transmitter(data=turns).prepare(np.array([5, 6, 7]))
    assert (got.bit.tolist(), got.intensity.tolist()) == ([1, 0, 1], [0, 0, 1])


def test_a_damaged_frame_is_asked_for_again_only_in_step(transmitter):
    """A CRC that does not match is an error, and the port is resynchronised before it is used again."""
    request = (">", frame(0x01, struct.pack("<Qq", 1, 5)))
    good = frame(0x81, struct.pack("<QB", 1, 0x10))
    damaged = good[:-5] + b"\x00" + good[-4:]
    device = transmitter(data=[request, ("<", damaged), request, ("<", good)])
    with pytest.raises(ReplyError, match="CRC"):
        device.prepare(np.array([5]))
    assert device._data_plane.transport.dirty
    assert device.prepare(np.array([5])).bit.tolist() == [1]


def test_a_frame_of_something_else_is_an_error(transmitter):
    """Text on the data port is recognised as not its protocol."""
    request = (">", frame(0x01, struct.pack("<Qq", 1, 5)))
    with pytest.raises(ReplyError, match="is this its data port"):
        transmitter(data=[request, ("<", b"ERR 10 what now?")]).prepare(np.array([5]))


def test_an_error_frame_carries_the_devices_words(receiver):
    """An ERROR frame is the device's own error."""
    turns = stopping(b"", "OK 7 100 10000 0 0 1000000000")
    turns["data"][1] = ("<", frame(0x7F, struct.pack("<I", 22) + b"no such block"))
    with pytest.raises(InstrumentError, match="error 22 no such block"):
        receiver(**turns).stop()


def test_a_block_is_read_back_whole(receiver):
    """Differences become indices from the block's first pulse; live time, sequence and losses come along."""
    turns = stopping(block([0, 5, 0, 4_294_967_294], [0, 3, 1, 2], end=1 << 33, lost=2), "OK 7 100 8589934592 4 2 1000000000")
    turns["control"] = [*said("BLOCK START", "OK 100"), *turns["control"]]
    device = receiver(**turns)
    assert device.start() == 100
    records = device.stop()
    assert records.index.tolist() == [100, 105, 105, 4_294_967_399]
    assert records.index.dtype == np.int64
    assert records.detector.tolist() == [0, 3, 1, 2]
    assert (records.first, records.end, records.sequence, records.lost) == (100, 1 << 33, 7, 2)
    assert records.live_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("payload", "announced", "words"),
    [
        (block([1], [0], sequence=8), "OK 7 100 10000 1 0 1000000000", "block 7 asked for; block 8"),
        (block([1, 2], [0]), "OK 7 100 10000 2 0 1000000000", "2 records in 57 bytes"),
        (block([1], [4]), "OK 7 100 10000 1 0 1000000000", "beyond the 4 it names"),
        (block([9_900], [0]), "OK 7 100 10000 1 0 1000000000", "ends at pulse 10000 but has a click at 10000"),
        (block([1], [0]), "OK 7 100 10000 2 0 1000000000", "announced 2 records"),
        (b"short", "OK 7 100 10000 0 0 1000000000", "too short for its header"),
    ],
)
def test_inconsistent_blocks_are_refused(receiver, payload, announced, words):
    """A block that contradicts itself or its announcement is no measurement."""
    with pytest.raises(ReplyError, match=words):
        receiver(**stopping(payload, announced)).stop()


def test_ending_a_block_is_never_repeated(receiver):
    """BLOCK STOP is an acquisition: a timeout is the caller's to judge."""
    with pytest.raises(DeviceTimeoutError):
        receiver([(">", b"BLOCK STOP\n"), ("silence", b"")]).stop()


def test_refusals_carry_the_devices_words(receiver):
    """``ERR`` is an InstrumentError with the request, the code and the text."""
    with pytest.raises(InstrumentError, match="dut: refused 'BLOCK START': error 20 block already running"):
        receiver(said("BLOCK START", "ERR 20 block already running")).start()


def test_receiver_queries(receiver):
    """Each query of the table is asked as written and read as specified."""
    history = '{"time_s":[60,120],"counts_hz":[1e5,90.5],"qber_ratio":[0.013,null],"temperature_c":[30.0,30.1],"up":[1,0]}'
    device = receiver(
        [
            *said("COUNTERS?", '{"counts": [1, 2, 3, 4], "live_ns": 2500000000}'),
            *said("TEMP?", "30.02"),
            *said("BIAS ON", "OK"),
            *said("BIAS?", "ON"),
            *said("HISTORY? 0 120.5", history),
            *said("PARK", "OK"),
            *said("BIAS?", "OFF"),
        ],
        declared=RECEIVER,
    )
    assert device.detectors == ("z0", "z1", "x0", "x1")
    assert device.counters() == ReceiverCounters((1, 2, 3, 4), 2.5)
    assert device.stage_temperature_c() == pytest.approx(30.02)
    device.set_biased(biased=True)
    log = device.history(0.0, 120.5)
    assert log.time_s.tolist() == [60.0, 120.0]
    assert log.qber_ratio[0] == pytest.approx(0.013)
    assert math.isnan(log.qber_ratio[1])
    assert log.up.tolist() == [True, False]
    device.park()


def test_bias_left_after_parking_is_an_error(receiver):
    """A receiver that keeps its bias is not safe."""
    with pytest.raises(InstrumentError, match="still have bias"):
        receiver([*said("PARK", "OK"), *said("BIAS?", "ON")]).park()


@pytest.mark.parametrize(
    ("request_", "reply", "call"),
    [
        ("COUNTERS?", '{"counts": [1, 2], "live_ns": 1}', lambda device: device.counters()),
        ("COUNTERS?", '{"counts": [1, 2', lambda device: device.counters()),
        (
            "HISTORY? 0 9",
            '{"time_s":[60],"counts_hz":[],"qber_ratio":[],"temperature_c":[],"up":[]}',
            lambda rx: rx.history(0, 9),
        ),
        ("BIAS?", "MAYBE", lambda device: device.biased()),
        ("TIME?", "12:00", lambda device: device.device_time_ns()),
        ("BLOCK START", "OK soon", lambda device: device.start()),
        ("BLOCK START", "100", lambda device: device.start()),
    ],
)
def test_replies_outside_the_protocol_are_refused(receiver, request_, reply, call):
    """What the protocol does not allow is a ReplyError that names the request."""
    with pytest.raises(ReplyError, match=request_.split("?")[0].split(" ")[0]):
        call(receiver(said(request_, reply)))


def test_a_device_of_the_other_role_is_refused(script, settings):
    """Interchanged addresses are found before the first test."""
    device = ReferenceReceiver(settings(), script(said("ROLE?", "TRANSMITTER")), script([]))
    with pytest.raises(IdentityError, match="interchanged"):
        device.open()


def test_a_device_below_its_declared_level_is_refused(script, settings):
    """A bench file that promises more raw data than the device shows is wrong, and says which word to change."""
    control = script([*said("ROLE?", "TRANSMITTER"), *said("LEVEL?", "L1")])
    device = ReferenceTransmitter(settings(declared=TRANSMITTER), control, script([]))
    with pytest.raises(IdentityError, match='set level = "L1"'):
        device.open()


def test_detectors_named_otherwise_are_refused(script, settings):
    """The order of the detectors gives a click its meaning, so it must be the bench file's."""
    control = script([*said("ROLE?", "RECEIVER"), *said("LEVEL?", "L3"), *said("DETECTORS?", "z1,z0,x0,x1")])
    with pytest.raises(IdentityError, match="names its detectors z1, z0"):
        ReferenceReceiver(settings(declared=RECEIVER), control, script([])).open()


def test_a_black_box_delivers_claims_and_keys_only(transmitter):
    """At L0 telemetry and keys come, and what needs raw data says why it does not."""
    keys = [["id-1", base64.b64encode(bytes(range(32))).decode()], ["id-2", base64.b64encode(bytes(32)).decode()]]
    telemetry = '{"qber_ratio": null, "key_rate_bps": 1200, "sifted_bits": 5, "counts_hz": 2e5, "temperature_c": 30.0}'
    device = transmitter(
        [*said("TELEMETRY?", telemetry), *said("KEYS?", str(keys).replace("'", '"')), *said("EMIT?", "ON")], level="L0"
    )
    claims = device.telemetry()
    assert math.isnan(claims.pop("qber_ratio"))
    assert claims == {"key_rate_bps": 1200, "sifted_bits": 5, "counts_hz": 2e5, "temperature_c": 30.0}
    taken = device.take_keys()
    assert [key_id for key_id, _ in taken] == ["id-1", "id-2"]
    assert taken[0][1].reveal() == bytes(range(32))
    assert (taken[0][1].bit_length, taken[0][1].test) == (256, True)
    assert device.emitting()
    with pytest.raises(MissingCapabilityError, match="evidence level L0; preparation records need L3"):
        device.prepare(np.array([1]))


def test_a_black_box_receiver_shows_no_counters(receiver):
    """Counters need L1, detections L3."""
    device = receiver(level="L0")
    with pytest.raises(MissingCapabilityError, match="counters need L1"):
        device.counters()
    with pytest.raises(MissingCapabilityError, match="detection records need L3"):
        device.start()


def test_taking_keys_is_never_repeated(transmitter):
    """A destructive read that timed out is not asked again: its keys are in doubt."""
    device = transmitter([(">", b"KEYS?\n"), ("silence", b"")], level="L0")
    with pytest.raises(DeviceTimeoutError):
        device.take_keys()


def test_keys_are_waited_for_longer_than_an_answer(transmitter, monkeypatch):
    """What comes after the deadline is lost for good, and 100,000 keys are no answer of a moment."""
    waited_s = []
    receive = ScriptedPort.receive

    def noting(port, count, timeout_s, stop):
        waited_s.append(timeout_s)
        return receive(port, count, timeout_s, stop)

    device = transmitter(said("KEYS?", "[]"), level="L0")
    monkeypatch.setattr(ScriptedPort, "receive", noting)
    assert device.take_keys() == ()
    assert min(waited_s) > 30.0


@pytest.mark.parametrize("reply", ['[["id-1", "s3cr3t"', '[["id-1", "s3cr3t!"]]', '[["id-1", 12345, "s3cr3t"]]'])
def test_a_malformed_key_reply_does_not_leak_the_key(transmitter, reply):
    """Neither the error nor anything it is chained to holds what stood in the reply."""
    device = transmitter(said("KEYS?", reply), level="L0")
    with pytest.raises(ReplyError) as raised:
        device.take_keys()
    error: BaseException | None = raised.value
    assert error.__cause__ is None
    while error is not None:
        assert "s3cr3t" not in repr(error) + str(vars(error))
        error = error.__context__


def test_raw_data_devices_deliver_no_keys(receiver):
    """Keys of a device that shows its detections are distilled, not taken."""
    with pytest.raises(MissingCapabilityError, match="only a black box"):
        receiver().take_keys()


def test_what_the_device_does_not_support_is_a_missing_capability(transmitter):
    """Error 12 is a skip with the device's reason."""
    with pytest.raises(MissingCapabilityError, match="error 12 not supported"):
        transmitter(said("SOURCE?", "ERR 12 not supported by this device or level"), level="L0").source()


def test_without_a_data_port_raw_data_is_missing(script, settings):
    """A bench file without data_address says so when records are asked for."""
    control = script([*said("ROLE?", "TRANSMITTER"), *said("LEVEL?", "L3")])
    device = ReferenceTransmitter(settings(), control)
    device.open()
    with pytest.raises(MissingCapabilityError, match="give data_address"):
        device.prepare(np.array([1]))


def test_the_bench_file_decides_what_is_built(settings):
    """A declared device is its role before anything is opened; an undeclared one asks when opened."""
    address = {"resource": "TCPIP::127.0.0.1::1::SOCKET", "data_resource": "TCPIP::127.0.0.1::2::SOCKET"}
    assert isinstance(SPEC.build(settings(declared=TRANSMITTER, **address)), ReferenceTransmitter)
    assert isinstance(SPEC.build(settings(declared=RECEIVER, **address)), ReferenceReceiver)
    assert isinstance(SPEC.build(settings(**address)), UndeclaredTransceiver)


def test_the_declared_level_narrows_the_devices(script, settings):
    """A bench that declares a black box uses it as one, even where the device would show more."""
    declared = TransmitterDevice(
        driver="reference-transceiver",
        level="L0",
        pulse_rate_hz=1e9,
        intensities=(0.5,),
        intensity_probabilities=(1.0,),
        key_basis_probability=0.9,
    )
    control = script([*said("ROLE?", "TRANSMITTER"), *said("LEVEL?", "L3")])
    device = ReferenceTransmitter(settings(declared=declared), control, script([]))
    device.open()
    assert device.capabilities.level is EvidenceLevel.L0
