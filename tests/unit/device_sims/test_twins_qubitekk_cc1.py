"""Qubitekk CC1 byte by byte in both dialects; the dialogues are those that InstrumentKit's driver holds and is tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench import load
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"


@pytest.fixture
def world():
    made = World(load(SHELF), seed=7)
    made.set_biased("bob", 0, biased=True)
    made.beside.set_biased("spd", 0, biased=True)
    return made


def _gained(world, before, now_ns):
    """Clicks of every detector of the receiver since the counts ``before``."""
    return [int(now - was) for now, was in zip(world.counters("bob", now_ns).counts, before, strict=True)]


@pytest.fixture
def new(world, talk):
    """Firmware 2.010, acknowledgements off."""
    counter = talk(world, "cc1")
    assert counter(b":ACKN OF\n") == b":ACKN OF\n"
    return counter


@pytest.fixture
def old(world, talk):
    """Firmware 2.001."""
    return talk(world, "cc1_old")


def test_the_newer_repeats_commands_until_it_is_told_not_to(world, talk):
    """The command that ends it is still repeated; the answer to a query follows its echo."""
    counter = talk(world, "cc1")
    assert counter(b"FIRM?\n") == b"FIRM?\nFirmware v2.010\n"
    assert counter(b"CLEA\n") == b"CLEA\n"
    assert counter(b":ACKN OF\nCLEA\n") == b":ACKN OF\n"
    assert counter(b":ACKN ON\nCLEA\n") == b"CLEA\n"


def test_the_older_knows_no_acknowledgements(old):
    assert old(b":ACKN OF\n") == b"Unknown Command\n"
    assert old(b"FIRM?\n") == b"Firmware v2.001\n"


@pytest.mark.parametrize("name", ["GATE", "SUBT"])
def test_switches_by_word_or_by_number(new, old, name):
    assert new(f":{name}:ON\n{name}?\n:{name}:OFF\n{name}?\n".encode()) == b"ON\nOFF\n"
    assert old(f":{name} 1\n{name}?\n:{name} 0\n{name}?\n".encode()) == b"1\n0\n"
    assert new(f":{name} 1\n".encode()) == b"Unknown Command\n"
    assert old(f":{name}:ON\n".encode()) == b"Unknown Command\n"


def test_triggers_by_word_or_by_number(new, old):
    assert new(b":TRIG:MODE STOP\nTRIG?\n:TRIG:MODE CONT\nTRIG?\n") == b"MODE STOP\nMODE CONT\n"
    assert old(b":TRIG 1\nTRIG?\n:TRIG 0\nTRIG?\n") == b"1\n0\n"


def test_dwell_times_are_told_in_seconds_or_in_milliseconds(new, old):
    """Both are set in seconds; the older tells 8000 where the newer tells 8."""
    assert new(b":DWEL 8\nDWEL?\n") == b"8\n"
    assert old(b":DWEL 8\nDWEL?\n") == b"8000\n"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b":WIND 8", b"Unable to comply\n"),
        (b":WIND 2.5", b"Unable to comply\n"),
        (b":DELA 3", b"Unable to comply\n"),
        (b":DELA 16", b"Unable to comply\n"),
        (b":DWEL -1", b"Unable to comply\n"),
        (b":DWEL nan", b"Unable to comply\n"),
        (b":GATE:MAYBE", b"Unable to comply\n"),
        (b"WHAT?", b"Unknown Command\n"),
        (b"WIND 7", b"Unknown Command\n"),
        (b"\xff", b"Unknown Command\n"),
    ],
)
def test_refusals_change_nothing(new, command, answer):
    """Window 0 to 7 ns, delay even up to 14 ns."""
    before = new(b"WIND?\nDELA?\nDWEL?\nGATE?\n")
    assert new(command + b"\n") == answer
    assert new(b"WIND?\nDELA?\nDWEL?\nGATE?\n") == before


def test_counts_are_those_of_the_last_whole_dwell_time(world, new):
    """What the receiver's own counters gained between its two ends; CLEA begins a new one."""
    before = world.counters("bob", 3 * SECOND).counts
    new(b":DWEL 2\nCLEA\n", 3 * SECOND)
    assert new(b"COUN:C1?\n", 4 * SECOND) == b"0\n"
    gained = _gained(world, before, 5 * SECOND)
    for now in (5, 6):
        told = new(b"COUN:C1?\nCOUN:C2?\n", now * SECOND)
        assert told == b"%d\n%d\n" % (gained[0], gained[2])
    assert gained[0] > 500


def test_a_window_of_clock_cycles_goes_both_ways(world, new, monkeypatch):
    """5 ns either way are 10 ns in all, about a delay of 4 ns: what the world is asked for."""
    asked = []
    monkeypatch.setattr(type(world.beside), "coincidences", lambda *_, **how: asked.append(how) or [0])
    new(b":WIND 5\n:DELA 4\n:DWEL 1\nCLEA\n", 0)
    assert new(b"COUN:CO?\n", SECOND) == b"0\n"
    assert asked[-1] == {"window_s": pytest.approx(10e-9), "delay_s": pytest.approx(4e-9)}


def test_the_window_and_the_delay_decide_what_coincides(world, new):
    """Two detectors of one receiver, 500 dark counts a second each: within 7 ns either way hardly any, in a second."""
    new(b":WIND 7\n:DELA 14\n:DWEL 1\nCLEA\n", 0)
    assert int(new(b"COUN:CO?\n", SECOND)) < 3
    assert new(b"WIND?\nDELA?\n") == b"7\n14\n"
