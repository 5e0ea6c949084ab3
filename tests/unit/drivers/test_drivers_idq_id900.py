"""ID Quantique ID900: its messages, compared byte for byte."""

from __future__ import annotations

import pytest

from hil.drivers.idq_id900 import IdqId900
from hil.errors import DeviceTimeoutError, InstrumentError, ReplyError, UsageError

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
