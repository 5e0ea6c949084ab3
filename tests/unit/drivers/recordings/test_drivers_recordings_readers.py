"""Readers of time-tag files, against bytes put together here from the formats' own documentation."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.recordings.formats import FORMATS, open_tags
from hil.drivers.recordings.gather import common_tick, gather
from hil.errors import UsageError
from hil.ports.channel_map import default_channels, parse_channels

FINE = Fraction(1, 256 * 10**9)


@pytest.fixture
def written(tmp_path):
    def write(content: bytes, name="tags.dat"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def _events(file):
    chunks = list(file.chunks())
    return [(int(c), int(t)) for chunk in chunks for c, t in zip(chunk.channel, chunk.ticks, strict=True)]


def _word(time, pattern):
    """readevents7.c, -a 1: the top 54 bits are the time in 1/256 ns, the lowest four the detectors."""
    return (time << 10) | pattern


class TestReadevents:
    """8 bytes an event."""

    @pytest.mark.parametrize(
        ("name", "pack"),
        [
            ("readevents", lambda w: struct.pack("<Q", w)),
            ("readevents-swapped", lambda w: struct.pack("<II", w >> 32, w & 0xFFFFFFFF)),
            ("readevents-text", lambda w: b"%016x\n" % w),
        ],
    )
    def test_golden_bytes_are_read_and_recognised(self, written, name, pack):
        """Detectors 1, 2, 4, 8 are channels 0 to 3; 2^40 ticks need both halves of the word."""
        told = [(3, 0), (2**40, 1), (2**40 + 7, 2), (2**41, 3)]
        file = open_tags(written(b"".join(pack(_word(time, 1 << channel)) for time, channel in told)))
        assert (file.format, file.tick) == (name, FINE)
        assert _events(file) == [(channel, time) for time, channel in told]

    def test_coarse_times_are_the_top_49_bits(self, written):
        """readevents3.c: multiples of 1/8 ns in the top 49 bits; what stands below is no time and no dummy mark."""
        path = written(b"".join(struct.pack("<Q", (time << 15) | 0x7F50 | 2) for time in (5, 6)))
        assert _events(open_tags(path, "readevents", Fraction(1, 8 * 10**9))) == [(1, 5), (1, 6)]

    def test_dummies_and_double_clicks_are_passed_over_and_counted(self, written):
        """Bit 4 and an empty pattern are dummies; two detectors at once are no detection of one."""
        words = [_word(1, 1), _word(2, 0), _word(3, 0x11), _word(4, 3), _word(5, 8)]
        (chunk,) = open_tags(written(struct.pack("<5Q", *words)), "readevents").chunks()
        assert chunk.ticks.tolist() == [1, 5]
        assert chunk.passed_over == {"dummy events": 2, "events of several detectors at once": 1}

    def test_the_counter_that_starts_over_goes_on(self, written):
        """After 2^54 ticks the next event is later, not earlier."""
        words = [_word(2**54 - 5, 1), _word(3, 2), _word(10, 4)]
        file = open_tags(written(struct.pack("<3Q", *words)), "readevents")
        assert [time for _, time in _events(file)] == [2**54 - 5, 2**54 + 3, 2**54 + 10]

    def test_a_step_back_is_named(self, written):
        """The record, both times, and what was expected; dummies count as records."""
        words = [_word(5, 1), _word(6, 0), _word(9, 1), _word(7, 1)]
        file = open_tags(written(struct.pack("<4Q", *words)), "readevents")
        with pytest.raises(UsageError, match="record 4: found time 7 after 9; expected ascending"):
            list(file.chunks())

    def test_a_truncated_file_is_named(self, written):
        """Where the last whole record ends is told."""
        file = open_tags(written(struct.pack("<2Q", _word(5, 1), _word(6, 1)) + b"abc"), "readevents")
        with pytest.raises(UsageError, match=r"truncated: 19 bytes.*2 records of 8 bytes and 3 bytes more.*byte 16"):
            list(file.chunks())

    @given(st.lists(st.tuples(st.integers(0, 2**53), st.integers(0, 3)), min_size=1, max_size=40))
    def test_round_trip(self, tmp_path_factory, told):
        """Whatever ascending events were written come back."""
        told = sorted(told, key=lambda one: one[0])
        path = tmp_path_factory.mktemp("trip") / "tags.dat"
        path.write_bytes(b"".join(struct.pack("<Q", _word(time, 1 << channel)) for time, channel in told))
        assert _events(open_tags(path, "readevents")) == [(channel, time) for time, channel in told]


class TestQutag:
    """tdcbase.h: 8 bytes of time and 2 of channel, little endian; text with channels from 1."""

    TOLD = ((0, 100), (3, 2**33), (1, 2**33 + 1))

    def _body(self):
        return b"".join(struct.pack("<qH", time, channel) for channel, time in self.TOLD)

    def test_binary_with_and_without_header_and_text_are_the_same(self, written):
        """Three variants of one recording; the header is skipped unread."""
        text = "".join(f"{time},{channel + 1}\n" for channel, time in self.TOLD).encode()
        for name, content in (("qutag-binary", b"\xff" * 40 + self._body()), ("qutag-raw", self._body()), ("qutag-text", text)):
            file = open_tags(written(content), name)
            assert file.tick == Fraction(1, 10**12)
            assert _events(file) == list(self.TOLD), name

    def test_markers_are_passed_over(self, written):
        """Channel 104 is a millisecond tick."""
        path = written(self._body() + struct.pack("<qH", 2**34, 104))
        assert [chunk.passed_over for chunk in open_tags(path, "qutag-raw").chunks()] == [{"markers": 1}]

    def test_a_wrong_channel_is_named(self, written):
        """A header that is not there shifts everything, and the message says so."""
        path = written(self._body() + struct.pack("<qH", 2**34, 4000))
        with pytest.raises(UsageError, match=r"record 4: found channel 4000.*header of 40 bytes"):
            list(open_tags(path, "qutag-raw").chunks())

    def test_the_compressed_variant_is_refused_by_name(self, written):
        """37 bits of time cannot be put together again after a gap."""
        with pytest.raises(UsageError, match="compressed format keeps 37 bits"):
            open_tags(written(b"\0" * 90), "qutag-compressed")


class TestPicoquant:
    """Records of PTU files, byte for byte; the library's own whole-file decoding is the other reading."""

    def _file(self, kind, records, *, t3=False, promised=None):
        def tag(name, typecode, value):
            return struct.pack("<32siI8s", name.encode(), -1, typecode, value)

        whole, real = 0x10000008, 0x20000008
        header = struct.pack("<8s8s", b"PQTTTR", b"1.0.00") + b"".join(
            (
                tag("Measurement_Mode", whole, struct.pack("<q", 3 if t3 else 2)),
                tag("TTResultFormat_TTTRRecType", whole, struct.pack("<q", kind)),
                tag("TTResultFormat_BitsPerRecord", whole, struct.pack("<q", 32)),
                tag("MeasDesc_GlobalResolution", real, struct.pack("<d", 12.5e-9 if t3 else 1e-12)),
                tag("MeasDesc_Resolution", real, struct.pack("<d", 4e-12)),
                tag("TTResult_NumberOfRecords", whole, struct.pack("<q", len(records) if promised is None else promised)),
                tag("Header_End", 0xFFFF0008, bytes(8)),
            )
        )
        return header + np.array(records, "<u4").tobytes()

    def test_t2_of_a_multiharp(self, written):
        """25 bits of time, channel in bits 25 to 30, overflows of 2^25 in a count; a marker is none of the events."""
        pytest.importorskip("ptufile")
        overflow = (1 << 31) | (0x3F << 25)
        records = [(2 << 25) | 7, overflow | 3, (1 << 25) | 5, (1 << 31) | (4 << 25) | 9, 11]
        file = open_tags(written(self._file(0x00010207, records)))
        assert (file.format, file.tick) == ("picoquant", Fraction(1, 10**12))
        assert _events(file) == [(2, 7), (1, 3 * 2**25 + 5), (0, 3 * 2**25 + 11)]

    def test_t3_counts_sync_periods_and_delays(self, written):
        """Sync pulse n of 12.5 ns is 3125 n ticks of 4 ps, the delay comes on top; delays of one pulse are put in order."""
        pytest.importorskip("ptufile")
        overflow = (1 << 31) | (0x3F << 25) | 2
        records = [(1 << 25) | (40 << 10) | 3, (2 << 25) | (8 << 10) | 3, overflow, (1 << 25) | (1 << 10) | 1]
        file = open_tags(written(self._file(0x00010307, records, t3=True)))
        assert file.tick == Fraction(4, 10**12)
        assert _events(file) == [(2, 3 * 3125 + 8), (1, 3 * 3125 + 40), (1, (2 * 1024 + 1) * 3125 + 1)]

    @pytest.mark.parametrize("kind", [0x00010203, 0x00010204, 0x01010204, 0x00010205, 0x00010206, 0x00010207])
    def test_overflows_go_on_from_chunk_to_chunk(self, written, monkeypatch, kind):
        """In chunks of three records the times are those of the library's decoding in one go."""
        ptufile = pytest.importorskip("ptufile")
        monkeypatch.setattr("hil.drivers.recordings.picoquant.CHUNK_EVENTS", 3)
        overflow = 0xF0000000 if kind == 0x00010203 else (0xFE000000 | 1)
        records = [word for turn in range(8) for word in (10 * turn + 1, overflow)]
        path = written(self._file(kind, records))
        with ptufile.PtuFile(path) as file:
            whole = file.decode_records()
        expected = whole["time"][whole["channel"] >= 0].tolist()
        assert [time for _, time in _events(open_tags(path))] == expected

    def test_a_truncated_file_is_named(self, written):
        """The header promises more records than there are."""
        pytest.importorskip("ptufile")
        with pytest.raises(UsageError, match="truncated: its header promises 9 records"):
            open_tags(written(self._file(0x00010207, [1, 2], promised=9)))

    def test_what_to_install_is_said(self, written, monkeypatch):
        """Without the library the message names the extra."""
        monkeypatch.setitem(__import__("sys").modules, "ptufile", None)
        with pytest.raises(UsageError, match=r"qkd-hil\[picoquant\]"):
            open_tags(written(b"PQTTTR\0\0"))


