r"""Qubitekk CC1 coincidence counters on a serial line (19200 baud), with firmware before and since 2.2.

Lines end with ``\n`` both ways. The dialect follows the version that ``FIRM?`` tells: ``:GATE 0`` before 2.2,
``:GATE:OFF`` since. The older one answers ``Unknown Command`` to ``:ACKN OF``, the newer one may repeat that command
once; whatever comes before the firmware's line is passed over. A command that is refused is answered where no answer is
awaited: settings are read back, and the answer to a refusal is taken for what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.drivers._lines import decoded
from hil.drivers._setting import number
from hil.errors import InstrumentError, ReplyError, UsageError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Marker, SerialLine, Transport, Until, over_raw

if TYPE_CHECKING:
    from hil.ports.roles import TimeTagger

__all__ = ["SPEC", "QubitekkCc1"]

CAPABILITIES = Capabilities(features=frozenset({"coincidences", "singles"}))
_LINE = Until(b"\n")
_BY_WORD_SINCE = (2, 2)
_SHORTEST_GATE_S, _LONGEST_GATE_S = 0.01, 1000.0
_REFUSALS = ("unknown command", "unable to comply")
_FIRMWARE = "Firmware v"

MARKERS = (Marker(b":ACKN OF\nFIRM?\n", _LINE, lambda reply: reply.strip().startswith(_FIRMWARE.encode())),)


class QubitekkCc1:
    """Counter of two inputs and of their coincidences, within the window that is set on it."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        self._version: tuple[int, ...] = ()
        self._transport = transport or over_raw(
            settings.name, settings.resource, timeout_s=settings.timeout_s, line=SerialLine(19_200), markers=MARKERS
        )

    def open(self) -> None:
        """Connect, learn the dialect, and let it count by itself: without an external gate or trigger."""
        self._transport.open()
        try:
            self._version = _version(self._firmware())
            self._switch("GATE", "OFF" if self._by_word else "0")
            self._switch("TRIG", "MODE CONT" if self._by_word else "0")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """``FIRM?``; it tells no serial number."""
        return Identity("Qubitekk", "CC1", "", self._firmware())

    def park(self) -> None:
        """A counter harms nothing."""

    def singles(self, gate_s: float) -> tuple[int, ...]:
        """Clicks at both inputs in the next ``gate_s`` seconds."""
        return self._counted(gate_s, ("C1", "C2"))

    def coincidences(self, gate_s: float) -> dict[tuple[int, int], int]:
        """Coincidences of the two inputs in the next ``gate_s`` seconds."""
        (found,) = self._counted(gate_s, ("CO",))
        return {(1, 2): found}

    @property
    def _by_word(self) -> bool:
        return self._version >= _BY_WORD_SINCE

    def _counted(self, gate_s: float, counters: tuple[str, ...]) -> tuple[int, ...]:
        """Begin a dwell time of this length, wait for its end, and read before the next one ends."""
        if not _SHORTEST_GATE_S <= gate_s <= _LONGEST_GATE_S:
            raise UsageError(f"{self.name}: a gate of {gate_s:g} s; the device counts for 0.01 to 1000 s")
        with self._transport.lock:
            self._transport.distrust()  # after a power-up it acknowledges again; coming into step ends that
            self._tell(f":DWEL {gate_s:g}")
            self._tell("CLEA")
            told = self._ask("DWEL?")  # answered after CLEA was carried out
            told_s = number(self.name, "DWEL?", told.split()[0] if told else "") / (1.0 if self._by_word else 1e3)
            if abs(told_s - gate_s) > 1e-3 * gate_s:
                raise InstrumentError(self.name, f"its dwell time was set to {gate_s:g} s but reads back {told_s:g} s")
            self._settings.clock.sleep(gate_s)
            return tuple(self._count(counter) for counter in counters)

    def _count(self, counter: str) -> int:
        reply = self._ask(f"COUN:{counter}?", idempotent=False)
        if not reply.isdecimal():
            self._transport.distrust()
            raise ReplyError(self.name, f"COUN:{counter}?: expected counts, got {reply[:60]!r}")
        return int(reply)

    def _switch(self, name: str, wanted: str) -> None:
        self._tell(f":{name}:{wanted}" if self._by_word else f":{name} {wanted}")
        if (found := self._ask(f"{name}?")) != wanted:
            raise InstrumentError(self.name, f"{name} was set to {wanted} but reads back {found[:60]!r}")

    def _firmware(self) -> str:
        reply = self._ask("FIRM?")
        if not reply.startswith(_FIRMWARE):
            self._transport.distrust()
            raise ReplyError(self.name, f"FIRM? answered {reply[:60]!r}; expected {_FIRMWARE}...")
        return reply.removeprefix(_FIRMWARE)

    def _ask(self, query: str, *, idempotent: bool = True) -> str:
        """One answer; a harmless question is asked again when its own echo comes first, with acknowledgements off."""
        text = self._asked(query, idempotent=idempotent)
        if _is_echo(text):
            self._transport.distrust()
            text = self._asked(query, idempotent=True) if idempotent else text
        if _is_echo(text):
            raise ReplyError(self.name, f"{query} was answered by the command {text[:60]!r}")
        return text

    def _asked(self, query: str, *, idempotent: bool) -> str:
        reply = self._transport.query(query.encode("ascii") + b"\n", _LINE, idempotent=idempotent)
        text = decoded(self.name, reply).strip()
        if text.lower() in _REFUSALS:
            self._transport.distrust()
            raise InstrumentError(self.name, f"answered {text!r} before or to {query!r}")
        return text

    def _tell(self, command: str) -> None:
        self._transport.write(command.encode("ascii") + b"\n")


def _is_echo(text: str) -> bool:
    return text.startswith((":", "CLEA")) or text.endswith("?")


def _version(text: str) -> tuple[int, ...]:
    """The numbers of a firmware: 2.010 is 2 and 10, later than 2.2; empty where there are none."""
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def build(settings: DeviceSettings) -> TimeTagger:
    """The driver for one counter; nothing is opened yet."""
    return QubitekkCc1(settings)


SPEC = DriverSpec(
    name="qubitekk-cc1",
    role="time-tagger",
    title="Qubitekk CC1 coincidence counter (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol=r"serial 19200 8N1; lines end with \n",
)
