"""A transport stays in step: locked, never a late reply to the next question, repeated only where that is harmless."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from hil.errors import DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError, ReplyError
from hil.transports import Exactly, Marker, RetryPolicy, ScriptedPort, Transport, Until

if TYPE_CHECKING:
    from hil.transports.tape import Turn

LINE = Until(b"\n")
SILENCE: Turn = ("silence", b"")
MARKERS = (
    Marker(b"who?\n", LINE, lambda reply: reply == b"me"),
    Marker(b"what?\n", LINE, lambda reply: reply == b"it"),
)


def stream(turns: list[Turn], **options) -> tuple[ScriptedPort, Transport]:
    port = ScriptedPort(turns, device="dut")
    transport = Transport(port, retry=options.pop("retry", RetryPolicy(backoff_s=0.0)), **options)
    transport.open()
    return port, transport


def serial(turns: list[Turn]) -> tuple[ScriptedPort, Transport]:
    opening: list[Turn] = [(">", b"who?\n"), ("<", b"me\n")]
    port = ScriptedPort(opening + turns, device="dut", reopens_clean=False)
    transport = Transport(port, markers=MARKERS, retry=RetryPolicy(backoff_s=0.0))
    transport.open()
    return port, transport


def test_sends_exactly_and_takes_the_terminator_off():
    """A query puts on the wire what was asked, and returns the reply without its terminator."""
    port, transport = stream([(">", b"A?\n"), ("<", b"12."), ("<", b"5\n")])
    assert transport.query(b"A?\n", LINE) == b"12.5"
    port.finish()


def test_reads_a_terminator_cut_in_two():
    """A terminator of several bytes is found wherever the pieces are cut."""
    _, transport = stream([(">", b"D\r"), ("<", b"ATTEN:3.00\r\nDo"), ("<", b"ne\r\n\r"), ("<", b"\n")])
    assert transport.query(b"D\r", Until(b"Done\r\n\r\n")) == b"ATTEN:3.00\r\n"


def test_reads_exactly_as_many_bytes():
    """A binary reply ends by its count, whatever bytes it holds."""
    _, transport = stream([(">", b"\x01"), ("<", b"\n\x00"), ("<", b"\xff\n")])
    assert transport.query(b"\x01", Exactly(4)) == b"\n\x00\xff\n"


def test_a_timeout_reopens_a_stream_before_the_next_query():
    """After a timeout the next query goes over a new stream, so that the late reply has nowhere to arrive."""
    port, transport = stream([(">", b"A?\n"), SILENCE, (">", b"B?\n"), ("<", b"b\n")])
    with pytest.raises(DeviceTimeoutError, match="dut: no answer within 2 s"):
        transport.query(b"A?\n", LINE)
    assert transport.dirty
    assert transport.query(b"B?\n", LINE) == b"b"
    assert port.opened == 2
    port.finish()


def test_a_late_reply_on_a_serial_line_is_thrown_away():
    """On a line that outlives its opening, replies before the marker's belong to nobody."""
    port, transport = serial([(">", b"A?\n"), SILENCE, (">", b"who?\n"), ("<", b"late a\nme\n"), (">", b"B?\n"), ("<", b"b\n")])
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"A?\n", LINE)
    assert transport.query(b"B?\n", LINE) == b"b"
    assert port.opened == 1
    port.finish()


def test_the_markers_own_late_reply_is_told_apart():
    """When the marker itself had timed out, another marker follows, and no reply is left over."""
    port, transport = serial(
        [
            *((">", b"who?\n"), SILENCE),
            *((">", b"who?\n"), ("<", b"me\n"), ("<", b"me\n")),
            *((">", b"what?\n"), ("<", b"it\n")),
            *((">", b"B?\n"), ("<", b"b\n")),
        ]
    )
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"who?\n", LINE)
    assert transport.query(b"B?\n", LINE) == b"b"
    port.finish()


def test_a_line_that_cannot_be_resynchronised_answers_nothing():
    """Without an answer to any marker every query is DirtyLinkError, and none of them reaches the device."""
    silent: list[Turn] = [(">", b"who?\n"), SILENCE, (">", b"what?\n"), SILENCE]
    port, transport = serial([(">", b"A?\n"), SILENCE, *(silent * 2), *(silent * 2)])
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"A?\n", LINE)
    for _ in range(2):
        with pytest.raises(DirtyLinkError, match="dut: out of step"):
            transport.query(b"B?\n", LINE)
    port.finish()


