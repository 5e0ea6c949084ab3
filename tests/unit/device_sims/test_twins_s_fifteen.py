"""S-Fifteen's detector module and TDC1 byte by byte: the dialogues of their maker's own library (pyS15)."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from hil.bench import load
from hil.device_sims.instruments._s_fifteen import SFifteenSession
from hil.device_sims.instruments.s_fifteen_tdc1 import SFifteenTdc1
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
DARK_HZ, SIGMAS = 500.0, 4.9


@pytest.fixture
def world():
    made = World(load(SHELF), seed=7)
    made.set_biased("bob", 0, biased=True)
    return made


@pytest.fixture
def spd(world, talk):
    return talk(world, "spd")


@pytest.fixture
def tdc1(world, talk):
    return talk(world, "tdc1")


def stamps(stream: bytes) -> tuple[list[int], list[int], int]:
    """Times in ns and patterns of inputs as pyS15's read_timestamps_bin has them, and how often the time rolled over."""
    times_ns, patterns, turns, last = [], [], 0, -1
    for (word,) in struct.iter_unpack("<I", stream):
        turns += word >> 5 < last
        last = word >> 5
        if not word & 0x10:
            times_ns.append((last + turns * (1 << 27)) * 2)
            patterns.append(word & 0xF)
    return times_ns, patterns, turns


class TestDetector:
    """Bias, cooler and counter of one detector."""

    @pytest.mark.parametrize("end", [b";", b"\r\n", b"\n"])
    def test_commands_end_with_a_semicolon_or_a_line(self, spd, end):
        assert spd(b"time?" + end) == b"1000\r\n"

    def test_tells_who_it_is(self, spd):
        assert spd(b"*idn?\r\n").startswith(b"SPD InGaAs, S-Fifteen Instruments, SPD")
        assert spd(b"*IDN?;").endswith(b", firmware 1.3\r\n")

    @pytest.mark.parametrize(("name", "value"), [("hvolt", "210"), ("threshvolt", "-0.2"), ("settemp", "-30"), ("time", "50")])
    def test_settings_are_silent_and_told(self, spd, name, value):
        assert spd(f"{name} {value};".encode()) == b""
        assert spd(f"{name}?;".encode()) == f"{value}\r\n".encode()

    def test_the_bias_makes_it_count(self, world, spd):
        """Nothing below breakdown (nine tenths of 210 V); with its voltage what the receiver counts, after the set time."""
        assert spd(b"time 2000;counts?\r\n", 0) == b"0\r\n"
        assert spd.delays_s == [2.0]
        spd(b"hvolt 188\r\n", 2 * SECOND)
        assert not world.beside.biased("spd")
        spd(b"hvolt 210\r\n", 2 * SECOND)
        before = world.counters("bob", 2 * SECOND).counts[0]
        counted = int(spd(b"counts?\r\n", 2 * SECOND))
        assert counted == world.counters("bob", 4 * SECOND).counts[0] - before
        assert abs(counted - 2 * DARK_HZ) < SIGMAS * (2 * DARK_HZ) ** 0.5

    def test_the_cooler_holds_its_set_point_while_its_loop_is_closed(self, spd):
        assert spd(b"temp?;") == b"-20.00\r\n"
        assert spd(b"loop 0;temp?;") == b"22.00\r\n"

    def test_bias_and_cooler_reach_the_detector(self, world, spd):
        """Half of the 21 V above breakdown count half of the 500 dark counts a second; 20 K warmer, four times as many."""
        spd(b"hvolt 199.5\r\n", 0)
        half = int(spd(b"time 20000;counts?\r\n", 0))
        assert abs(half - 20 * DARK_HZ / 2) < SIGMAS * (20 * DARK_HZ / 2) ** 0.5
        spd(b"hvolt 210;settemp 0\r\n", 20 * SECOND)
        warm = int(spd(b"counts?\r\n", 20 * SECOND))
        assert abs(warm - 80 * DARK_HZ) < SIGMAS * (80 * DARK_HZ) ** 0.5
        spd(b"settemp -20;loop 0\r\n", 40 * SECOND)  # 42 K warmer in the room
        assert int(spd(b"counts?\r\n", 40 * SECOND)) > 300 * DARK_HZ

    @pytest.mark.parametrize("command", [b"hvolt 300", b"time 0", b"loop 2", b"hvolt nan", b"settemp x"])
    def test_what_is_out_of_range_is_said_and_changes_nothing(self, spd, command):
        name = command.split()[0]
        before = spd(name + b"?;")
        assert spd(command + b";") == b"out of range\r\n"
        assert spd(name + b"?;") == before

    @pytest.mark.parametrize("command", [b"what?", b"hvolt", b"hvolt 1 2", b"\xff"])
    def test_what_it_does_not_know_is_said(self, spd, command):
        assert spd(command + b";") == b"unknown command\r\n"


