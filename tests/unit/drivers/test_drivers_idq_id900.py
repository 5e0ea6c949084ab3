"""ID Quantique ID900: its messages, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.drivers._idq_data_link import DataLink
from hil.drivers.idq_id900 import IdqId900
from hil.errors import DeviceTimeoutError, InstrumentError, MissingCapabilityError, ReplyError, UsageError

INPUTS = ("INPU1", "INPU2", "INPU3", "INPU4")
COMBINERS = ("TSCO6", "TSCO7", "TSCO8", "TSCO3", "TSCO4", "TSCO5")


def exchanged(request: str, reply: str) -> list:
    return [(">", request.encode()), ("<", reply.encode() + b"\0")]


def counting(counters: tuple[str, ...], gate_ms: int, answers: list[int]) -> list:
    begun = ";:".join(f"{name}:COUN:MODE CYCL;:{name}:COUN:INTE {gate_ms};:{name}:COUN:RESE" for name in counters)
    done = "\n".join(f"Value set to CYCLE\nValue set to {gate_ms}\nCounter value set to 0" for _ in counters)
    read = ";:".join(f"{name}:COUN?" for name in counters)
    return [*exchanged(begun, done), *exchanged(read, "\n".join(map(str, answers)))]


@pytest.fixture
def opened(script, settings):
    def make(turns):
        tagger = IdqId900(settings(), script(turns))
        tagger.open()
        return tagger

    return make


def test_counts_all_inputs_over_one_integration_time(opened):
    """Begun in one message and read in one: every command of a message has its line."""
    tagger = opened(counting(INPUTS, 2500, [4, 3, 2, 1]))
    clock = tagger._settings.clock
    assert tagger.singles(2.5) == (4, 3, 2, 1)
    assert clock.now_ns() == 2_500_000_000


def test_counts_coincidences_two_by_two(opened):
    """The numbers of the combiners are those of the maker's configuration COUNT."""
    found = opened(counting(COMBINERS, 1000, [12, 13, 14, 23, 24, 34])).coincidences(1.0)
    assert found == {(1, 2): 12, (1, 3): 13, (1, 4): 14, (2, 3): 23, (2, 4): 24, (3, 4): 34}


def test_identity(opened):
    assert str(opened(exchanged("*IDN?", "ID Quantique,ID900,1234,1.27.3")).identity().firmware) == "1.27.3"
    with pytest.raises(ReplyError, match="expected maker,model"):
        opened(exchanged("*IDN?", "hello")).identity()


def test_a_refusal_names_the_command(opened):
    turns = counting(INPUTS, 1000, [0] * 4)[:1]
    done = ["Value set to CYCLE", '-222,"Data out of range"', "Counter value set to 0"] * 4
    with pytest.raises(InstrumentError, match="refused 'INPU1:COUN:INTE 1000': -222"):
        opened([*turns, ("<", "\n".join(done).encode() + b"\0")]).singles(1.0)


def test_fewer_lines_than_commands_are_no_answer(opened):
    turns = counting(INPUTS, 1000, [1, 2, 3])
    with pytest.raises(ReplyError, match="4 commands were answered by 3 lines"):
        opened(turns).singles(1.0)


def test_no_number_is_no_count(opened):
    turns = counting(INPUTS, 1000, [1, 2, 3, 4])
    with pytest.raises(ReplyError, match="expected counts"):
        opened([*turns[:3], ("<", b"1\n2\nx\n4\0")]).singles(1.0)


def test_counting_is_not_repeated_after_a_timeout(opened):
    turns = [*counting(INPUTS, 1000, [0] * 4)[:1], ("silence", b"")]
    with pytest.raises(DeviceTimeoutError):
        opened(turns).singles(1.0)


@pytest.mark.parametrize("gate_s", [0.0, 1e-4, 1e4, float("inf")])
def test_gates_it_cannot_have(opened, gate_s):
    with pytest.raises(UsageError, match=r"0\.001 to 1000 s"):
        opened([]).singles(gate_s)


SETUP = "REC:STOP;:REC:TRIG:ARM:MODE MANU;:REC:ENAB ON;:REC:NUM 1;:REC:DUR 20000000000"
STATUS = '{"acquisitions_count": %d, "errors": [], "inactivity": 0.1, "timestamps_count": %d}'


def passing(channel: int) -> str:
    block = f"TSCO{channel + 8}"
    combiner = f"{block}:FIR:LINK DELA{channel};:{block}:OPIN ONLYFIR;:{block}:OPOU ONLYFIR;:{block}:WIND:ENAB OFF"
    return f"{combiner};:RAW{channel}:REF:LINK NONE;:RAW{channel}:STOP:LINK {block};:RAW{channel}:ENAB:LINK REC"


