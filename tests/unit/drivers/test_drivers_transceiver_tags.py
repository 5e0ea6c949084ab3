"""Receivers with tags over the reference protocol: the driver against bytes from its page, and against the twin."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction

import msgspec
import numpy as np
import pytest

from hil import discovery
from hil.bench import load
from hil.bench.model import ReceiverDevice
from hil.device_sims.world.world import World
from hil.drivers.reference_transceiver import ReferenceReceiver
from hil.errors import IdentityError, ReplyError
from hil.ports.detections import TagRecords

RECEIVER = ReceiverDevice(
    driver="reference-transceiver",
    efficiency=0.2,
    dark_count_rate_hz=60.0,
    dead_time_s=50e-9,
    key_basis_probability=0.9,
    timing="tags",
    tick_s=156.25e-12,
)
TICK = (1, 6_400_000_000)


def said(request: str, reply: str) -> list:
    return [(">", request.encode() + b"\n"), ("<", reply.encode() + b"\n")]


def frame(kind: int, payload: bytes) -> bytes:
    return b"QHD1" + struct.pack("<B3xQ", kind, len(payload)) + payload + struct.pack("<I", zlib.crc32(payload))


def block(words: list[int], detectors: list[int], *, width: int = 2, tick: tuple[int, int] = TICK, end: int = 200_000) -> bytes:
    """As the protocol's page has it: block 7 from tick 100 on, of the clock "bob"."""
    head = struct.pack("<6Q", 7, 100, end, len(detectors), 2, 1_000_000_000)
    clock = struct.pack("<4QB", *tick, width, len(words), 3) + b"bob"
    return head + clock + b"".join(word.to_bytes(width, "little") for word in words) + bytes(detectors)


@pytest.fixture
def receiver(script, settings):
    def make(payload=None, announced="", timing="TAGS 1/6400000000"):
        opening = [
            *said("ROLE?", "RECEIVER"),
            *said("LEVEL?", "L3"),
            *said("DETECTORS?", "z0,z1,x0,x1"),
            *said("TIMING?", timing),
        ]
        control = said("BLOCK STOP", announced) if payload is not None else []
        data = [(">", frame(0x02, struct.pack("<Q", 7))), ("<", frame(0x83, payload or b""))] if payload is not None else []
        device = ReferenceReceiver(settings(declared=RECEIVER), script([*opening, *control]), script(data))
        device.open()
        return device

    return make


def test_tags_are_read_back_whole(receiver):
    """Steps add up from the block's first tick; an overflow word adds 65,535 and is no click."""
    payload = block([5, 0, 65_535, 65_535, 10], [0, 3, 2])
    records = receiver(payload, "OK 7 100 200000 3 2 1000000000").stop()
    assert isinstance(records, TagRecords)
    assert records.ticks.tolist() == [105, 105, 131_185]
    assert records.detector.tolist() == [0, 3, 2]
    assert (records.first, records.end, records.lost, records.live_s, records.sequence) == (100, 200_000, 2, 1.0, 7)
    assert records.clock.name == "bob"
    assert records.clock.tick_s == Fraction(625, 4) / 10**12


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"short", "too short for its header"),
        (block([5], [0])[:82], "too short for its header"),
        (block([5], [0], width=3), "asked for"),
        (block([5, 6], [0])[:-1], "asked for"),
        (block([5, 6], [0]), "announces 1 tags before tick 200000; 2 came"),
        (block([65_535], [0]), "announces 1 tags before tick 200000; 0 came"),
        (block([150], [0], end=200), "announces 1 tags before tick 200"),
        (block([5], [0], tick=(0, 1)), "from tick 100 to 200000 of 0/1 s each"),
        (block([5], [0], tick=(1, 0)), "of 1/0 s each"),
        (block([5], [0], end=1 << 63), "from tick 100 to"),
    ],
)
def test_inconsistent_blocks_are_refused(receiver, payload, words):
    """A block that contradicts itself is no measurement."""
    with pytest.raises(ReplyError, match=words):
        receiver(payload, "OK 7 100 200000 1 2 1000000000").stop()


@pytest.mark.parametrize("timing", ["INDICES", "TAGS 1/8000000000"])
def test_another_tick_than_the_bench_file_declares_is_refused(receiver, timing):
    """With a wrong tick nothing could be synchronised: it is said before anything is measured."""
    with pytest.raises(IdentityError, match="correct timing and tick"):
        receiver(timing=timing)


class TestTwin:
    """The twin's bytes, taken apart by nothing but the protocol's page."""

    @pytest.mark.parametrize(("dark_hz", "emitting", "width"), [(60.0, True, 2), (0.5, False, 4)])
    def test_the_twin_tells_what_its_world_has(self, dark_hz: float, emitting: bool, width: int) -> None:
        """Many clicks come in short steps, few in long ones; control and data port agree, and no pulse is told."""
        bench = load("metro-25km")
        table = msgspec.structs.replace(
            bench.device["bob"], timing="tags", dark_count_rate_hz=dark_hz, clock_offset_s=1000.0, clock_error_ppm=-3.0
        )
        world = World(msgspec.structs.replace(bench, device=bench.device | {"bob": table}), seed=7)
        world.set_emitting("alice", 0, emitting=emitting)
        world.set_biased("bob", 0, biased=True)
        control, data = (end.session() for end in discovery.find("twin", "reference-transceiver").build(world, "bob"))
        length_ns = 5_000_000 if emitting else 8_000_000_000

        def ask(words: bytes, now_ns: int) -> list[bytes]:
            return b"".join(reply.data for reply in control.received(words, now_ns)).split()

        assert ask(b"TIMING?\n", 0) == [b"TAGS", b"1/8000000000"]
        start = int(ask(b"BLOCK START\n", 1_000_000)[1])
        assert start == (Fraction(1000) + Fraction(1, 1000) * (1 - Fraction("3e-6"))) // Fraction(1, 8_000_000_000)
        sequence, first, end, count, lost, _ = (int(word) for word in ask(b"BLOCK STOP\n", 1_000_000 + length_ns)[1:])
        assert first == start
        (reply,) = data.received(frame(0x02, struct.pack("<Q", sequence)), 0)
        payload = reply.data[16:-4]
        assert struct.unpack_from("<5Q", payload) == (sequence, first, end, count, lost)
        assert struct.unpack_from("<3Q", payload, 48) == (1, 8_000_000_000, width)
        (words,) = struct.unpack_from("<Q", payload, 72)
        assert payload[80:84] == b"\x03bob"
        steps = np.frombuffer(payload, f"<u{width}", words, 84)
        overflow = (1 << 8 * width) - 1
        ticks = np.cumsum(steps.astype(np.int64))[steps != overflow] + first
        truth = world.last_tags("bob")
        assert truth is not None
        assert count == truth.ticks.size > 5
        assert np.array_equal(ticks, truth.ticks)
        assert payload[84 + width * words :] == truth.detector.tobytes()
