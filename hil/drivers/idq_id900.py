"""ID Quantique ID900 and ID1000 time controllers: SCPI text in ZMQ requests, every one with a reply (port 5555).

Counting uses the counters of the inputs and, for coincidences, those of the instrument's own configuration ``COUNT``:
TSCO6, 7 and 8 for inputs 1/2, 1/3 and 1/4, TSCO3 and 4 for 2/3 and 2/4, TSCO5 for 3/4. A counter in mode ``CYCL`` tells
the last whole integration time (in milliseconds); ``RESE`` begins one. As in open drivers and the maker's examples.
Coincidence windows are the instrument's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.drivers._lines import decoded
from hil.errors import InstrumentError, ReplyError, UsageError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Transport, Until, over_zmq

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.ports.roles import TimeTagger

__all__ = ["SPEC", "IdqId900"]

CAPABILITIES = Capabilities(features=frozenset({"coincidences", "singles"}))
_MESSAGE = Until(b"\0")
_INPUTS = ("INPU1", "INPU2", "INPU3", "INPU4")
_COMBINERS = {"TSCO6": (1, 2), "TSCO7": (1, 3), "TSCO8": (1, 4), "TSCO3": (2, 3), "TSCO4": (2, 4), "TSCO5": (3, 4)}
_DONE = ("value set to", "counter value set to")
_SHORTEST_GATE_S, _LONGEST_GATE_S = 0.001, 1000.0


class IdqId900:
    """Counter of four inputs and of their coincidences, two by two."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        self._transport = transport or over_zmq(settings.name, settings.resource, timeout_s=settings.timeout_s)

    def open(self) -> None:
        """Connect."""
        self._transport.open()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

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

    def _counted(self, counters: Sequence[str], gate_s: float) -> list[int]:
        """Begin an integration time on all of them, wait for its end, and read before the next one ends."""
        if not _SHORTEST_GATE_S <= gate_s <= _LONGEST_GATE_S:
            raise UsageError(f"{self.name}: a gate of {gate_s:g} s; the device counts for 0.001 to 1000 s")
        gate_ms = round(gate_s * 1e3)
        with self._transport.lock:
            begun = [f"{counter}:COUN:{what}" for counter in counters for what in ("MODE CYCL", f"INTE {gate_ms}", "RESE")]
            for command, answer in zip(begun, self._exchange(begun), strict=True):
                if not answer.lower().startswith(_DONE):
                    raise InstrumentError(self.name, f"refused {command!r}: {answer[:100]}")
            self._settings.clock.sleep(gate_ms / 1e3)
            answers = self._exchange([f"{counter}:COUN?" for counter in counters])
        if not all(answer.isdecimal() for answer in answers):
            raise ReplyError(self.name, f"expected counts, got {' '.join(answers)[:60]!r}")
        return [int(answer) for answer in answers]

    def _exchange(self, commands: Sequence[str], *, idempotent: bool = False) -> list[str]:
        """One message of several commands, and one line of its reply for each."""
        request = ";:".join(commands).encode("ascii")
        lines = decoded(self.name, self._transport.query(request, _MESSAGE, idempotent=idempotent)).splitlines()
        if len(lines) != len(commands):
            raise ReplyError(self.name, f"{len(commands)} commands were answered by {len(lines)} lines")
        return [line.strip() for line in lines]


def build(settings: DeviceSettings) -> TimeTagger:
    """The driver for one time controller; nothing is opened yet."""
    return IdqId900(settings)


SPEC = DriverSpec(
    name="idq-id900",
    role="time-tagger",
    title="ID Quantique ID900 time controller (SCPI in ZMQ)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI text in ZMQ REQ/REP messages, TCP port 5555",
)