def done(request: str, answer: str = "ok") -> list:
    return exchanged(request, "\n".join([answer] * len(request.split(";:"))))


def recording(*, refused: str = "") -> list:
    """The instrument's side of 20 ms of time stamps."""
    setup = done(SETUP)
    for channel in (1, 2, 3, 4):
        setup += [*done(passing(channel)), *done(f"RAW{channel}:ERRORS:CLEAR;:RAW{channel}:SEND ON")]
    off = done(";:".join(f"RAW{channel}:SEND OFF" for channel in (1, 2, 3, 4)))
    if refused:
        return [*setup, *exchanged("REC:PLAY", refused), *off]
    errors = exchanged(";:".join(f"RAW{channel}:ERRORS?" for channel in (1, 2, 3, 4)), "0\n3\n0\n0")
    return [*setup, *exchanged("REC:PLAY", "Play"), *off, *errors]


def link_says(settings, script, statuses: list, *, stop: int = 4) -> DataLink:
    """Its side; streams push 7, 9 on channel 1 and 8 on channel 3."""
    turns = [*exchanged("list", '["tc:5556", "other:5557"]'), *exchanged("stop --id tc:5556", "{}")]
    for channel in (1, 2, 3, 4):
        start = f"start-stream --address tc --channel {channel} --stream-port {4241 + channel}"
        turns += exchanged(start, f'{{"id": "tc:{5555 + channel}"}}')
    turns += statuses
    turns += [turn for n in range(stop) for turn in exchanged(f"stop --id tc:{5559 - n}", '{"status": {}}')]
    pushed = {
        1: [("<", (7).to_bytes(8, "little") + (9).to_bytes(8, "little"))],
        2: [],
        3: [("<", (8).to_bytes(8, "little"))],
        4: [],
    }
    counted = bool(statuses) and b'"errors": []' in statuses[-1][1]
    streams = {channel: script(said if counted else []) for channel, said in pushed.items()}
    return DataLink(settings, (1, 2, 3, 4), script(turns), streams)


@pytest.fixture
def stamping(script, settings):
    def make(turns, statuses, **changes):
        made = settings(resource="tcp://tc:5555", data_resource="tcp://pc:6060")
        tagger = IdqId900(made, script(turns), link_says(made, script, statuses, **changes))
        tagger.open()
        return tagger

    return make


def test_time_stamps_of_one_record(stamping):
    """Streams that somebody left open are ended, each channel is asked until its record is there, and the rest is put back."""
    waiting = exchanged("status --id tc:5556", STATUS % (0, 0))
    counts = {1: 2, 2: 0, 3: 1, 4: 0}
    there = [
        turn for channel, count in counts.items() for turn in exchanged(f"status --id tc:{5555 + channel}", STATUS % (1, count))
    ]
    tagger = stamping(recording(), [*waiting, *there])
    tags = tagger.time_tags(0.02)
    assert (tags.ticks.tolist(), tags.detector.tolist()) == ([7, 8, 9], [0, 2, 0])
    assert (tags.first, tags.end, tags.live_s, tags.lost, float(tags.clock.tick_s)) == (0, 20_000_000_000, 0.02, 3, 1e-12)
    assert tagger._settings.clock.now_ns() == 70_000_000


def test_a_record_that_is_not_begun_leaves_no_stream_open(stamping):
    with pytest.raises(InstrumentError, match="refused 'REC:PLAY': -221"):
        stamping(recording(refused='-221,"Settings conflict"'), []).time_tags(0.02)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ('{"acquisitions_count": 1, "errors": [{"description": "overflow"}], "timestamps_count": 2}', "overflow"),
        ('{"error": {"description": "no such acquisition"}}', "refused 'status': no such acquisition"),
        ('{"acquisitions_count": "x"}', "expected counts"),
        ("[]", "expected a JSON object"),
        ("hello", "is no JSON"),
    ],
)
def test_what_the_service_says_instead_of_time_stamps(stamping, answer, error):
    turns = recording()[:-2]
    with pytest.raises((InstrumentError, ReplyError), match=error):
        stamping(turns, exchanged("status --id tc:5556", answer)).time_tags(0.02)


def test_without_the_service_there_are_no_time_stamps(opened):
    with pytest.raises(MissingCapabilityError, match="data_address"):
        opened([]).time_tags(0.02)