class TestTimeTagger:
    """Four inputs, and four pairs of them."""

    def test_tells_who_it_is_and_how_it_is_set(self, tdc1):
        assert tdc1(b"*idn?\r\n").startswith(b"TDC1 S-Fifteen Instruments TDC")
        assert tdc1(b"time?;mode?;level?;REFCLK?;ECLOCK?;") == b"1000\r\n0\r\nNIM\r\n0\r\n0\r\n"
        assert tdc1(b"TTL;pairs;REFCLK 2;level?;mode?;refclk?;") == b"TTL\r\n1\r\n2\r\n"

    def test_a_time_beyond_15_bits_is_told_with_its_sign(self, tdc1):
        """As the firmware's 16-bit number is."""
        assert tdc1(b"time 40000;time?;") == b"-25536\r\n"

    def test_singles_are_four_numbers_after_the_set_time(self, world, tdc1):
        before = world.counters("bob", 0).counts
        told = tdc1(b"time 3000;singles;counts?\r\n", 0)
        assert tdc1.delays_s == [3.0]
        gained = [int(now - was) for now, was in zip(world.counters("bob", 3 * SECOND).counts, before, strict=True)]
        assert told == " ".join(map(str, gained)).encode() + b"\r\n"
        assert abs(gained[1] - 3 * DARK_HZ) < SIGMAS * (3 * DARK_HZ) ** 0.5

    def test_pairs_are_eight(self, tdc1):
        numbers = tdc1(b"pairs;time 500;counts?\r\n", 0).split()
        assert len(numbers) == 8
        assert max(map(int, numbers[4:])) < 3  # 500 Hz x 500 Hz x 2 ns x 0.5 s

    @pytest.mark.parametrize("command", [b"time 0", b"time 70000", b"NEG 4", b"REFCLK 3"])
    def test_what_is_out_of_range_is_said(self, tdc1, command):
        assert tdc1(command + b";") == b"out of range\r\n"

    def test_time_stamps_are_of_the_clicks_that_it_counts(self, world):
        """Read as the maker's library reads them; dark counts of 500 Hz, for 600 ms: more than two turns of 268 ms."""
        session = SFifteenSession(SFifteenTdc1(world, "tdc1").execute)
        (asked,) = session.received(b"timestamp;INPKT;time 600;counts?;", SECOND)
        now_ns, again_s, stream = SECOND, asked.delay_s, b""
        while again_s is not None:
            now_ns += round(again_s * SECOND)
            data, again_s = asked.make(now_ns)
            stream += data
        assert now_ns == 8 * SECOND // 5
        times_ns, patterns, turns = stamps(stream)
        assert turns == 2
        clicks = [sum(pattern >> number & 1 for pattern in patterns) for number in range(4)]
        assert clicks[0] == clicks[3] == 0  # their own control units give them no bias
        for number in (1, 2):
            assert abs(clicks[number] - 0.6 * DARK_HZ) < SIGMAS * (0.6 * DARK_HZ) ** 0.5
        assert times_ns == sorted(times_ns)
        assert 0 <= times_ns[0] <= times_ns[-1] < 600_000_000
        assert times_ns[-1] > 500_000_000  # 50 dark counts are due in the last 100 ms
        assert session.received(b"mode?;", now_ns)[0].data == b"3\r\n"

    def test_turns_without_a_click_are_not_missed(self):
        """Read as the maker's library reads them: a second without any click is three turns of 268 ms."""
        session = SFifteenSession(SFifteenTdc1(World(load(SHELF), seed=7), "tdc1").execute)
        (asked,) = session.received(b"timestamp;INPKT;time 1000;counts?;", 0)
        now_ns, again_s, stream = 0, asked.delay_s, b""
        while again_s is not None:
            now_ns += round(again_s * SECOND)
            data, again_s = asked.make(now_ns)
            stream += data
        assert stamps(stream) == ([], [], 3)

    def test_what_was_not_sent_yet_comes_with_the_end(self, world):
        """All that the receiver's counters gained until ``abort``."""
        before = world.counters("bob", SECOND).counts
        session = SFifteenSession(SFifteenTdc1(world, "tdc1").execute)
        (stream,) = session.received(b"timestamp;time 0;INPKT;counts?;", SECOND)
        data, _ = stream.make(SECOND + SECOND // 10)
        (rest,) = session.received(b"abort;", SECOND + SECOND // 2)
        _, patterns, _ = stamps(data + rest.data)
        gained = sum(world.counters("bob", SECOND + SECOND // 2).counts) - sum(before)
        assert len(patterns) == gained > 300

    def test_a_stream_ends_with_abort(self, world):
        """Asked for without an end (``time 0``), it goes on until then; what is left of it is not sent any more."""
        session = SFifteenSession(SFifteenTdc1(world, "tdc1").execute)
        (stream,) = session.received(b"timestamp;time 0;INPKT;counts?;", 0)
        data, again_s = stream.make(SECOND)
        assert len(data) > 4
        assert again_s is not None
        assert session.received(b"abort;", SECOND) == []
        assert stream.make(2 * SECOND) == (b"", None)
