"""S-Fifteen TDC1 time tagger on a serial line, in its counting modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.drivers._s_fifteen import SFifteenLine
from hil.errors import ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import TimeTagger
    from hil.transports import Transport

__all__ = ["SPEC", "SFifteenTdc1"]

CAPABILITIES = Capabilities(features=frozenset({"coincidences", "singles"}))
_INPUTS = 4
_PAIRS = ((1, 3), (1, 4), (2, 3), (2, 4))


class SFifteenTdc1:
    """Counter of four inputs and of four pairs of them."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._line = SFifteenLine(settings, "TDC1", transport)

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
        return tuple(self._counted("singles;counts?", gate_s, _INPUTS))

    def coincidences(self, gate_s: float) -> dict[tuple[int, int], int]:
        """Coincidences of inputs 1 and 3, 1 and 4, 2 and 3, 2 and 4."""
        counts = self._counted("pairs;counts?", gate_s, _INPUTS + len(_PAIRS))
        return dict(zip(_PAIRS, counts[_INPUTS:], strict=True))

    def _counted(self, command: str, gate_s: float, expected: int) -> list[int]:
        counts = self._line.count(command, gate_s)
        if len(counts) != expected:
            raise ReplyError(self.name, f"{command} answered {len(counts)} numbers; expected {expected}")
        return counts


def build(settings: DeviceSettings) -> TimeTagger:
    """The driver for one tagger; nothing is opened yet."""
    return SFifteenTdc1(settings)


SPEC = DriverSpec(
    name="s-fifteen-tdc1",
    role="time-tagger",
    title="S-Fifteen TDC1 time tagger (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="serial; lines end with CR LF",
)
