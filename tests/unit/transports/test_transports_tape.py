"""Tapes: what is recorded of a conversation, and what a replay of it gives and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.clock import VirtualClock
from hil.errors import (
    DeviceTimeoutError,
    DeviceUnreachableError,
    DirtyLinkError,
    MissingCapabilityError,
    TapeMismatchError,
    UsageError,
)
from hil.ports.identity import Identity
from hil.transports import Marker, ScriptedPort, Transport, Until
from hil.transports.tape_format import Exchange, Pushed, Redacted, read_tape, read_tapes
from hil.transports.tape_recording import Recorder
from hil.transports.tape_replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINE = Until(b"\n")
ABOUT = {"framework": "0", "bench": "b", "bench_hash": "h"}


def record(folder: Path, turns: list[Any], talk: Callable[[Transport], None], clock: Any = None, **port: Any) -> None:
    """Have ``talk`` with a device that has these turns, on a tape."""
    recorder = Recorder(folder, clock or VirtualClock(), **ABOUT)
    stream = recorder.device("voa", role="attenuator", driver="any", simulated=True)
    stream.start()
    clean, secret, markers = port.get("clean", True), port.get("secret", ()), port.get("markers", ())
    made = stream.port(lambda: ScriptedPort(turns, device="voa", reopens_clean=clean), "ASRL1::INSTR", secret)
    transport = Transport(made, timeout_s=0.5, markers=markers)
    transport.open()
    recorder.identified("voa", Identity("Maker", "M", "7", "1.2"))
    talk(transport)
    transport.close()
    recorder.close()


def replayed(folder: Path, mode: Any = "strict", clock: Any = None, **port: Any) -> tuple[Replay, Transport]:
    """The same, without the device."""
    replay = Replay(read_tapes(folder), mode, clock or VirtualClock())
    device = replay.device("voa")
    device.seek("opening")
    made = device.port(lambda: pytest.fail("a port was opened"), "", port.get("secret", ()))
    transport = Transport(made, timeout_s=0.5, markers=port.get("markers", ()))
    transport.open()
    return replay, transport


def entries(folder: Path, kind: type) -> list[Any]:
    return [entry for entry in read_tape(folder / "voa.jsonl").entries if isinstance(entry, kind)]


SETTING = [(">", b"A 3\n"), (">", b"A?\n"), ("<", b"3"), ("<", b".0\n"), (">", b"A 9\n"), (">", b"A?\n"), ("<", b"9.0\n")]


def set_and_ask(transport: Transport, *values: int) -> list[bytes]:
    found = []
    for value in values:
        transport.write(b"A %d\n" % value)
        found.append(transport.query(b"A?\n", LINE, idempotent=True))
    return found


class TestDialogue:
    """What was said is what is said again."""

    def test_a_dialogue_replays_equal(self, tmp_path: Path) -> None:
        """Answers by value, messages whole though they came in two pieces, and a header that says whose they are."""
        record(tmp_path, SETTING, lambda transport: set_and_ask(transport, 3, 9))
        _, transport = replayed(tmp_path)
        assert set_and_ask(transport, 3, 9) == [b"3.0", b"9.0"]
        assert entries(tmp_path, Exchange)[1].receive == ("3.0\n",)
        header = read_tape(tmp_path / "voa.jsonl").header
        assert (header.format, header.vendor, header.firmware, header.bench_hash) == (2, "Maker", "1.2", "h")

    def test_a_changed_setpoint_is_told_with_its_place(self, tmp_path: Path) -> None:
        """Instrument, position, expected, sent."""
        record(tmp_path, SETTING, lambda transport: set_and_ask(transport, 3, 9))
        _, transport = replayed(tmp_path)
        with pytest.raises(TapeMismatchError, match=r"voa: exchange 3 of its tape \(opening\)") as caught:
            set_and_ask(transport, 3, 8)
        assert (caught.value.device, caught.value.position) == ("voa", 3)
        assert (caught.value.expected, caught.value.sent) == (b"A 9\n", b"A 8\n")

    def test_what_is_left_out_is_left_over(self, tmp_path: Path) -> None:
        """A setting that is not made any more is a difference too."""
        record(tmp_path, SETTING, lambda transport: set_and_ask(transport, 3, 9))
        replay, transport = replayed(tmp_path)
        set_and_ask(transport, 3)
        assert "exchange 3 (number" in replay.left_over()["voa"]
        set_and_ask(transport, 9)
        assert replay.left_over() == {}

    def test_two_equal_moves_are_two(self, tmp_path: Path) -> None:
        """A relative step that is no harmless question is never folded into one."""
        turns = [(">", b"STEP\n"), ("<", b"OK\n")] * 2
        record(tmp_path, turns, lambda transport: [transport.query(b"STEP\n", LINE) for _ in range(2)] and None)
        assert [entry.times for entry in entries(tmp_path, Exchange)] == [1, 1]
        replay, transport = replayed(tmp_path)
        transport.query(b"STEP\n", LINE)
        assert replay.left_over()

    def test_an_ended_connection_ends_again(self, tmp_path: Path) -> None:
        """At the same question, as the same error."""

        def talk(transport: Transport) -> None:
            with pytest.raises(DeviceUnreachableError):
                transport.query(b"A?\n", LINE)

        record(tmp_path, [(">", b"A?\n"), ("hangup", b"")], talk)
        talk(replayed(tmp_path)[1])


class TestPolling:
    """Loops whose length depends on time."""

    TURNS = [(">", b"BUSY?\n"), ("<", b"1\n")] * 5 + [(">", b"BUSY?\n"), ("<", b"0\n"), (">", b"GO\n")]

    @staticmethod
    def poll(transport: Transport, times: int) -> list[bytes]:
        return [transport.query(b"BUSY?\n", LINE, idempotent=True) for _ in range(times)]

    def talk(self, transport: Transport) -> None:
        self.poll(transport, 6)
        transport.write(b"GO\n")

    def test_equal_answers_are_one_entry(self, tmp_path: Path) -> None:
        """Five times busy, once not, then go."""
        record(tmp_path, self.TURNS, self.talk)
        assert [(entry.send, entry.times) for entry in entries(tmp_path, Exchange)] == [
            ("BUSY?\n", 5),
            ("BUSY?\n", 1),
            ("GO\n", 1),
        ]

    def test_not_more_often_than_recorded(self, tmp_path: Path) -> None:
        """Five are answered busy and the sixth not; a seventh was never asked."""
        record(tmp_path, self.TURNS, self.talk)
        _, transport = replayed(tmp_path)
        assert self.poll(transport, 6) == [b"1"] * 5 + [b"0"]
        with pytest.raises(TapeMismatchError, match=r"expected b'GO\\n', sent b'BUSY\?\\n'"):
            self.poll(transport, 1)

    def test_by_request_the_last_answer_is_repeated_up_to_the_recorded_number(self, tmp_path: Path) -> None:
        """Six were recorded, so six more at most."""
        record(tmp_path, self.TURNS, self.talk)
        _, transport = replayed(tmp_path, "keyed")
        transport.write(b"GO\n")  # in another order
        assert self.poll(transport, 12) == [b"1"] * 5 + [b"0"] * 7
        with pytest.raises(TapeMismatchError):
            self.poll(transport, 1)

    ROUND = ((">", b"BUSY?\n"), ("<", b"1\n"), (">", b"TEMP?\n"), ("<", b"20\n"))
    LOOP = (*ROUND * 40, (">", b"BUSY?\n"), ("<", b"0\n"), (">", b"GO\n"))

    def wait(self, transport: Transport, rounds: int = 40) -> list[bytes]:
        """Ask how hot it is until it is not busy any more."""
        found = []
        for _ in range(rounds):
            found += self.poll(transport, 1)
            found.append(transport.query(b"TEMP?\n", LINE, idempotent=True))
        return found

    def talk_in_rounds(self, transport: Transport) -> None:
        self.wait(transport)
        self.poll(transport, 1)
        transport.write(b"GO\n")

    def test_a_round_of_two_questions_is_two_entries(self, tmp_path: Path) -> None:
        """However many rounds; the last answer, which is another, stands behind them."""
        record(tmp_path, list(self.LOOP), self.talk_in_rounds)
        found = entries(tmp_path, Exchange)
        assert [(entry.send, entry.rounds) for entry in found] == [
            ("BUSY?\n", 40),
            ("TEMP?\n", 40),
            ("BUSY?\n", 1),
            ("GO\n", 1),
        ]
        assert [entry.loop for entry in found] == [found[0].n, found[0].n, 0, 0]

    def test_rounds_are_replayed_in_order(self, tmp_path: Path) -> None:
        """All of them, with nothing left over; a question out of turn is told."""
        record(tmp_path, list(self.LOOP), self.talk_in_rounds)
        replay, transport = replayed(tmp_path)
        assert self.wait(transport) == [b"1", b"20"] * 40
        assert self.poll(transport, 1) == [b"0"]
        transport.write(b"GO\n")
        assert replay.left_over() == {}
        _, transport = replayed(tmp_path)
        self.wait(transport, 3)
        with pytest.raises(TapeMismatchError, match=r"expected b'BUSY\?\\n', sent b'GO\\n'"):
            transport.write(b"GO\n")

    def test_rounds_by_request(self, tmp_path: Path) -> None:
        """Forty answers to each question, in any order, then the last one, up to the recorded number."""
        record(tmp_path, list(self.LOOP), self.talk_in_rounds)
        for question, answers in ((b"BUSY?\n", [b"1"] * 40 + [b"0"] * 42), (b"TEMP?\n", [b"20"] * 80)):
            _, transport = replayed(tmp_path, "keyed")
            assert [transport.query(question, LINE, idempotent=True) for _ in answers] == answers
            with pytest.raises(TapeMismatchError):
                transport.query(question, LINE)

    def test_another_port_in_the_middle(self, tmp_path: Path) -> None:
        """What it says stands where it was said, though its answer was only over later: no round goes around it."""
        recorder = Recorder(tmp_path, VirtualClock(), **ABOUT)
        stream = recorder.device("voa", role="receiver", driver="any", simulated=True)
        stream.start()
        turns: list[Any] = [list(self.ROUND) * 6, [(">", b"DATA?\n"), ("<", b"x\n")]]
        made = [stream.port(lambda turn=turn: ScriptedPort(turn, device="voa"), "TCPIP::a::1::SOCKET", ()) for turn in turns]
        control, data = (Transport(port, timeout_s=0.5) for port in made)
        control.open()
        data.open()
        self.poll(control, 1)
        data.query(b"DATA?\n", LINE, idempotent=True)
        control.query(b"TEMP?\n", LINE, idempotent=True)
        self.wait(control, 5)
        recorder.close()
        assert [entry.send for entry in entries(tmp_path, Exchange)][:3] == ["BUSY?\n", "DATA?\n", "TEMP?\n"]
        replay = Replay(read_tapes(tmp_path), "strict", VirtualClock())
        device = replay.device("voa")
        device.seek("opening")
        control, data = (Transport(device.port(lambda: pytest.fail("opened"), "", ()), timeout_s=0.5) for _ in range(2))
        control.open()
        data.open()
        self.poll(control, 1)
        assert data.query(b"DATA?\n", LINE, idempotent=True) == b"x"
        control.query(b"TEMP?\n", LINE, idempotent=True)
        self.wait(control, 5)
        assert replay.left_over() == {}

    def test_by_request_a_changed_one_is_still_found(self, tmp_path: Path) -> None:
        """Another order is none of its business, another message is."""
        record(tmp_path, self.TURNS, self.talk)
        _, transport = replayed(tmp_path, "keyed")
        with pytest.raises(TapeMismatchError, match="sent b'STOP"):
            transport.write(b"STOP\n")


class TestLate:
    """A reply that came too late must come too late again, or the replay hides the trouble it made."""

    MARKERS = (Marker(b"ID?\n", LINE, lambda reply: reply == b"me"),)
    TURNS = (
        *[(">", b"ID?\n"), ("<", b"me\n"), ("silence", b"")],
        *[(">", b"READ?\n"), ("silence", b"")],
        ("silence", b""),  # nothing in the draining before the marker either
        *[(">", b"ID?\n"), ("<", b"late 5\n"), ("<", b"me\n"), ("silence", b"")],
        *[(">", b"READ?\n"), ("<", b"6\n")],
    )

    @staticmethod
    def talk(transport: Transport) -> None:
        with pytest.raises(DeviceTimeoutError):
            transport.query(b"READ?\n", LINE)
        assert transport.dirty
        assert transport.query(b"READ?\n", LINE) == b"6"

    def test_it_stays_late(self, tmp_path: Path) -> None:
        """The question times out, the marker gets the late reply and its own, the next question its own."""
        record(tmp_path, list(self.TURNS), self.talk, clean=False, markers=self.MARKERS)
        assert [entry.receive for entry in entries(tmp_path, Exchange)][1:3] == [(None, None), ("late 5\nme\n", None)]
        self.talk(replayed(tmp_path, markers=self.MARKERS)[1])

    def test_late_again_and_again(self, tmp_path: Path) -> None:
        """Four times the same trouble is four times as late in a replay."""

        def talk(transport: Transport) -> None:
            for _ in range(4):
                with pytest.raises(DeviceTimeoutError):
                    transport.query(b"READ?\n", LINE, idempotent=False)
                transport.query(b"ID?\n", LINE, idempotent=True)

        trouble = [*self.TURNS[3:-2], (">", b"ID?\n"), ("<", b"me\n")]
        record(tmp_path, [*self.TURNS[:3], *trouble * 4], talk, clean=False, markers=self.MARKERS)
        late = [entry for entry in entries(tmp_path, Exchange) if entry.receive == ("late 5\nme\n", None)]
        assert len(late) == 4, "READ? is not harmless, so nothing is folded over it"
        talk(replayed(tmp_path, markers=self.MARKERS)[1])

    def test_a_driver_that_does_not_wait_for_step_is_found(self, tmp_path: Path) -> None:
        """Without its markers it would take the late reply for the next: the tape says that a marker was asked."""
        record(tmp_path, list(self.TURNS), self.talk, clean=False, markers=self.MARKERS)
        replay, transport = replayed(tmp_path, markers=self.MARKERS)
        with pytest.raises(DeviceTimeoutError):
            transport.query(b"READ?\n", LINE)
        transport._dirty = False
        with pytest.raises(TapeMismatchError):
            transport.query(b"READ?\n", LINE)
        assert replay.left_over() == {}, "a mismatch was told already"


class TestPushed:
    """What a device says unasked comes when it came."""

    def test_by_the_time_of_the_bench(self, tmp_path: Path) -> None:
        """A line a second, as recorded; asked for sooner it is waited for, beyond the timeout it is not there."""
        clock = VirtualClock()

        class Ticking(ScriptedPort):
            def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:
                if clock.now_ns() < 1_000_000_000:
                    clock.sleep(1.0)
                return super().receive(count, timeout_s, stop)

        recorder = Recorder(tmp_path, clock, **ABOUT)
        stream = recorder.device("voa", role="detector", driver="any", simulated=True)
        stream.start()
        turns: list[Any] = [("<", b"1,"), ("<", b"17\n2,18\n")]
        port = Transport(stream.port(lambda: Ticking(turns, device="voa"), "TCPIP::a::1::SOCKET", ()), timeout_s=2.0)
        port.open()
        with port.exchange() as line:
            assert [LINE.read(line, None) for _ in range(2)] == [b"1,17", b"2,18"]
        recorder.close()
        assert [(entry.after_s, entry.data) for entry in entries(tmp_path, Pushed)] == [(1.0, "1,17\n"), (1.0, "2,18\n")]

        again = VirtualClock()
        _, transport = replayed(tmp_path, clock=again)
        with transport.exchange() as line, pytest.raises(DeviceTimeoutError):
            LINE.read(line, 0.25)
        assert again.now_ns() == pytest.approx(250_000_000, rel=0.01)  # the line's deadline began a moment before
        again.sleep(0.5)
        transport._dirty = False
        with transport.exchange() as line:
            assert [LINE.read(line, 0.5) for _ in range(2)] == [b"1,17", b"2,18"]
        assert again.now_ns() == 1_000_000_000


class TestSecrets:
    """Key material gets on no tape."""

    def test_only_the_number_of_bytes_is_kept(self, tmp_path: Path) -> None:
        """The header says what is left out; a replay has no answer, which is a skip."""
        turns = [(">", b"KEYS? 1\n"), ("<", b"c2VjcmV0\n"), (">", b"A?\n"), ("<", b"1\n")]

        def talk(transport: Transport) -> None:
            assert transport.query(b"KEYS? 1\n", LINE) == b"c2VjcmV0"
            transport.query(b"A?\n", LINE, idempotent=True)

        record(tmp_path, turns, talk, secret=(b"KEYS?",))
        text = (tmp_path / "voa.jsonl").read_text()
        assert "c2VjcmV0" not in text
        assert read_tape(tmp_path / "voa.jsonl").header.redactions == ("port 0: answers to KEYS? (key material)",)
        assert [(entry.sent, entry.received) for entry in entries(tmp_path, Redacted)] == [(8, 9)]
        replay, transport = replayed(tmp_path, secret=(b"KEYS?",))
        with pytest.raises(MissingCapabilityError, match="replayed from a tape, not measured: voa"):
            transport.query(b"KEYS? 1\n", LINE)
        assert replay.left_over() == {}, "the test ended there, for no fault of its own"

    def test_of_a_data_port_nothing_that_comes_unasked_is_kept(self, tmp_path: Path) -> None:
        """Every byte of such a port may be key material, whoever began to talk."""

        def talk(transport: Transport) -> None:
            with transport.exchange() as line:
                assert LINE.read(line, None) == b"c2VjcmV0"

        record(tmp_path, [("<", b"c2VjcmV0\n")], talk, secret=(b"",))
        assert "c2VjcmV0" not in (tmp_path / "voa.jsonl").read_text()
        assert read_tape(tmp_path / "voa.jsonl").header.redactions == ("port 0: everything (key material)",)
        assert [(entry.sent, entry.received) for entry in entries(tmp_path, Redacted)] == [(0, 9)]

    def test_no_password_of_an_address_is_kept(self, tmp_path: Path) -> None:
        """Neither of a port's nor of a driver's own carrier; the rest of the address is."""
        recorder = Recorder(tmp_path, VirtualClock(), **ABOUT)
        stream = recorder.device("voa", role="attenuator", driver="any", simulated=True)
        port = ScriptedPort([], device="voa")
        port.resource = "tcp://admin:geheim@lab:5555"
        stream.port(lambda: port, port.resource, ())
        stream.ask("http://admin:geheim@lab/pdu")
        recorder.close()
        assert [entry.resource for entry in read_tape(tmp_path / "voa.jsonl").header.ports] == [
            "tcp://lab:5555",
            "http://lab/pdu",
        ]
        assert "geheim" not in (tmp_path / "voa.jsonl").read_text()


class TestFiles:
    """What can be wrong with a tape is said."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "whose first line is its header"),
            (b'{"kind":"exchange","n":1,"t_s":0,"send":"a"}\n', "whose first line is its header"),
            (b"nonsense\n{}\n", "line 1 is no line of a tape"),
        ],
    )
    def test_no_tape(self, tmp_path: Path, content: bytes, message: str) -> None:
        """File and line."""
        file = tmp_path / "voa.jsonl"
        file.write_bytes(content)
        with pytest.raises(UsageError, match=message):
            read_tape(file)

    def test_another_format(self, tmp_path: Path) -> None:
        """Never guessed at."""
        record(tmp_path, SETTING, lambda transport: set_and_ask(transport, 3, 9))
        file = tmp_path / "voa.jsonl"
        file.write_bytes(file.read_bytes().replace(b'"format":2', b'"format":1', 1))
        with pytest.raises(UsageError, match="a tape of format 1; this version reads format 2"):
            read_tape(file)

    def test_a_section_that_was_not_recorded(self, tmp_path: Path) -> None:
        """It names those that were."""
        record(tmp_path, SETTING, lambda transport: set_and_ask(transport, 3, 9))
        replay, _ = replayed(tmp_path)
        with pytest.raises(UsageError, match="its tape has no 'test_x'; recorded were: opening"):
            replay.section("test_x")

    def test_a_cut_last_line_is_left_out(self, tmp_path: Path) -> None:
        """A killed recording can be read."""
        record(tmp_path, SETTING, lambda transport: set_and_ask(transport, 3, 9))
        file = tmp_path / "voa.jsonl"
        file.write_bytes(file.read_bytes()[:-9])
        assert len(entries(tmp_path, Exchange)) == 3


def test_out_of_step_stays_an_error_of_the_bench(tmp_path: Path) -> None:
    """A recorded line that could not be brought back in step cannot be in the replay either."""
    markers = TestLate.MARKERS

    def talk(transport: Transport) -> None:
        with pytest.raises(DeviceTimeoutError):
            transport.query(b"READ?\n", LINE)
        with pytest.raises(DirtyLinkError):
            transport.query(b"READ?\n", LINE)

    silent = [(">", b"ID?\n"), ("silence", b"")]
    turns = [*TestLate.TURNS[:3], (">", b"READ?\n"), ("silence", b""), ("silence", b""), *silent, *silent]
    record(tmp_path, turns, talk, clean=False, markers=markers)
    talk(replayed(tmp_path, markers=markers)[1])
