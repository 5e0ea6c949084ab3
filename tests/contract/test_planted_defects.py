"""Each promise of the driver contract is seen to be broken: a defect is planted, and that promise goes red, and no other.

A defect is planted in the driver (a subclass of its class, made here), in the transport below it, or in the simulated device.
Where it cannot but break a second promise, that one is named beside it.
"""

from __future__ import annotations

import sys
import threading
import tomllib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hil import discovery
from hil.bench import envelope_of, load
from hil.clock import VirtualClock
from hil.device_sims.carriers import _conversation
from hil.device_sims.host import TwinHost
from hil.device_sims.spec import Later, Reply
from hil.device_sims.world.world import World
from hil.drivers import _scpi_instrument
from hil.errors import DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError, EnvelopeError, InstrumentError, ReplyError
from hil.ports.spec import DeviceSettings
from hil.suites.contracts import device_checks as device
from hil.suites.contracts import role_checks as role
from hil.suites.contracts import wire_checks as wire
from hil.suites.contracts.case import SETTERS, Case, TwinPlug, papers_of
from hil.suites.contracts.driver_contract import CHECKS
from hil.transports import line, serial, tcp, transport, visa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.suites.contracts.case import Check

HERE = Path(__file__).parent
BENCHES = (load("metro-25km"), load(HERE / "shelf.toml"))
PAPERS = tomllib.loads((HERE / "papers.toml").read_text(encoding="utf-8"))
LINES = "tcp" if sys.platform == "win32" else "pty"
PORTS = (tcp.TcpPort, visa.VisaPort, serial.SerialPort)

SCPI, FOUR, ECHO, DONE, BINARY = "SCPI tree", "four letters", "echo and prompt", "Done sentinel", "fixed-length binary"
DELIMITER, PUSHED, DELAYED, ZMQ, HTTP = "custom delimiter", "pushed stream, JSON", "delayed answer", "ZMQ", "HTTP"
NUMBERED, TWO, FRAMED = "lines, error numbers", "two firmware dialects", "framed lines"
DIALECTS = {
    SCPI: "n7761a",
    FOUR: "ldc500",
    ECHO: "stage",
    DONE: "voa",
    BINARY: "switch",
    DELIMITER: "chamber",
    PUSHED: "websq",
    DELAYED: "spd",
    ZMQ: "id900",
    HTTP: "pdu",
    NUMBERED: "tecsource",
    TWO: "cc1",
    FRAMED: "dicon",
}
"""One instrument of each."""
ALL = frozenset(DIALECTS)
MOVING = ALL - {PUSHED, DELAYED, ZMQ, HTTP, TWO}


@contextmanager
def case_of(device: str) -> Iterator[Case]:
    """A good pair fresh from power-up, with its papers and its plug."""
    bench, clock = next(bench for bench in BENCHES if device in bench.device), VirtualClock()
    declared = bench.device[device]
    with TwinHost(bench, [device], 5, clock, serial_lines=LINES) as host:
        if bench.bench.name == "shelf":
            host.world.set_biased("bob", 0, biased=True)  # dark counts, for what counts
        at = host.addresses[device]
        settings = DeviceSettings(
            device, at.resource, clock, data_resource=at.data_resource, envelope=envelope_of(declared), declared=declared
        )
        nowhere = {"TCPIP": "TCPIP::127.0.0.1::9::SOCKET", "http:": "http://127.0.0.1:9", "tcp:/": "tcp://127.0.0.1:9"}
        dead = replace(settings, resource=nowhere.get(at.resource[:5], "ASRL/dev/hil-contract-no-such-line::INSTR"))
        spec, papers = discovery.find("driver", declared.driver), papers_of(PAPERS[declared.twin or declared.driver])
        with Case(spec, settings, dead, papers, TwinPlug(host.control, device)) as case:
            yield case


def broken(case: Case, check: Check) -> str:
    """Why the promise does not hold; empty where it does, or cannot be looked at."""
    try:
        check(case)
    except pytest.skip.Exception:
        return ""
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  (whatever comes out is red)
        return f"{type(error).__name__}: {error}"
    return ""


