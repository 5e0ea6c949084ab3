"""ID900's records: dialogues of open clients byte for byte, histograms against closed forms and time stamps, exact counts."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import stats

from hil.bench import load
from hil.bench.model import TimeTaggerDevice
from hil.device_sims.instruments.idq_id900 import SPEC
from hil.device_sims.spec import Push
from hil.device_sims.world.world import World

SECOND = 1_000_000_000
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
DARK_HZ, SIGMAS = 500.0, 4.9


class Instrument:
    """Both ports of one ID900 without a carrier; ``pushes`` are its streams by channel."""

    def __init__(self, world: World, device: str = "id900") -> None:
        self.world = world
        self._control, self._data = (endpoint.session() for endpoint in SPEC.build(world, device))
        self.pushes: dict[int, Push] = {}

    def __call__(self, message: str, now_ns: int = 0) -> str:
        (reply,) = self._control.received(message.encode(), now_ns)
        return reply.data.decode()

    def link(self, command: str, now_ns: int = 0) -> object:
        (reply,) = self._data.received(command.encode(), now_ns)
        if isinstance(reply, Push):
            self.pushes[int(command.partition("--channel ")[2].split(maxsplit=1)[0])] = reply
        return json.loads(reply.data)

    def stamps(self, channel: int) -> np.ndarray:
        """What was pushed so far, in ps."""
        return np.frombuffer(b"".join(self.pushes[channel].outbox), dtype="<u8").astype(np.int64)


@pytest.fixture
def world() -> World:
    """Two of the shelf's detectors have their bias: dark counts of 500 Hz at inputs 2 and 3."""
    made = World(load(SHELF), seed=7)
    made.set_biased("bob", 0, biased=True)
    return made


@pytest.fixture
def tc(world: World) -> Instrument:
    return Instrument(world)


def pairs(seed: int = 4, sigma_s: float = 0.0) -> World:
    """Entangled pairs, one detector of either receiver on inputs 1 and 2; the same jitter at both."""
    bench = load("entangled-metro")
    receivers = {name: replace(bench.device[name], jitter_sigma_s=sigma_s) for name in ("alice", "bob")}
    tagger = TimeTaggerDevice(driver="idq-id900", inputs=("alice.z0", "bob.z0", "bob.z1"), window_s=2e-9)
    world = World(replace(bench, device={**bench.device, **receivers, "id900": tagger}), seed)
    for receiver in receivers:
        world.set_biased(receiver, 0, biased=True)
    world.set_emitting("source", 0, emitting=True)
    return world


# --- what open clients say -------------------------------------------------------------------------------------------------


def test_the_histogram_of_pqn_stack(tc: Instrument) -> None:
    """IDQTimeTagger.run_histogram(0, 40_000, 100, 5) of pqn-stack 58b2c30 (timetagger_idq.py), in its own words.

    Its driver is in no package, so what it sends was read; it parses nothing but prints, and takes DATA? for what it is.
    """
    for number in range(1, 5):
        settings = f"HIST{number}:MIN 0; HIST{number}:BWID 100; HIST{number}:BCOU 400"
        assert tc(settings) == "Value set to 0\nValue set to 100\nValue set to 400"
    for number in range(1, 5):
        assert tc(f"HIST{number}:FLUS") == "Histogram flushed"
    assert tc("REC:ENAB ON") == "Value set to ON"
    assert tc("REC1:DUR 5000000000") == "Value set to 5000000000TB"
    assert tc("REC:PLAY") == "Play"
    assert tc("REC:STOP", 5 * SECOND) == "Stop"
    data = tc("HIST1:DATA?", 5 * SECOND)
    assert re.fullmatch(r"\[\d+(, \d+){399}\]", data)


