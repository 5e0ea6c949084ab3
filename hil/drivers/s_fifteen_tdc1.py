"""S-Fifteen TDC1 time tagger on a serial line: counts, and time stamps in steps of 2 ns.

A time stamp is a word of 32 bits, little endian: 27 bits of time, which roll over every 268 ms, a bit that says that nothing
clicked, and one for each input that did. As in the maker's own library (pyS15, usb_counter_fpga.py).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from hil.drivers._s_fifteen import SFifteenLine
from hil.errors import ReplyError
from hil.ports.detections import ClockDomain, TagRecords
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.roles import TimeStamper
    from hil.transports import Transport

__all__ = ["SPEC", "SFifteenTdc1"]

CAPABILITIES = Capabilities(features=frozenset({"coincidences", "singles", "time-tags"}))
_INPUTS = 4
_TICK_S = Fraction(2, 10**9)
_TICKS_PER_MS = 500_000
_TURN = 1 << 27
_NOTHING = 0x10
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
        return tuple(self._counted("singles;counts?", gate_s, _INPUTS))

    def coincidences(self, gate_s: float) -> dict[tuple[int, int], int]:
        """Coincidences of inputs 1 and 3, 1 and 4, 2 and 3, 2 and 4."""
        counts = self._counted("pairs;counts?", gate_s, _INPUTS + len(_PAIRS))
        return dict(zip(_PAIRS, counts[_INPUTS:], strict=True))

    def time_tags(self, gate_s: float) -> TagRecords:
        """Every click of the next ``gate_s`` seconds (0.001 to 65.535) in steps of 2 ns, by the tagger's own clock."""
        gate_ms = self._line.gate_ms(gate_s)
        stream = self._line.stream(gate_ms)
        if len(stream) % 4:
            raise ReplyError(self.name, f"time stamps of {len(stream)} bytes; expected words of four")
        ticks, detector = _events(stream)
        clock = ClockDomain(self.name, _TICK_S)
        return TagRecords(clock, 0, gate_ms * _TICKS_PER_MS, ticks, detector, live_s=gate_ms / 1e3)

    def _counted(self, command: str, gate_s: float, expected: int) -> list[int]:
        counts = self._line.count(command, gate_s)
        if len(counts) != expected:
            raise ReplyError(self.name, f"{command} answered {len(counts)} numbers; expected {expected}")
        return counts


def _events(stream: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Ticks and inputs (from 0) of a stream of words; several inputs of one word are several clicks."""
    import numpy as np

    words = np.frombuffer(stream, dtype="<u4").astype(np.int64)
    steps = words >> 5
    ticks = steps + _TURN * np.concatenate([np.zeros(min(words.size, 1), dtype=np.int64), np.cumsum(np.diff(steps) < 0)])
    clicked = (words[:, None] >> np.arange(_INPUTS) & 1).astype(np.bool_) & (words & _NOTHING == 0)[:, None]
    word, number = np.nonzero(clicked)
    return ticks[word], number.astype(np.uint8)


def build(settings: DeviceSettings) -> TimeStamper:
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