def in_driver(case: Case, **methods: Callable[..., Any]) -> None:
    """Replace methods of the driver; each is given the good one, the driver, and what it was called with."""
    build = case.spec.build

    def built(settings: DeviceSettings) -> Any:
        driver = build(settings)
        good = {name: getattr(type(driver), name, None) for name in methods}
        bad = {name: _bound(method, good[name]) for name, method in methods.items()}
        driver.__class__ = type(type(driver).__name__, (type(driver),), bad)
        return driver

    case.spec = replace(case.spec, build=built)


def _bound(method: Callable[..., Any], good: Any) -> Callable[..., Any]:
    return lambda self, *given, **named: method(good, self, *given, **named)


def in_build(case: Case, spoil: Callable[[Any, DeviceSettings], object]) -> None:
    """Do something to every driver once it is built."""
    build = case.spec.build

    def built(settings: DeviceSettings) -> Any:
        driver = build(settings)
        spoil(driver, settings)
        return driver

    case.spec = replace(case.spec, build=built)


# --- the role ---------------------------------------------------------------------------------------------------------------


def opens_when_built(case: Case, _patch: pytest.MonkeyPatch) -> None:
    in_build(case, lambda driver, settings: driver.open() if settings.resource == case.dead.resource else None)


def opens_onto_nothing(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def open_(good: Any, self: Any) -> None:
        if not self.nowhere:
            good(self)

    in_build(case, lambda driver, settings: setattr(driver, "nowhere", settings.resource == case.dead.resource))
    in_driver(case, open=open_)


def lacks_a_method(case: Case, _patch: pytest.MonkeyPatch) -> None:
    build = case.spec.build

    def built(settings: DeviceSettings) -> Any:
        driver = build(settings)
        hidden = property(lambda self: self.not_there)
        driver.__class__ = type(type(driver).__name__, (type(driver),), {"temperature_c": hidden})
        return driver

    case.spec = replace(case.spec, build=built)


def has_no_maker(case: Case, _patch: pytest.MonkeyPatch) -> None:
    in_driver(case, identity=lambda good, self: replace(good(self), vendor=""))


def closes_once(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def close(good: Any, self: Any) -> None:
        good(self)
        self.closed = getattr(self, "closed", 0) + 1
        if self.closed == 2:
            raise InstrumentError(case.name, "was closed already")

    def identity(good: Any, self: Any) -> Any:
        self.closed = 0
        return good(self)

    def open_(good: Any, self: Any) -> None:
        self.closed = 0
        good(self)

    in_driver(case, close=close, identity=identity, open=open_)


def opens_once(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def open_(good: Any, self: Any) -> None:
        good(self)
        self.opened = getattr(self, "opened", 0) + 1
        if self.opened == 2:
            raise DeviceUnreachableError(case.name, "was closed for good")

    in_driver(case, open=open_)


def answers_when_closed(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def close(good: Any, self: Any) -> None:
        self.closed = True
        good(self)

    def open_(good: Any, self: Any) -> None:
        self.closed = False
        good(self)

    def identity(good: Any, self: Any) -> Any:
        if not self.closed:
            self.known = good(self)
        return getattr(self, "known", None)

    in_driver(case, close=close, open=open_, identity=identity)


def parks_once(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def park(good: Any, self: Any) -> None:
        good(self)
        self.parked = getattr(self, "parked", 0) + 1
        if self.parked == 2:
            raise InstrumentError(case.name, "is parked already")

    in_driver(case, park=park)


def does_not_park(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def park(_good: Any, self: Any) -> None:
        if hasattr(self, "set_powered"):
            self.set_powered(powered=not self.powered())
        elif hasattr(self, "set_enabled"):
            self.set_enabled(enabled=not self.enabled())

    in_driver(case, park=park)


def claims_what_it_has_not(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def open_(good: Any, self: Any) -> None:
        good(self)
        missing = next(feature for feature, method in role.NEEDS.items() if not hasattr(self, method))
        self.capabilities = replace(self.capabilities, features=self.capabilities.features | {missing})

    in_driver(case, open=open_)


def reads_back_in_another_unit(case: Case, _patch: pytest.MonkeyPatch) -> None:
    in_driver(case, **{SETTERS[case.role].read: lambda good, self: 1.5 * good(self) + 1.0})


def returns_before_it_has_settled(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def write(good: Any, self: Any, value: float) -> None:
        declared, self.capabilities = self.capabilities, replace(self.capabilities, settle_s=0.0)
        try:
            good(self, value)
        finally:
            self.capabilities = declared

    in_driver(case, **{SETTERS[case.role].write: write})


def stops_at_the_envelope(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def write(good: Any, self: Any, value: float) -> None:
        low, high = self.capabilities.ranges[SETTERS[case.role].setting]
        good(self, min(max(value, low), high))

    in_driver(case, **{SETTERS[case.role].write: write})


def asks_the_device_about_the_envelope(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def write(good: Any, self: Any, value: float) -> None:
        try:
            good(self, value)
        except EnvelopeError:
            getattr(self, SETTERS[case.role].read)()
            raise

    in_driver(case, **{SETTERS[case.role].write: write})


def moves_unasked(case: Case, _patch: pytest.MonkeyPatch) -> None:
    build = case.spec.build
    case.spec = replace(case.spec, build=lambda settings: build(replace(settings, before_move=lambda _setting, _value: None)))


def has_a_raw_write(case: Case, _patch: pytest.MonkeyPatch) -> None:
    in_driver(case, write=lambda _good, _self, _data: None)


def reads_in_kelvin_and_fractions(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def singles(good: Any, self: Any, gate_s: float) -> Any:
        return tuple(count + 0.5 for count in good(self, gate_s))

    in_driver(
        case,
        **{"temperature_c": lambda good, self: good(self) + 273.15} if case.role in {"laser", "temperature-controller"} else {},
        **{"counts": lambda good, self, gate_s: good(self, gate_s) + 0.5} if case.role == "detector" else {},
        **{"singles": singles} if case.role == "time-tagger" else {},
    )


def _with_tags(change: Callable[[Any], dict[str, Any]]) -> Callable[[Case, pytest.MonkeyPatch], None]:
    """A driver whose time tags have something of them changed."""

    def time_tags(good: Any, self: Any, gate_s: float) -> Any:
        tags = good(self, gate_s)
        return replace(tags, **change(tags))

    return lambda case, _patch: in_driver(case, time_tags=time_tags)


def gives_its_ticks_another_length(case: Case, patch: pytest.MonkeyPatch) -> None:
    _with_tags(lambda tags: {"clock": replace(tags.clock, tick_s=tags.clock.tick_s * 1000)})(case, patch)


def tells_the_last_first(case: Case, patch: pytest.MonkeyPatch) -> None:
    _with_tags(lambda tags: {"ticks": tags.ticks[::-1]})(case, patch)


def counts_times_from_another_beginning(case: Case, patch: pytest.MonkeyPatch) -> None:
    _with_tags(lambda tags: {"ticks": tags.ticks + tags.end})(case, patch)


def counts_inputs_from_one(case: Case, patch: pytest.MonkeyPatch) -> None:
    _with_tags(lambda tags: {"detector": tags.detector + 1})(case, patch)


def tells_no_times(case: Case, patch: pytest.MonkeyPatch) -> None:
    _with_tags(lambda tags: {"ticks": tags.ticks[:0], "detector": tags.detector[:0]})(case, patch)


TAGS = (
    gives_its_ticks_another_length,
    tells_the_last_first,
    counts_times_from_another_beginning,
    counts_inputs_from_one,
    tells_no_times,
)


# --- the wire ---------------------------------------------------------------------------------------------------------------


def remembers_who_it_is(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def identity(good: Any, self: Any) -> Any:
        with suppress(DeviceTimeoutError, DirtyLinkError):
            self.known = good(self)
        return self.known

    in_driver(case, identity=identity)


def never_comes_into_step(_case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transport, "resynchronise", lambda *_given, **_named: None)


def lets_foreign_errors_out(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def identity(good: Any, self: Any) -> Any:
        try:
            return good(self)
        except ReplyError as error:
            raise ValueError("invalid literal") from error

    in_driver(case, identity=identity)


def _takes_what_came(patch: pytest.MonkeyPatch, when: Callable[[bytes], bool]) -> None:
    """When time is over what has come is taken for the reply, as pyserial's readline does."""
    until, exactly = line.Line.read_until, line.Line.read_exactly

    def read_until(self: Any, terminator: bytes, timeout_s: float | None = None) -> bytes:
        try:
            return until(self, terminator, timeout_s)
        except DeviceTimeoutError:
            came = bytes(self._buffer)
            if not came or not when(came):
                raise
            self._buffer.clear()
            return came

    def read_exactly(self: Any, count: int, timeout_s: float | None = None) -> bytearray:
        came = bytearray()
        try:
            while len(came) < count:
                came += exactly(self, 1, timeout_s)
        except DeviceTimeoutError:
            if not came:
                raise
        return came.ljust(count, b"\2")

    patch.setattr(line.Line, "read_until", read_until)
    patch.setattr(line.Line, "read_exactly", read_exactly)


def takes_a_part_for_the_whole(_case: Case, patch: pytest.MonkeyPatch) -> None:
    _takes_what_came(patch, lambda came: not came.endswith(b";"))


def takes_any_end(_case: Case, patch: pytest.MonkeyPatch) -> None:
    _takes_what_came(patch, lambda came: came.endswith(b";"))


def does_not_look_what_lies_there(_case: Case, patch: pytest.MonkeyPatch) -> None:
    for port in PORTS:
        patch.setattr(port, "waiting", lambda _self: False)


def takes_the_end_for_silence(_case: Case, patch: pytest.MonkeyPatch) -> None:
    """As pyvisa-py does, for as long as the patience lasts."""
    patch.setattr(wire, "LONG_S", 0.5)
    for port in PORTS:
        patch.setattr(port, "receive", _deaf_to_the_end(port.receive))


def _deaf_to_the_end(good: Callable[..., bytes]) -> Callable[..., bytes]:
    def receive(self: Any, count: int, timeout_s: float, stop: bytes) -> bytes:
        try:
            return good(self, count, timeout_s, stop)
        except DeviceUnreachableError:
            threading.Event().wait(timeout_s)
            return b""

    return receive


def says_everything_again(_case: Case, patch: pytest.MonkeyPatch) -> None:
    good = transport.Transport.query

    def query(self: Any, request: bytes, reply: Any, **named: Any) -> Any:
        return good(self, request, reply, **{**named, "idempotent": True})

    patch.setattr(transport.Transport, "query", query)


# --- the device -------------------------------------------------------------------------------------------------------------


def speaks_in_small_letters(_case: Case, patch: pytest.MonkeyPatch) -> None:
    good = line.Line.send
    patch.setattr(line.Line, "send", lambda self, data, *given, **named: good(self, data.lower(), *given, **named))


ANOTHER_FORM = {
    SCPI: (b"\n", b" \n"),
    FOUR: (b"\n", b" \n"),
    ECHO: (b" Celsius", b"   Celsius"),
    DONE: (b"Pos:", b"Pos: "),
    PUSHED: (b'": ', b'":  '),
    DELAYED: (b"\r\n", b" \r\n"),
    ZMQ: (b"Value", b"value"),
    HTTP: (b"p61=1,p62", b"p62=1,p61"),
    NUMBERED: (b"\r\n", b" \r\n"),
    TWO: (b"\n", b" \n"),
    FRAMED: (b"\r\n", b" \r\n"),
}
"""What a device might say otherwise than documented, though the driver bears with it."""


def answers_in_another_form(case: Case, patch: pytest.MonkeyPatch) -> None:
    dialect = next(name for name, device in DIALECTS.items() if device == case.name)
    good = _conversation.Conversation._say

    def say(self: Any, replies: Any) -> None:
        at_once = [reply for reply in replies if not isinstance(reply, Later)]
        good(self, [reply for reply in replies if isinstance(reply, Later)])
        good(self, [Reply(reply.data.replace(*ANOTHER_FORM[dialect])) for reply in at_once])

    patch.setattr(_conversation.Conversation, "_say", say)


def goes_on_without_power(case: Case, _patch: pytest.MonkeyPatch) -> None:
    case._plug = type("Nothing", (), {"cut": lambda _self: None, "restore": lambda _self: None})()


def stands_as_before_a_power_up(_case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(World, "darken", lambda _self, _device, _now_ns: None)


def does_not_ask_for_old_errors(case: Case, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_scpi_instrument, "drain_errors", lambda _transport: [])
    if case.name == DIALECTS[FOUR]:

        def take(good: Any, self: Any) -> Any:
            self.looked = getattr(self, "looked", 0) + 1
            return good(self) if self.looked > 1 else ""

        in_driver(case, _take_errors=take)


def tells_a_refusal_in_its_own_words(case: Case, _patch: pytest.MonkeyPatch) -> None:
    def write(good: Any, self: Any, value: float) -> None:
        try:
            good(self, value)
        except InstrumentError:
            raise InstrumentError(case.name, "it did not work") from None

    in_driver(case, **{SETTERS[case.role].write: write})


def tells_no_version(case: Case, _patch: pytest.MonkeyPatch) -> None:
    in_driver(case, identity=lambda good, self: replace(good(self), firmware="the newest"))


@dataclass(frozen=True)
class Planted:
    """A defect, the promise that it breaks, in which dialects it can be had, and what else it cannot but break."""

    defect: Callable[[Case, pytest.MonkeyPatch], None]
    check: Check
    dialects: frozenset[str] = ALL
    also: tuple[Check, ...] = ()


LIGHT = frozenset({SCPI, DONE, BINARY, FRAMED})
STREAMS = ALL - {ZMQ, HTTP}
RAW = STREAMS - {SCPI, FOUR, DONE}
"""Over VISA what a timeout cuts is lost anyway."""
LIT = frozenset({FOUR, PUSHED, DELAYED})
COUNTED_OR_HEATED = frozenset({FOUR, ECHO, DELIMITER, PUSHED, DELAYED, ZMQ, NUMBERED, TWO})
PLANTED = (
    Planted(opens_when_built, role.building_touches_nothing, also=(role.an_absent_device_is_found_at_open,)),
    Planted(opens_onto_nothing, role.an_absent_device_is_found_at_open),
    Planted(
        lacks_a_method,
        role.has_what_its_role_offers,
        frozenset({FOUR, ECHO, DELIMITER, NUMBERED}),
        (device.what_is_said_is_what_the_papers_have,),
    ),
    Planted(has_no_maker, role.says_who_it_is),
    Planted(closes_once, role.closing_twice_does_nothing),
    Planted(opens_once, role.opens_again_after_closing),
    Planted(answers_when_closed, role.a_closed_device_says_so),
    Planted(parks_once, role.parking_is_idempotent),
    Planted(
        does_not_park,
        role.parking_brings_the_safe_state,
        ALL - {ZMQ, TWO},
        (device.what_is_said_is_what_the_papers_have,),
    ),
    Planted(claims_what_it_has_not, role.declares_what_it_can_do),
    Planted(
        reads_back_in_another_unit,
        role.setting_reads_back_at_both_ends,
        MOVING,
        (role.parking_brings_the_safe_state, role.readings_are_in_the_unit_of_their_name, *device.DEVICE_CHECKS),
    ),
    Planted(returns_before_it_has_settled, role.a_setter_waits_until_it_may_be_judged, LIGHT),
    Planted(stops_at_the_envelope, role.a_move_outside_the_envelope_sends_nothing, MOVING),
    Planted(asks_the_device_about_the_envelope, role.a_move_outside_the_envelope_sends_nothing, MOVING),
    Planted(moves_unasked, role.asks_before_it_moves, MOVING),
    Planted(has_a_raw_write, role.offers_no_way_around_its_setter),
    Planted(reads_in_kelvin_and_fractions, role.readings_are_in_the_unit_of_their_name, COUNTED_OR_HEATED),
    *(Planted(defect, role.time_tags_are_those_of_the_gate, frozenset({ZMQ})) for defect in TAGS),
    Planted(
        remembers_who_it_is, wire.silence_is_a_timeout, STREAMS, (device.a_device_without_power_is_an_error_with_its_name,)
    ),
    Planted(
        never_comes_into_step,
        wire.a_late_reply_answers_nothing_else,
        STREAMS - {BINARY, PUSHED},
        (
            *wire.WIRE_CHECKS,
            device.a_device_without_power_is_an_error_with_its_name,
            device.after_a_power_up_stands_what_the_papers_have,
        ),
    ),
    Planted(lets_foreign_errors_out, wire.a_garbled_reply_is_no_answer, ALL - {DELIMITER}),
    Planted(takes_a_part_for_the_whole, wire.a_truncated_reply_is_no_answer, RAW - {NUMBERED, PUSHED}),
    Planted(takes_any_end, wire.a_reply_with_another_end_is_no_answer, frozenset({SCPI, FOUR, ECHO, TWO, FRAMED})),
    Planted(does_not_look_what_lies_there, wire.what_nobody_asked_for_is_no_answer, STREAMS - {DONE}),
    Planted(takes_the_end_for_silence, wire.a_line_that_ends_in_mid_reply_is_found_at_once, STREAMS),
    Planted(says_everything_again, wire.only_what_is_harmless_is_said_twice, STREAMS - {PUSHED, DELAYED, FRAMED}),
    Planted(speaks_in_small_letters, device.what_is_said_is_what_the_papers_have, frozenset({SCPI, FOUR, NUMBERED})),
    Planted(
        answers_in_another_form,
        device.what_is_said_is_what_the_papers_have,
        frozenset(ANOTHER_FORM),
        (device.after_a_power_up_stands_what_the_papers_have, device.a_refusal_is_told_in_the_devices_words),
    ),
    Planted(
        goes_on_without_power,
        device.a_device_without_power_is_an_error_with_its_name,
        also=(device.after_a_power_up_stands_what_the_papers_have,),
    ),
    Planted(
        stands_as_before_a_power_up,
        device.after_a_power_up_stands_what_the_papers_have,
        frozenset({FOUR, ECHO, DELIMITER, PUSHED, DELAYED, NUMBERED}),
        (device.a_device_without_power_is_an_error_with_its_name,),
    ),
    Planted(does_not_ask_for_old_errors, device.errors_from_before_are_not_ours, frozenset({SCPI, FOUR})),
    Planted(tells_a_refusal_in_its_own_words, device.a_refusal_is_told_in_the_devices_words, frozenset({SCPI, FOUR, NUMBERED})),
    Planted(tells_no_version, device.pins_hold_what_it_says_it_is, ALL - {BINARY}),
)
EACH = [(planted, dialect) for planted in PLANTED for dialect in sorted(planted.dialects)]


def test_every_promise_has_a_defect_that_breaks_it() -> None:
    """A check that nobody saw fail may hold for anything."""
    assert {check.__name__ for check in CHECKS} == {planted.check.__name__ for planted in PLANTED}


@pytest.mark.parametrize(
    ("planted", "dialect"), EACH, ids=[f"{planted.defect.__name__}-{dialect}" for planted, dialect in EACH]
)
def test_a_planted_defect_is_found(planted: Planted, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise holds for the good pair and is broken by the defect, in every dialect that can have it."""
    with case_of(DIALECTS[dialect]) as case:
        planted.defect(case, monkeypatch)
        assert broken(case, planted.check)


@pytest.mark.parametrize(("number", "planted"), list(enumerate(PLANTED)), ids=[planted.defect.__name__ for planted in PLANTED])
def test_and_nothing_else_goes_red(number: int, planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """All promises are looked at, of one instrument for each defect; they take turns."""
    quick = sorted(planted.dialects & {SCPI, FOUR, DELIMITER, PUSHED, ZMQ, HTTP}) or sorted(planted.dialects)
    dialect = quick[number % len(quick)]
    red = {}
    for check in CHECKS:
        with case_of(DIALECTS[dialect]) as case, monkeypatch.context() as patch:
            planted.defect(case, patch)
            if why := broken(case, check):
                red[check.__name__] = why
    assert planted.check.__name__ in red
    assert red.keys() <= {check.__name__ for check in (planted.check, *planted.also)}, (dialect, red)
