"""ID Quantique ID900 and ID1000 time controllers: SCPI text in ZMQ requests, every one with a reply (port 5555).

Counting uses the counters of the inputs and, for coincidences, those of the instrument's own configuration ``COUNT``:
TSCO6, 7 and 8 for inputs 1/2, 1/3 and 1/4, TSCO3 and 4 for 2/3 and 2/4, TSCO5 for 3/4. A counter in mode ``CYCL`` tells
the last whole integration time (in milliseconds); ``RESE`` begins one. As in open drivers and the maker's examples.
Coincidence windows are the instrument's.

Time stamps come from a service on a computer (DataLinkTarget, ZMQ port 6060), whose address is the bench file's
``data_address``; it hands them on over a ZMQ pair for each input. Blocks TSCO9 to 12, which the configuration ``COUNT`` leaves
free, pass inputs 1 to 4 to the time stamps. As in the user manual (sections 8.2, 9 and 10) and the maker's examples.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from hil.drivers._idq_data_link import DataLink
from hil.drivers._lines import decoded
from hil.errors import InstrumentError, MissingCapabilityError, ReplyError, UsageError
from hil.ports.detections import ClockDomain, TagRecords
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Transport, Until, over_zmq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.ports.roles import TimeStamper

__all__ = ["SPEC", "IdqId900"]

CAPABILITIES = Capabilities(features=frozenset({"coincidences", "singles", "time-tags"}))
_MESSAGE = Until(b"\0")
_INPUTS = ("INPU1", "INPU2", "INPU3", "INPU4")
_COMBINERS = {"TSCO6": (1, 2), "TSCO7": (1, 3), "TSCO8": (1, 4), "TSCO3": (2, 3), "TSCO4": (2, 4), "TSCO5": (3, 4)}
_PASSING = {1: "TSCO9", 2: "TSCO10", 3: "TSCO11", 4: "TSCO12"}
_DONE = ("value set to", "counter value set to")
_ERROR = re.compile(r'-?\d+, *"')
_SHORTEST_GATE_S, _LONGEST_GATE_S = 0.001, 1000.0
_TICKS_PER_S = 10**12


class IdqId900:
    """Counter of four inputs and of their coincidences, two by two, and time stamps of their clicks in ps."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None, link: DataLink | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        self._transport = transport or over_zmq(settings.name, settings.resource, timeout_s=settings.timeout_s)
        self._link = link
        if link is None and settings.data_resource:
            self._link = DataLink(settings, tuple(_PASSING))

    def open(self) -> None:
        """Connect."""
        self._transport.open()
        if self._link is not None:
            try:
                self._link.open()
            except BaseException:
                self._transport.close()
                raise

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()
        if self._link is not None:
            self._link.close()

    def identity(self) -> Identity:
        """``*IDN?``: maker, model, serial number, version."""
        (text,) = self._exchange(["*IDN?"], idempotent=True)
        fields = [field.strip() for field in text.split(",")]
        if len(fields) != 4:
            raise ReplyError(self.name, f"*IDN? answered {text[:60]!r}; expected maker,model,serial,version")
        return Identity(*fields)

    def park(self) -> None:
        """A counter harms nothing."""

    def singles(self, gate_s: float) -> tuple[int, ...]:
        """Clicks at each of the four inputs in the next ``gate_s`` seconds."""
        return tuple(self._counted(_INPUTS, gate_s))

    def coincidences(self, gate_s: float) -> dict[tuple[int, int], int]:
        """Coincidences of each two inputs in the next ``gate_s`` seconds."""
        return dict(zip(_COMBINERS.values(), self._counted(tuple(_COMBINERS), gate_s), strict=True))

    def time_tags(self, gate_s: float) -> TagRecords:
        """Every click of the next ``gate_s`` seconds (0.001 to 1000), in ps by the instrument's own clock.

        MissingCapabilityError where the bench file names no service that hands them on.
        """
        if self._link is None:
            raise MissingCapabilityError(
                f"{self.name}: time stamps take the DataLinkTarget service; give its data_address in [device.{self.name}]"
            )
        gate_ms = self._gate_ms(gate_s)
        with self._transport.lock, self._link.receiving() as link:
            self._order(["REC:STOP", "REC:TRIG:ARM:MODE MANU", "REC:ENAB ON", "REC:NUM 1", f"REC:DUR {gate_ms * 10**9}"])
            for channel, block in _PASSING.items():
                passing = [f"{block}:FIR:LINK DELA{channel}", f"{block}:OPIN ONLYFIR", f"{block}:OPOU ONLYFIR"]
                ports = [f"RAW{channel}:REF:LINK NONE", f"RAW{channel}:STOP:LINK {block}", f"RAW{channel}:ENAB:LINK REC"]
                self._order([*passing, f"{block}:WIND:ENAB OFF", *ports])
                self._order([f"RAW{channel}:ERRORS:CLEAR", f"RAW{channel}:SEND ON"])
            try:
                self._order(["REC:PLAY"])
                self._settings.clock.sleep(gate_ms / 1e3)
                ticks, detector = link.received()
            finally:
                self._order([f"RAW{channel}:SEND OFF" for channel in _PASSING])
            lost = sum(self._numbers([f"RAW{channel}:ERRORS?" for channel in _PASSING]))
        clock = ClockDomain(self.name, Fraction(1, _TICKS_PER_S))
        return TagRecords(clock, 0, gate_ms * 10**9, ticks, detector, live_s=gate_ms / 1e3, lost=lost)

    def _gate_ms(self, gate_s: float) -> int:
        if not _SHORTEST_GATE_S <= gate_s <= _LONGEST_GATE_S:
            raise UsageError(f"{self.name}: a gate of {gate_s:g} s; the device counts for 0.001 to 1000 s")
        return round(gate_s * 1e3)

    def _order(self, commands: Sequence[str]) -> None:
        """Commands in one message; InstrumentError for one that is refused."""
        for command, answer in zip(commands, self._exchange(commands), strict=True):
            if _ERROR.match(answer):
                raise InstrumentError(self.name, f"refused {command!r}: {answer[:100]}")

    def _numbers(self, queries: Sequence[str]) -> list[int]:
        answers = self._exchange(queries)
        if not all(answer.isdecimal() for answer in answers):
            raise ReplyError(self.name, f"expected counts, got {' '.join(answers)[:60]!r}")
        return [int(answer) for answer in answers]

    def _counted(self, counters: Sequence[str], gate_s: float) -> list[int]:
        """Begin an integration time on all of them, wait for its end, and read before the next one ends."""
        gate_ms = self._gate_ms(gate_s)
        with self._transport.lock:
            begun = [f"{counter}:COUN:{what}" for counter in counters for what in ("MODE CYCL", f"INTE {gate_ms}", "RESE")]
            for command, answer in zip(begun, self._exchange(begun), strict=True):
                if not answer.lower().startswith(_DONE):
                    raise InstrumentError(self.name, f"refused {command!r}: {answer[:100]}")
            self._settings.clock.sleep(gate_ms / 1e3)
            return self._numbers([f"{counter}:COUN?" for counter in counters])

    def _exchange(self, commands: Sequence[str], *, idempotent: bool = False) -> list[str]:
        """One message of several commands, and one line of its reply for each."""
        request = ";:".join(commands).encode("ascii")
        lines = decoded(self.name, self._transport.query(request, _MESSAGE, idempotent=idempotent)).splitlines()
        if len(lines) != len(commands):
            raise ReplyError(self.name, f"{len(commands)} commands were answered by {len(lines)} lines")
        return [line.strip() for line in lines]


def build(settings: DeviceSettings) -> TimeStamper:
    """The driver for one time controller; nothing is opened yet."""
    return IdqId900(settings)


SPEC = DriverSpec(
    name="idq-id900",
    role="time-tagger",
    title="ID Quantique ID900 time controller (SCPI in ZMQ)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI text in ZMQ REQ/REP messages, TCP port 5555; time stamps from DataLinkTarget, port 6060",
)
