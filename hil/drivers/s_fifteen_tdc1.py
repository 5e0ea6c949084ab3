"""S-Fifteen TDC1 time tagger on a serial line: counts, and time stamps in steps of 2 ns; also as the receiver of a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import ReceiverDevice
from hil.drivers._s_fifteen import SFifteenLine
from hil.drivers._s_fifteen_receiver import SFifteenReceiver
from hil.drivers._s_fifteen_words import INPUTS, TICK_S, events
from hil.errors import ReplyError
from hil.ports.detections import ClockDomain, TagRecords
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import Receiver, TimeStamper
    from hil.transports import Transport

__all__ = ["SPEC", "SFifteenTdc1"]

CAPABILITIES = Capabilities(features=frozenset({"coincidences", "singles", "time-tags"}))
_TICKS_PER_MS = 500_000
_PAIRS = ((1, 3), (1, 4), (2, 3), (2, 4))


class SFifteenTdc1:
    """Counter of four inputs and of four pairs of them."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._line = SFifteenLine(settings, "TDC1", transport, streams=True)

    def open(self) -> None:
        """Connect and come into step."""
        self._line.transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._line.transport.close()

    def identity(self) -> Identity:
        """``*idn?``."""
        return self._line.identity()

    def park(self) -> None:
        """A counter harms nothing."""

    def singles(self, gate_s: float) -> tuple[int, ...]:
        """Clicks at each of the four inputs in the next ``gate_s`` seconds."""
        return tuple(self._counted("singles;counts?", gate_s, INPUTS))

    def coincidences(self, gate_s: float) -> dict[tuple[int, int], int]:
        """Coincidences of inputs 1 and 3, 1 and 4, 2 and 3, 2 and 4."""
        counts = self._counted("pairs;counts?", gate_s, INPUTS + len(_PAIRS))
        return dict(zip(_PAIRS, counts[INPUTS:], strict=True))

    def time_tags(self, gate_s: float) -> TagRecords:
        """Every click of the next ``gate_s`` seconds (0.001 to 65.535) in steps of 2 ns, by the tagger's own clock."""
        gate_ms = self._line.gate_ms(gate_s)
        ticks, detector = events(self.name, self._line.stream(gate_ms))
        clock = ClockDomain(self.name, TICK_S)
        return TagRecords(clock, 0, gate_ms * _TICKS_PER_MS, ticks, detector, live_s=gate_ms / 1e3)

    def _counted(self, command: str, gate_s: float, expected: int) -> list[int]:
        counts = self._line.count(command, gate_s)
        if len(counts) != expected:
            raise ReplyError(self.name, f"{command} answered {len(counts)} numbers; expected {expected}")
        return counts


def build(settings: DeviceSettings) -> TimeStamper | Receiver:
    """The driver for one tagger, or for the receiver that it is; nothing is opened yet."""
    if isinstance(settings.declared, ReceiverDevice):
        return SFifteenReceiver(settings, settings.declared)
    return SFifteenTdc1(settings)


SPEC = DriverSpec(
    name="s-fifteen-tdc1",
    role="time-tagger",
    title="S-Fifteen TDC1 time tagger (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="serial; lines end with CR LF",
    roles=("time-tagger", "receiver"),
)
