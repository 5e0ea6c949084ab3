"""Detectors on a TDC1's inputs as the receiver of a link: its detection records are the tagger's time stamps.

The tagger times and counts, and that is all: bias and temperature of the detectors are others' business (a detector's control
unit, ``role = "detector"``), and what asks for them is told so by MissingCapabilityError.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from hil.drivers._s_fifteen import SFifteenLine, Stream
from hil.drivers._s_fifteen_words import INPUTS, TICK_S, events
from hil.errors import HilError, InstrumentError, MissingCapabilityError, UsageError
from hil.ports.detections import ClockDomain, TagRecords
from hil.ports.identity import Capabilities, EvidenceLevel, Identity

if TYPE_CHECKING:
    from hil.bench.model import ReceiverDevice
    from hil.ports.detections import ReceiverCounters, ReceiverHistory
    from hil.ports.spec import DeviceSettings
    from hil.transports import Transport

__all__ = ["SFifteenReceiver"]

_TICK_NS = 2
CAPABILITIES = Capabilities(level=EvidenceLevel.L3)


class SFifteenReceiver:
    """Up to four detectors; a block lasts from one request for time stamps to its end.

    Blocks are dated by the bench's clock, which need only be good to some milliseconds: synchronisation finds the rest.
    """

    level = EvidenceLevel.L3

    def __init__(self, settings: DeviceSettings, declared: ReceiverDevice, transport: Transport | None = None) -> None:
        _check(settings.name, declared)
        self.name, self.detectors = settings.name, declared.detectors
        self.capabilities = CAPABILITIES
        self._clock = settings.clock
        self._line = SFifteenLine(settings, "TDC1", transport, streams=True)
        self._block: tuple[Stream, int, int] | None = None
        self._sequence = 0

    def open(self) -> None:
        """Connect and come into step."""
        self._line.transport.open()

    def close(self) -> None:
        """End a running block and let go of the port."""
        self.park()
        self._line.transport.close()

    def identity(self) -> Identity:
        """``*idn?``; InstrumentError during a block, as it would end the stream."""
        if self._block is not None:
            raise InstrumentError(self.name, "cannot be asked who it is while a block runs; stop the block first")
        return self._line.identity()

    def park(self) -> None:
        """End a running block; nothing else of a tagger is unsafe."""
        if self._block is not None:
            with suppress(HilError):
                self.stop()

    def biased(self) -> bool:
        raise self._missing("the bias of its detectors")

    def set_biased(self, *, biased: bool) -> None:
        del biased
        raise self._missing("the bias of its detectors")

    def counters(self) -> ReceiverCounters:
        raise self._missing("counters that go on between blocks")

    def stage_temperature_c(self) -> float:
        raise self._missing("the temperature of the optics")

    def device_time_ns(self) -> int:
        raise self._missing("a clock that can be read")

    def history(self, from_s: float, to_s: float) -> ReceiverHistory:
        del from_s, to_s
        raise self._missing("a log of its own")

    def start(self) -> int:
        """Ask for time stamps without end; the tick at which they begin."""
        if self._block is not None:
            raise InstrumentError(self.name, "a block runs already; stop it first")
        began_ns = self._clock.now_ns()
        first = began_ns // _TICK_NS
        self._block = self._line.begin_stream(), first, began_ns
        return first

    def stop(self) -> TagRecords:
        """End the stream and read what is left of it."""
        if self._block is None:
            raise InstrumentError(self.name, "no block runs; start one first")
        (stream, first, began_ns), self._block = self._block, None
        ended_ns = self._clock.now_ns()
        ticks, detector = events(self.name, stream.finish())
        known = detector < len(self.detectors)
        ticks, detector = ticks[known] + first, detector[known]
        last = int(ticks[-1]) + 1 if ticks.size else first
        self._sequence += 1
        clock = ClockDomain(self.name, TICK_S)
        end = max(ended_ns // _TICK_NS, last)
        return TagRecords(clock, first, end, ticks, detector, (ended_ns - began_ns) / 1e9, self._sequence)

    def _missing(self, what: str) -> MissingCapabilityError:
        return MissingCapabilityError(f"{self.name}: a time tagger does not have {what}")


def _check(name: str, declared: ReceiverDevice) -> None:
    """UsageError for a receiver that a TDC1 cannot be."""
    if declared.timing != "tags" or Fraction(repr(declared.tick_s)) != TICK_S or not 0 < len(declared.detectors) <= INPUTS:
        raise UsageError(
            f'{name}: a TDC1 as receiver tells times in steps of 2 ns at up to {INPUTS} inputs; expected timing = "tags",'
            f' tick = "2 ns" and at most {INPUTS} detectors in [device.{name}], found timing = "{declared.timing}", a tick of'
            f" {declared.tick_s:g} s and {len(declared.detectors)} detectors"
        )
