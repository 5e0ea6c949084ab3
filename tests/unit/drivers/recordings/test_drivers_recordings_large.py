"""Readers on files longer than a chunk: order across chunks, and memory."""

from __future__ import annotations

import struct
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from hil.drivers.recordings.formats import open_tags
from hil.drivers.recordings.gather import gather
from hil.ports.channel_map import default_channels

PERIOD_S, FINE_S = 12.5e-9, 4e-12
T3_KINDS = {
    # PicoQuant's tag dictionary: name of the record type, bits of (channel, delay, pulse number)
    0x00010303: (4, 12, 16),  # PicoHarp T3
    0x01010304: (6, 15, 10),  # HydraHarp 2 T3
    0x00010305: (6, 15, 10),  # TimeHarp 260N T3
    0x00010307: (6, 15, 10),  # MultiHarp T3
}


def _tag(name, typecode, value):
    return struct.pack("<32siI8s", name.encode(), -1, typecode, value)


def _t3_file(kind, records):
    whole, real = 0x10000008, 0x20000008
    return (
        struct.pack("<8s8s", b"PQTTTR", b"1.0.00")
        + b"".join(
            (
                _tag("Measurement_Mode", whole, struct.pack("<q", 3)),
                _tag("TTResultFormat_TTTRRecType", whole, struct.pack("<q", kind)),
                _tag("TTResultFormat_BitsPerRecord", whole, struct.pack("<q", 32)),
                _tag("MeasDesc_GlobalResolution", real, struct.pack("<d", PERIOD_S)),
                _tag("MeasDesc_Resolution", real, struct.pack("<d", FINE_S)),
                _tag("TTResult_NumberOfRecords", whole, struct.pack("<q", len(records))),
                _tag("Header_End", 0xFFFF0008, bytes(8)),
            )
        )
        + np.array(records, "<u4").tobytes()
    )


def _t3_records(kind, photons):
    """Records of (channel, pulse, delay), overflows where the pulse number starts over; layout of the tag dictionary."""
    channel_bits, delay_bits, pulse_bits = T3_KINDS[kind]
    records, turns = [], 0
    for channel, pulse, delay in photons:
        while pulse >> pulse_bits > turns:
            turns += 1
            if channel_bits == 4:
                records.append(0xF << 28)
            else:
                records.append(1 << 31 | 0x3F << 25 | 1)
        low = pulse & ((1 << pulse_bits) - 1)
        shown = channel + 1 if channel_bits == 4 else channel  # PicoHarp counts from 1
        records.append(shown << (delay_bits + pulse_bits) | delay << pulse_bits | low)
    return records


@pytest.mark.parametrize("kind", T3_KINDS)
@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_t3_photons_come_in_order_of_time(tmp_path, monkeypatch, kind, chunk):
    """Photons of one pulse are recorded channel by channel; wherever a chunk ends, they come out by time, all of them.

    Times by exact fractions: pulse number times the period, cut to whole ticks, plus the delay.
    """
    pytest.importorskip("ptufile")
    monkeypatch.setattr("hil.drivers.recordings.picoquant.CHUNK_EVENTS", chunk)
    random = np.random.default_rng(kind)
    pulses = np.repeat(np.cumsum(random.integers(1, 3000, 60)), random.integers(1, 4, 60))
    photons = [(int(random.integers(0, 4)), int(pulse), int(random.integers(1, 3000))) for pulse in pulses]
    path = tmp_path / "t3.ptu"
    path.write_bytes(_t3_file(kind, _t3_records(kind, photons)))
    period = Fraction("12.5e-9") / Fraction("4e-12")
    expected = sorted((int(pulse * period) + delay, channel) for channel, pulse, delay in photons)
    events = [
        (int(time), int(channel))
        for one in open_tags(path).chunks()
        for time, channel in zip(one.ticks, one.channel, strict=True)
    ]
    assert sorted(events) == expected
    assert [time for time, _ in events] == [time for time, _ in expected]


def _qutag(path, events):
    random = np.random.default_rng(1)
    written = np.zeros(events, np.dtype([("time", "<i8"), ("channel", "<u2")]))
    written["time"] = np.cumsum(random.integers(1, 1_000_000, events))
    written["channel"] = random.integers(0, 8, events)
    path.write_bytes(written.tobytes())
    return written


def test_a_large_file_is_read_in_bounded_memory(tmp_path):
    """Two million events, 20 MB: nine bytes an event stay, and while they are put together twice that and a chunk's few MB."""
    events = 2_000_000
    written = _qutag(tmp_path / "large.bin", events)
    file = open_tags(tmp_path / "large.bin", "qutag-raw")
    tracemalloc.start()
    try:
        both = gather((file,), default_channels())
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert both.alice.ticks.size + both.bob.ticks.size == events
    assert both.alice.ticks[-1] == written["time"][written["channel"] < 4][-1]
    assert kept < 10 * events
    assert peak < 30 * events


def test_the_first_seconds_of_a_large_file_cost_no_more_than_they_are(tmp_path):
    """One per cent of the recording: reading stops there, and memory is that of a chunk."""
    _qutag(tmp_path / "large.bin", 2_000_000)
    file = open_tags(tmp_path / "large.bin", "qutag-raw")
    tracemalloc.start()
    try:
        gather((file,), default_channels(), seconds=0.01)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30e6