def test_what_is_not_idempotent_is_sent_once():
    """A toggle, an acquisition or a laser's switching-on is never repeated."""
    port, transport = stream([(">", b"ens\n"), SILENCE])
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"ens\n", LINE)
    port.finish()


def test_an_idempotent_query_is_repeated_in_step_and_logged(caplog):
    """A repeated attempt runs over a reopened stream, and each failed one is in the log without what was said."""
    port, transport = stream([(">", b"A?\n"), SILENCE, (">", b"A?\n"), ("hangup", b""), (">", b"A?\n"), ("<", b"a\n")])
    with caplog.at_level(logging.WARNING, "hil.transports"):
        assert transport.query(b"A?\n", LINE, idempotent=True) == b"a"
    assert port.opened == 3
    assert [record.message.split(" failed")[0] for record in caplog.records] == ["dut: attempt 1 of 3", "dut: attempt 2 of 3"]
    port.finish()


def test_attempts_are_bounded_by_number():
    """After the last attempt the last error stands."""
    port, transport = stream([(">", b"A?\n"), SILENCE] * 3)
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"A?\n", LINE, idempotent=True)
    port.finish()


def test_attempts_are_bounded_by_wall_time():
    """No attempt begins once the wall time is spent."""
    port, transport = stream([(">", b"A?\n"), SILENCE], retry=RetryPolicy(wall_s=0.0))
    with pytest.raises(DeviceTimeoutError):
        transport.query(b"A?\n", LINE, idempotent=True)
    port.finish()


def test_leaving_an_exchange_by_ctrl_c_dirties_the_line():
    """An interrupt between write and read leaves a reply under way, so the line is resynchronised."""
    _, transport = stream([(">", b"A?\n")])

    def interrupted() -> None:
        with transport.exchange() as line:
            line.send(b"A?\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert transport.dirty


def test_bytes_nobody_asked_for_lead_to_a_resynchronisation():
    """Two replies to one question do not answer the next one."""
    port, transport = serial(
        [(">", b"A?\n"), ("<", b"a\nextra\n"), (">", b"who?\n"), ("<", b"me\n"), (">", b"B?\n"), ("<", b"b\n")]
    )
    assert transport.query(b"A?\n", LINE) == b"a"
    assert transport.query(b"B?\n", LINE) == b"b"
    port.finish()


def test_opening_a_line_where_nothing_answers_is_unreachable():
    """A serial port that exists without a device behind it fails at open, and is let go."""
    port = ScriptedPort([(">", b"who?\n"), SILENCE, (">", b"what?\n"), SILENCE], device="dut", reopens_clean=False)
    with pytest.raises(DeviceUnreachableError, match="nothing answers"):
        Transport(port, markers=MARKERS).open()
    assert not port.is_open
    port.finish()


def test_a_line_needs_a_marker():
    """A port whose late replies survive reopening cannot be used without a way to come into step."""
    with pytest.raises(ValueError, match="marker"):
        Transport(ScriptedPort([], reopens_clean=False))


def test_a_closed_transport_says_so():
    """Using a transport that is not open names the device and the way out."""
    with pytest.raises(DeviceUnreachableError, match=r"dut: .* is not open"):
        Transport(ScriptedPort([], device="dut")).query(b"A?\n", LINE, idempotent=True)


def test_a_babbling_device_is_cut_off(monkeypatch):
    """A reply without end is an error, not all of memory."""
    monkeypatch.setattr("hil.transports.line._LONGEST_REPLY", 5)
    _, transport = stream([(">", b"A?\n"), ("<", b"abcdef"), ("<", b"ghi")])
    with pytest.raises(ReplyError, match="without its terminator"):
        transport.query(b"A?\n", LINE)


def test_a_script_fails_on_leftovers_and_on_other_bytes():
    """The scripted port is strict both ways, or driver tests would prove nothing."""
    port, transport = stream([(">", b"A?\n"), ("<", b"a\n"), (">", b"B?\n")])
    transport.query(b"A?\n", LINE)
    with pytest.raises(AssertionError, match="1 turns left over"):
        port.finish()
    with pytest.raises(AssertionError, match=r"sent b'C\?\\n'"):
        transport.query(b"C?\n", LINE)
