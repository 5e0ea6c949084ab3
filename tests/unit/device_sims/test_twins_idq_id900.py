"""ID Quantique ID900, message by message; names and answers as in open drivers of it and the maker's examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
def tc(world, talk):
    return talk(world, "id900")


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"INPU1:COUN:INTE 500", b"Value set to 500"),
        (b"INPU1:COUN:MODE CYCLE", b"Value set to CYCLE"),
        (b"INPU1:COUN:MODE ACCUM", b"Value set to ACCUM"),
        (b"INPU1:COUN:RESE", b"Counter value set to 0"),
        (b"STAR:ENAB ON", b"Value set to ON"),
        (b"INPU1:ENAB?", b"ON"),
        (b"INPU3:THRE 0.1", b"Value set to 0.1V"),
        (b"DELA1:VALU 1000;VALU?", b"Value set to 1000TB\n1000TB"),
        (b"DELA1:VALU 2 NS;VALU?", b"Value set to 2000TB\n2000TB"),  # a time base is a picosecond
        (b"DELA1:VALU 3 US", b"Value set to 3000000TB"),
        (b"DEVI:CONFI:LOAD COUNT", b"Value set to COUNT"),
        (b"DEVI:RES:BWID?", b"100"),
        (b"INPUT2:COUNTER:INTEGRATION?", b"1000"),
    ],
)
def test_every_message_has_its_answer(tc, message, answer):
    assert tc(message) == answer


def test_a_command_goes_on_where_the_one_before_it_ended(tc):
    """With a semicolon from its path, with ;: from the root, and from the root too where the path has no such node."""
    assert tc(b"INPU1:COUN:MODE CYCL;INTE 20;RESEt").splitlines() == [
        b"Value set to CYCLE",
        b"Value set to 20",
        b"Counter value set to 0",
    ]
    assert tc(b"TSCO6:LINK 1; TSCO6:LINK 2; TSCO6:COUN:INTE 30").splitlines()[-1] == b"Value set to 30"
    assert tc(b"INPU1:COUN:INTE?;:TSCO6:COUN:INTE?") == b"20\n30"


def test_cycles_tell_the_last_whole_integration_time(world, tc):
    """What the receiver's own counters gained in it; before the first has passed, nothing."""
    before = world.counters("bob", 3 * SECOND).counts
    tc(b"INPU1:COUN:MODE CYCL;INTE 2000;RESE;:INPU3:COUN:MODE CYCL;INTE 2000;RESE", 3 * SECOND)
    assert tc(b"INPU1:COUN?", 4 * SECOND) == b"0"
    gained = _gained(world, before, 5 * SECOND)
    assert tc(b"INPU1:COUN?;:INPU3:COUN?", 5 * SECOND) == b"%d\n%d" % (gained[0], gained[2])
    assert gained[0] > 500
    assert tc(b"INPU1:COUN?", 6 * SECOND) == b"%d" % gained[0]


def test_accumulating_tells_all_since_the_reset(world, tc):
    before = world.counters("bob", SECOND).counts
    tc(b"INPU2:COUN:MODE ACCU;RESE", SECOND)
    gained = _gained(world, before, 4 * SECOND)
    assert tc(b"INPU2:COUN?", 4 * SECOND) == b"%d" % gained[1]


def test_an_input_with_nothing_on_it_counts_nothing(tc):
    assert tc(b"STAR:COUN?", 5 * SECOND) == b"0"


def test_a_wider_window_finds_more_coincidences(tc):
    """500 Hz in windows of 1 ms that clicks of 500 Hz open, and close, be it too soon for the next: 250 (1 - exp(-1)) = 158.

    A window is open when the last click that could open one came after the last that closed one: with the age v of the
    last click beyond the window's width w, that is a click in a stretch of min(v, w), so 1 - E exp(-r min(v, w)) of the time.
    """
    tc(b"TSCO6:COUN:MODE ACCU;RESE;:TSCO6:WIND:BEGI:DELA -500000000;:TSCO6:WIND:END:DELA 500000000;:DELA6:VALU 0", 0)
    # clicks of one second share windows: wider than Poisson
    assert abs(int(tc(b"TSCO6:COUN?", SECOND)) - 158.0) < 4.9 * 158.0**0.5 * 1.5
    tc(b"TSCO6:WIND:BEGI:DELA -500;:TSCO6:WIND:END:DELA 500", 0)
    assert tc(b"TSCO6:COUN?", SECOND) == b"0"


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"GEN1:PLAY", b'-113,"Undefined header"'),
        (b"INPU9:COUN?", b'-114,"Header suffix out of range"'),
        (b"INPU1:COUN:INTE", b'-109,"Missing parameter"'),
        (b"INPU1:COUN:INTE 0", b'-222,"Data out of range"'),
        (b"INPU1:COUN:MODE SOMETIMES", b'-141,"Invalid character data"'),
        (b"\xff\xfe", b'-101,"Invalid character"'),
        (b"X" * 5000, b'-363,"Input buffer overrun"'),
        (b"", b""),
    ],
)
def test_what_it_does_not_understand_is_answered_too(tc, message, answer):
    """A request without a reply would leave a REQ socket stuck for good."""
    assert tc(message) == answer


@settings(max_examples=200, deadline=None)
@given(message=st.one_of(st.binary(max_size=40), st.text("INPU1TSCO6:COUN;? 20.MODERESEVALDELA,", max_size=60).map(str.encode)))
def test_any_message_has_exactly_one_answer(message):
    """Noise and near misses; the next question is answered."""
    instrument = World(load(SHELF), seed=11)
    from hil import discovery

    session = discovery.find("twin", "idq-id900").build(instrument, "id900")[0].session()
    assert len(session.received(message, 0)) == 1
    assert session.received(b"DEVI:RES:BWID?", 0)[0].data == b"100"