class TestChoice:
    """Finding the format, or saying why not."""

    def test_mistakes_are_said(self, written, tmp_path):
        """A path that is not there, an empty file, an unknown name, bytes of no format, and text without its tick."""
        good = written(b"0 5\n4 6\n", "tags.txt")
        for words, call in (
            ("no such file; did you mean .*tags.txt", lambda: open_tags(tmp_path / "tag.txt")),
            ("is empty", lambda: open_tags(written(b""))),
            ("did you mean 'readevents'", lambda: open_tags(good, "readevent")),
            ("fits none of the known formats", lambda: open_tags(written(b"\x01\x02\x03"))),
            ("does not say how long a tick is", lambda: open_tags(good)),
        ):
            with pytest.raises(UsageError, match=words):
                call()

    def test_every_format_has_a_title(self):
        """What a message lists is known by one name each."""
        assert all(spec.name == name and spec.title for name, spec in FORMATS.items())


class TestGather:
    """Two files, each in its own clock."""

    def test_two_ticks_meet_on_their_common_divisor(self, written):
        """125 and 156.25 ps in steps of 31.25 ps, exactly: a tick of either is 4 and 5 of them."""
        assert common_tick(Fraction("125e-12"), Fraction("156.25e-12")) == Fraction("31.25e-12")
        hers = open_tags(written(b"0 1000\n1 1003\n", "a.txt"), tick=Fraction("125e-12"))
        his = open_tags(written(b"2 7\n3 9\n", "b.txt"), tick=Fraction("156.25e-12"))
        both = gather((hers, his), default_channels(files=2))
        assert (both.alice.ticks.tolist(), both.bob.ticks.tolist()) == ([0, 12], [0, 10])
        assert both.starts == (4000, 35)
        assert (both.alice.channel.tolist(), both.bob.channel.tolist()) == ([0, 1], [2, 3])

    def test_a_declared_map_says_whose_a_channel_is(self, written):
        """Settings that both have come first; other channels are passed over and counted; a swapped bit is another code."""
        file = open_tags(written(b"9 1\n2 2\n5 3\n7 4\n"), "text", Fraction("1e-12"))
        words = ["9=a:X:0", "2=a:Z:1", "5=b:Z:0"]
        both = gather((file,), parse_channels(words))
        assert (both.alice.channel.tolist(), both.bob.channel.tolist()) == ([2, 1], [0])
        assert both.passed_over == {"events of channel 7": 1}
        assert gather((file,), parse_channels([*words[:2], "5=b:Z:1"])).bob.channel.tolist() == [1]

    @pytest.mark.parametrize("words", [["9=c:X:0"], ["1=a:Z:0", "1=b:Z:0"], ["1=a:Z:0", "2=a:Z:0"], ["1=a:Z:0"]])
    def test_a_wrong_map_is_refused(self, words):
        """Unknown party, channel or result twice, a party without channels."""
        with pytest.raises(UsageError, match="expected"):
            parse_channels(words)