def test_the_other_commands_of_pqn_stack(tc: Instrument) -> None:
    """Delays, single and coincidence counts, integration times; get_coincidence_counts and check_tsco_num end in int()."""
    assert tc("INPU2:DELAY 261579000") == "Value set to 261579000TB"
    assert tc("INPU1:COUN:INTE 1000") == "Value set to 1000"
    assert tc("TSCO6:LINK 1; TSCO6:LINK 2; TSCO6:COUN:INTE 1000").splitlines() == [f"Value set to {n}" for n in (1, 2, 1000)]
    for number in range(1, 25):
        assert tc(f"TSCO{number}:LINK 1; TSCO6:LINK 2; TSCO6:COUN:INTE 1000").count("Value set to") == 3
        assert int(tc(f"TSCO{number}:COUN?", SECOND)) >= 0
    assert int(tc("INPU1:COUN?", SECOND)) == 0


def test_the_makers_histogram_example(tc: Instrument) -> None:
    """utils/acquisitions/histograms.py and utils/common.py: a float for the duration, an int from BWID?, a list from DATA?."""
    assert int(tc("DEVI:RES:BWID?")) == 100
    assert tc("DEVIce:CONF:LOAD HISTO") == "Value set to HISTO"
    for command in ("REC:TRIG:ARM:MODE MANUal", "REC:ENABle ON", "REC:STOP", "REC:NUM 1", f"REC:DURation {0.5 * 1e12}"):
        assert not tc(command).startswith("-")
    for number in range(1, 5):
        for command in (f"HIST{number}:BCOUnt 20", f"HIST{number}:BWID 25000000000", f"HIST{number}:FLUSh"):
            assert not tc(command).startswith("-")
    assert tc("REC:STAGe?") == "IDLE"
    tc("REC:PLAY", SECOND)
    assert tc("REC:STAGe?", SECOND + SECOND // 4).upper() == "PLAYING"
    assert tc("REC:STAGe?", SECOND + SECOND // 2).upper() != "PLAYING"
    for number, expected in ((1, 0.0), (2, 250.0), (3, 250.0), (4, 0.0)):  # from the record's beginning: nothing is on START
        bins = json.loads(tc(f"HIST{number}:DATA?", 2 * SECOND))
        assert len(bins) == 20
        assert abs(sum(bins) - expected) < SIGMAS * math.sqrt(expected) + 0.5
        assert max(bins) < 40
    # what older examples strip of its unit, and what newer ones do not
    assert tc("HIST1:MIN?;BWID?;BCOU?") == "0TB\n25000000000TB\n20"


def test_the_makers_coincidence_example(tc: Instrument) -> None:
    """coincidences.py: delays are read back with their unit, and one message asks for all sixteen counters."""
    tc("DEVI:CONFI:LOAD COUNT")
    for number, windows in ((6, 1), (7, 2), (8, 3)):
        assert tc(f"DELA{number - 4}:VALU?") == "0TB"
        tc(f"DELA{number}:VALU {1000 * windows}")
    counters = ["STARt", "INPU1", "INPU2", "INPU3", "INPU4", *(f"TSCO{n}" for n in (6, 7, 8, 3, 4, 5, 13, 14, 15, 16, 24))]
    for counter in counters:
        assert not tc(f"{counter}:COUN:MODE CYCL;INTE 1000;RESEt").startswith("-")
    answer = tc(";:".join(f"{counter}:COUNter?" for counter in counters), SECOND)
    counts = [int(line) for line in answer.splitlines()]
    assert len(counts) == 16
    assert counts[2] > 0 < counts[3]


def test_the_makers_data_link_example(tc: Instrument) -> None:
    """timestamps.py: list, start, status while it waits for the end, stop with its status, errors; JSON as in the manual."""
    assert tc.link("list") == []
    assert tc("RAW2:ERRORS:CLEAR") == "Value set to 0"
    assert tc.link("start-stream --channel 2 --address 10.98.99.7 --stream-port 4243") == {"id": "10.98.99.7:5557"}
    assert tc("RAW2:SEND ON") == "Value set to ON"
    assert tc.link("list") == ["10.98.99.7:5557"]
    assert tc("REC:NUMber?") == "1"
    tc("REC:PLAY", SECOND)
    assert tc.link("status --id 10.98.99.7:5557", SECOND + SECOND // 2) == {
        "acquisitions_count": 0,
        "errors": [],
        "inactivity": 1.5,
        "timestamps_count": 0,
    }
    count = int(tc.stamps(2).size)
    status = {"acquisitions_count": 1, "errors": [], "inactivity": 0.0}
    told = tc.link("status --id 10.98.99.7:5557", 2 * SECOND)
    count = int(tc.stamps(2).size)
    assert told == {**status, "timestamps_count": count}
    assert abs(count - DARK_HZ) < SIGMAS * math.sqrt(DARK_HZ)
    assert tc.link("stop --id 10.98.99.7:5557", 3 * SECOND) == {
        "status": {**status, "inactivity": 1.0, "timestamps_count": count}
    }
    assert tc.pushes[2].ended
    assert tc("RAW2:SEND OFF;ERRORS?", 3 * SECOND) == "Value set to OFF\n0"


@pytest.mark.parametrize(
    ("command", "description"),
    [
        ("activate 1 10.0.0.1 5556 t.txt ascii", "unrecognised command 'activate'"),
        ("start-stream --xyz 3", "unrecognised option '--xyz'"),
        ("start-stream --channel 1 --address 10.0.0.1", "the option '--stream-port' is required but missing"),
        (
            "start-stream --channel 5 --address 10.0.0.1 --stream-port 4242",
            "the argument ('5') for option '--channel' is invalid",
        ),
        ("start-stream --channel 1 --stream-port 4242", "the option '--address' is required but missing"),
        ("status", "the option '--id' is required but missing"),
        ("stop 10.0.0.1:5556", "acquisition '10.0.0.1:5556' does not exist"),
        (
            'start-save --address a --channel 1 --filename "x.bin" --format bin',
            "a simulated device writes no files; use start-stream",
        ),
        ('list "', "the command cannot be parsed"),
        ("", "the command cannot be parsed"),
    ],
)
def test_the_service_says_what_it_does_not_do(tc: Instrument, command: str, description: str) -> None:
    assert tc.link(command) == {"error": {"description": description}}


def test_a_port_that_cannot_be_had_leaves_nothing_behind(tc: Instrument) -> None:
    tc.link("start-stream --channel 1 --address a --stream-port 4242")
    assert tc.link("start-stream --channel 1 --address b --stream-port 4243") == {
        "error": {"description": "acquisition 'b:5556' already exists"}
    }
    assert json.loads(tc.pushes[1].refused("in use")) == {"error": {"description": "in use"}}
    assert tc.link("list") == []


# --- numbers ---------------------------------------------------------------------------------------------------------------


def test_counters_and_time_stamps_of_the_same_gate_agree(tc: Instrument, world: World) -> None:
    """Exactly, with each other and with what the receiver's own counters gain; asked for late or while it goes on."""
    for channel in (2, 3):
        tc.link(f"start-stream --channel {channel} --address a --stream-port 4242")
        tc(f"RAW{channel}:SEND ON;:INPU{channel}:COUN:MODE ACCU;RESE", SECOND)
    tc("REC:DUR 3000 GTB;PLAY", SECOND)
    before = world.counters("bob", SECOND).counts
    tc("REC:STAG?", 2 * SECOND + 77)
    counted = [int(line) for line in tc("INPU2:COUN?;:INPU3:COUN?", 4 * SECOND).splitlines()]
    gained = np.subtract(world.counters("bob", 4 * SECOND).counts, before)
    tc("REC:STAG?", 6 * SECOND)
    assert counted == [gained[1], gained[2]] == [tc.stamps(2).size, tc.stamps(3).size]
    assert min(counted) > 1000
    assert (np.diff(tc.stamps(2)) >= 0).all()
    assert tc.stamps(2)[-1] < 3_000_000_000_000
    assert not (tc.stamps(2) % 100).any()


def test_a_start_stop_histogram_of_dark_counts(tc: Instrument) -> None:
    """Of N stops N (exp(-ra) - exp(-rb)) come from a to b after the last reference, r being the references' rate.

    Age of a Poisson process of rate r at a time that does not depend on it. 30 bins of 0.2 ms, 4.9 sigma each.
    """
    tc("HIST1:REF:LINK DELA2;:HIST1:STOP:LINK DELA3;:HIST1:MIN 200000000;BWID 200000000;BCOU 30;FLUS")
    tc("REC:DUR 40000 GTB;PLAY")
    bins = np.array(json.loads(tc("HIST1:DATA?", 41 * SECOND)))
    edges_s = (np.arange(31) + 1) * 2e-4
    expected = 40 * DARK_HZ * -np.diff(np.exp(-DARK_HZ * edges_s))
    assert (np.abs(bins - expected) < SIGMAS * np.sqrt(expected)).all()
    # the reference's own rate shows: with one of 525 Hz the age at which half of them lie differs by 5 %
    assert abs(bins.sum() - expected.sum()) < SIGMAS * math.sqrt(expected.sum())


def test_neighbours_of_one_input(tc: Instrument) -> None:
    """With the same source at both ports the gaps between neighbours, which are exponential."""
    tc("HIST1:REF:LINK DELA2;:HIST1:STOP:LINK DELA2;:HIST1:BWID 1000000000;BCOU 10;FLUS;:REC:DUR 20000 GTB;PLAY")
    bins = np.array(json.loads(tc("HIST1:DATA?", 21 * SECOND)))
    expected = 20 * DARK_HZ * -np.diff(np.exp(-DARK_HZ * np.arange(11) * 1e-3))
    assert (np.abs(bins - expected) < SIGMAS * np.sqrt(expected)).all()


def test_a_peak_of_coincidences_is_as_wide_as_the_jitter_of_both() -> None:
    """Clicks of a pair differ by a normal law of sqrt(2) times the jitter, about the delay of the stop.

    Chi-squared over 20 bins of 520 ps, with a false alarm of 1e-6 for a jitter of 500 ps at each; with one of 550 ps, some 9000
    pairs add 2 x 9000 x 0.1^2 = 180 (the Fisher information of a scale is 2), which is refused. Accidentals: n m w / T.
    """
    tc = Instrument(pairs(sigma_s=5e-10))
    tc("DEVI:RES HIRES;:DELA2:VALU 50000;:HIST1:REF:LINK DELA1;:HIST1:STOP:LINK DELA2;:HIST1:MIN 44800;BWID 520;BCOU 20;FLUS")
    tc("REC:DUR 2000 GTB;PLAY;:INPU1:COUN:MODE ACCU;RESE;:INPU2:COUN:MODE ACCU;RESE")
    singles = [int(line) for line in tc("INPU1:COUN?;:INPU2:COUN?", 2 * SECOND).splitlines()]
    bins = np.array(json.loads(tc("HIST1:DATA?", 2 * SECOND)))
    accidental = singles[0] * singles[1] * 520e-12 / 2.0
    total = int(bins.sum()) - 20 * accidental
    assert total > 7000

    def misfit(sigma_ps: float) -> float:
        # both times are cut to steps of 13 ps, so that a bin holds differences from half a step below it on
        edges = np.arange(21) * 520.0 - 5200.0 - 6.5
        shares = np.diff([math.erf(edge / sigma_ps / 2.0) / 2.0 for edge in edges])  # sqrt(2) of both, sqrt(2) of erf
        expected = total * shares + accidental
        return float(np.sum((bins - expected) ** 2 / expected))

    most = float(stats.chi2.isf(1e-6, 19))
    assert misfit(500.0) < most < misfit(550.0)


def test_histogram_and_combiners_against_the_time_stamps_of_the_same_run() -> None:
    """A histogram, and coincidences two and three at a time, made anew from the time stamps, one by one."""
    world = pairs()
    tc = Instrument(world)
    for channel in (1, 2, 3):
        tc.link(f"start-stream --channel {channel} --address a --stream-port 4242")
        tc(f"RAW{channel}:REF:LINK NONE;:RAW{channel}:SEND ON")
    tc("HIST1:REF:LINK DELA1;:HIST1:STOP:LINK DELA2;:HIST1:MIN 0;BWID 100000;BCOU 50;FLUS")
    tc("HIST2:STOP:LINK TSCO6;:HIST2:BWID 500 GTB;BCOU 1;:HIST3:STOP:LINK TSCO13;:HIST3:BWID 500 GTB;BCOU 1")
    tc("REC:DUR 150 GTB;PLAY")
    bins = json.loads(tc("HIST1:DATA?", SECOND))
    mine, last = [0] * 50, 0
    events = sorted([(ps, 0) for ps in tc.stamps(1).tolist()] + [(ps, 1) for ps in tc.stamps(2).tolist()])
    for ps, stop in events:
        if stop and (ps - last) // 100_000 < 50:
            mine[(ps - last) // 100_000] += 1
        last = last if stop else ps
    assert mine == bins
    first, second = tc.stamps(1), tc.stamps(2)
    # input 2 is taken one window of 2 ns later and passes from 1 to 3 ns after input 1
    twofold = json.loads(tc("HIST2:DATA?", SECOND))[0]
    assert twofold == sum(bool(((ps - first >= -1000) & (ps - first < 1000)).any()) for ps in second.tolist()) > 50
    assert 0 <= json.loads(tc("HIST3:DATA?", SECOND))[0] <= twofold


def test_a_window_lets_pass_what_comes_in_it(tc: Instrument) -> None:
    """As in the example with a filter: of input 2 what comes 0.5 to 2.5 ms after input 3, unless another 3 came in between."""
    for channel, block in ((2, "DELA2"), (3, "DELA3"), (4, "TSCO7")):
        tc.link(f"start-stream --channel {channel} --address a --stream-port 4242")
        tc(f"RAW{channel}:REF:LINK NONE;:RAW{channel}:STOP:LINK {block};:RAW{channel}:SEND ON")
    tc("TSCO7:WIND:ENAB ON;:TSCO7:FIR:LINK DELA2")
    tc("TSCO7:WIND:BEGI:LINK DELA3;DELAY 500000000;EDGE RISING;:TSCO7:WIND:END:LINK DELA3;DELAY 2500000000;EDGE RISING")
    assert tc("TSCO7:OPIN ONLYFIR;:TSCO7:OPOUt MUTE") == "Value set to ONLYFIR\nValue set to MUTE"
    tc("REC:DUR 2000 GTB;PLAY")
    tc("REC:STAG?", 3 * SECOND)
    passed, openings = [], tc.stamps(3).tolist()
    for ps in tc.stamps(2).tolist():
        begun = max((each + 500_000_000 for each in openings if each + 500_000_000 <= ps), default=None)
        ended = max((each + 2_500_000_000 for each in openings if each + 2_500_000_000 <= ps), default=-1)
        if begun is not None and begun >= ended:
            passed.append(ps)
    assert tc.stamps(4).tolist() == passed
    assert 100 < len(passed) < tc.stamps(2).size
    tc("TSCO7:OPOUt ONLYFIR")
    assert tc("TSCO7:OPIN AND;OPIN?") == "Value set to AND\nAND"


def test_records_one_after_the_other(tc: Instrument) -> None:
    """Each begins at zero and is a message of its own, with its reference index; after the last the generator rests."""
    tc.link("start-stream --channel 2 --address a --stream-port 4242 --with-ref-index")
    tc("RAW2:REF:LINK DELA3;:RAW2:SEND ON;:REC:NUM 3;PWID 200000000000;PPER 300000000000;PLAY")
    assert tc("REC:STAG?", 850_000_000) == "IDLE"
    messages = [np.frombuffer(each, dtype="<u8").reshape(-1, 2) for each in tc.pushes[2].outbox]
    assert len(messages) == 3
    for message in messages:
        assert abs(len(message) - 100) < SIGMAS * 10
        assert message[:, 0].max() < 200_000_000_000
        assert (np.diff(message[:, 1].astype(np.int64)) >= 0).all()
        assert 50 < message[-1, 1] < 160
    assert tc.link("status --id a:5557", SECOND)["acquisitions_count"] == 3  # type: ignore[index]
    tc("REC:NUM INF;PLAY", 2 * SECOND)
    assert tc("REC:NUM?;STAG?", 5 * SECOND) == "INF\nPLAYING"
    assert tc("REC:STOP;STAG?", 5 * SECOND + 100_000_000) == "Stop\nIDLE"
    assert tc.link("status --id a:5557", 6 * SECOND)["acquisitions_count"] == 3 + 11  # type: ignore[index]


def test_nothing_is_recorded_after_the_last_record(tc: Instrument) -> None:
    """However long it is until somebody asks: one record of 1 ms is one, and its beginning is counted once."""
    tc.link("start-stream --channel 2 --address a --stream-port 4242")
    tc("RAW2:SEND ON;:HIST1:REF:LINK NONE;:HIST1:STOP:LINK REC;:HIST1:BCOU 1;FLUS;:REC:NUM 1;DUR 1000000000;PLAY")
    assert tc("REC:STAG?", SECOND) == "IDLE"
    assert tc.link("status --id a:5557", SECOND)["acquisitions_count"] == 1  # type: ignore[index]
    assert tc("HIST1:DATA?", SECOND) == "[1]"


def test_time_stamps_that_nobody_takes_are_errors(tc: Instrument) -> None:
    tc("RAW2:SEND ON;:REC:DUR 1000 GTB;PLAY")
    lost = int(tc("RAW2:ERRORS?", SECOND))
    assert abs(lost - DARK_HZ) < SIGMAS * math.sqrt(DARK_HZ)
    assert tc("RAW2:ERRORS:CLEAR;:RAW2:ERRORS?", SECOND) == "Value set to 0\n0"


def test_flushing_empties_a_histogram_while_it_is_filled(tc: Instrument) -> None:
    """What came before is gone, what comes after counts; two records add up without."""
    tc("HIST2:STOP:LINK DELA2;:HIST2:BWID 10000 GTB;BCOU 1;:REC:DUR 2000 GTB;PLAY")
    (before,) = json.loads(tc("HIST2:DATA?", SECOND))
    assert tc("HIST2:FLUS;DATA?", SECOND) == "Histogram flushed\n[0]"
    (after,) = json.loads(tc("HIST2:DATA?", 3 * SECOND))
    assert abs(before - DARK_HZ) < SIGMAS * math.sqrt(DARK_HZ) > abs(after - DARK_HZ)
    tc("REC:PLAY", 4 * SECOND)
    (both,) = json.loads(tc("HIST2:DATA?", 7 * SECOND))
    assert abs(both - after - 2 * DARK_HZ) < SIGMAS * math.sqrt(2 * DARK_HZ)


def test_an_input_that_is_off_has_no_events(tc: Instrument) -> None:
    tc("INPU2:ENAB OFF;:HIST2:STOP:LINK DELA2;:HIST2:BWID 10000 GTB;BCOU 1;:REC:PLAY")
    assert tc("HIST2:DATA?;:INPU2:COUN?", 2 * SECOND) == "[0]\n0"


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("HIST1:BWID 150", '-222,"Data out of range"'),
        ("HIST1:BCOU 20000", '-222,"Data out of range"'),
        ("HIST1:REF:LINK INPU5", '-141,"Invalid character data"'),
        ("HIST5:DATA?", '-114,"Header suffix out of range"'),
        ("REC:NUM 2;PWID 3000;PLAY", 'Value set to 2\nValue set to 3000TB\n-221,"Settings conflict"'),
        ("REC:DUR -5", '-222,"Data out of range"'),
        ("REC:NUM 1.5E400", '-222,"Data out of range"'),
        ("DEVI:RES HIRES;:DEVI:RES?;:DEVI:RES:BWID?", "Value set to HIRES\nHIRES\n13"),
        ("INPU1:HIRES:ERROR?", "0"),
        (
            "TSCO5:FIR:LINK TSCO5;:HIST1:STOP:LINK TSCO5;:HIST1:DATA?",
            "Value set to TSCO5\nValue set to TSCO5\n" + str([0] * 1000),
        ),
        ("HIST1:INPO:STOP:LINK TSCO6;:HIST1:STOP:LINK?", "Value set to TSCO6\nTSCO6"),
        ("HIST1:STAT?", "IDLE"),
    ],
)
def test_settings_have_their_limits(tc: Instrument, message: str, answer: str) -> None:
    assert tc(message) == answer
