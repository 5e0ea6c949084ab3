"""Receiver of the reference protocol."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import ReceiverDevice
from hil.drivers._setting import move, number
from hil.drivers._transceiver import Transceiver
from hil.drivers._unrolled import Unrolled
from hil.errors import IdentityError, InstrumentError, MissingCapabilityError, ReplyError
from hil.ports.detections import ReceiverHistory
from hil.ports.identity import EvidenceLevel

if TYPE_CHECKING:
    from hil.ports.detections import DetectionRecords, ReceiverCounters, TagRecords

__all__ = ["ReferenceReceiver"]

_WIDEST_BITS = 64
_FASTEST_HZ = 1e8
"""No single-photon detector counts faster: dead times are 10 ns and more."""
_SLOW_S = 60.0
"""Ending a block or reading a long log may take the device this long."""


@dataclass(frozen=True)
class _Counters:
    counts: tuple[int, ...]
    live_ns: int
    bits: int = 64


@dataclass(frozen=True)
class _History:
    time_s: list[float]
    counts_hz: list[float]
    qber_ratio: list[float | None]
    temperature_c: list[float]
    up: list[int]


class ReferenceReceiver(Transceiver):
    """Single-photon receiver; parked, its detectors have no bias."""

    role = "receiver"
    detectors: tuple[str, ...] = ()
    _counting: Unrolled

    def open(self) -> None:
        """Connect, and compare the names of the detectors with the bench file."""
        super().open()
        declared = self._settings.declared
        dead_time_s = declared.dead_time_s if isinstance(declared, ReceiverDevice) else 0.0
        self._counting = Unrolled(min(1.0 / dead_time_s, _FASTEST_HZ) if dead_time_s else _FASTEST_HZ)
        try:
            self.detectors = self._detectors()
            self._check_timing()
        except BaseException:
            self.close()
            raise

    def park(self) -> None:
        """End a running block, take the bias away, and see that it is gone."""
        self._control.order("PARK", idempotent=True)
        with suppress(MissingCapabilityError):  # a black box need not show its bias
            if self.biased():
                raise InstrumentError(self.name, "detectors still have bias after PARK; shield them and switch it off by hand")

    def biased(self) -> bool:
        """Whether the detectors have their bias."""
        return self._control.switched_on("BIAS?")

    def set_biased(self, *, biased: bool) -> None:
        """Give or take the detectors' bias. Only taking is ever repeated after a transport error."""

        def write() -> None:
            self._control.order("BIAS ON" if biased else "BIAS OFF", idempotent=not biased)

        move(
            self._settings,
            setting="biased",
            value=float(biased),
            write=write,
            read=lambda: float(self.biased()),
            settle_s=self.capabilities.settle_s,
            tolerance=0,
        )

    def stage_temperature_c(self) -> float:
        """Temperature of its optics stage."""
        return number(self.name, "TEMP?", self._control.text("TEMP?"))

    def counters(self) -> ReceiverCounters:
        """Clicks per detector and live time since power-up; counters that roll over are followed from look to look."""
        self._need(EvidenceLevel.L1, "counters")
        got = self._control.json("COUNTERS?", _Counters, timeout_s=_SLOW_S)
        if len(got.counts) != len(self.detectors):
            raise ReplyError(self.name, f"COUNTERS? counts {len(got.counts)} detectors, DETECTORS? names {len(self.detectors)}")
        if not 1 <= got.bits <= _WIDEST_BITS or any(not 0 <= count < 1 << got.bits for count in got.counts):
            raise ReplyError(self.name, f"COUNTERS? tells counts that do not fit its {got.bits} bits")
        return self._counting.take(got.counts, got.live_ns, got.bits)

    def start(self) -> int:
        """Begin a block; the pulse index it begins at."""
        self._need(EvidenceLevel.L3, "detection records")
        return self._control.integers("BLOCK START", 1)[0]

    def stop(self) -> DetectionRecords | TagRecords:
        """End the block and read its detections, as tags where the bench file declares them.

        The end is never repeated; reading may be.
        """
        self._need(EvidenceLevel.L3, "detection records")
        sequence, first, end, count, lost, _ = self._control.integers("BLOCK STOP", 6, timeout_s=_SLOW_S)
        tags = self._declares_tags
        records: DetectionRecords | TagRecords = self._data.fetch_tags(sequence) if tags else self._data.fetch(sequence)
        if (records.first, records.end, len(records.detector), records.lost) != (first, end, count, lost):
            raise ReplyError(self.name, f"block {sequence}: BLOCK STOP announced {count} records, its data port differs")
        if count and records.detector.max() >= len(self.detectors):
            raise ReplyError(self.name, f"block {sequence}: a click of a detector beyond the {len(self.detectors)} it names")
        return records

    def history(self, from_s: float, to_s: float) -> ReceiverHistory:
        """Its one-minute log between two bench times, in seconds."""
        got = self._control.json(f"HISTORY? {from_s:.9g} {to_s:.9g}", _History, timeout_s=_SLOW_S)
        if len({len(column) for column in (got.time_s, got.counts_hz, got.qber_ratio, got.temperature_c, got.up)}) != 1:
            raise ReplyError(self.name, "HISTORY? was answered by columns of different lengths")
        return ReceiverHistory(
            time_s=np.array(got.time_s, dtype=np.float64),
            counts_hz=np.array(got.counts_hz, dtype=np.float64),
            qber_ratio=np.array(got.qber_ratio, dtype=np.float64),  # None becomes nan
            temperature_c=np.array(got.temperature_c, dtype=np.float64),
            up=np.array(got.up, dtype=np.bool_),
        )

    @property
    def _declares_tags(self) -> bool:
        declared = self._settings.declared
        return isinstance(declared, ReceiverDevice) and declared.timing == "tags"

    def _check_timing(self) -> None:
        """A receiver with tags tells its tick; one whose bench file declares none is not asked."""
        if not self._declares_tags or self.level < EvidenceLevel.L3:
            return
        assert isinstance(self._settings.declared, ReceiverDevice)
        wanted = Fraction(repr(self._settings.declared.tick_s))
        expected = f"TAGS {wanted.numerator}/{wanted.denominator}"
        told = self._control.text("TIMING?")
        if told.upper() != expected:
            raise IdentityError(
                self.name,
                f"answers TIMING? with {told!r}; [device.{self.name}] declares {expected!r} (a tick in seconds):"
                " correct timing and tick in the bench file",
            )

    def _detectors(self) -> tuple[str, ...]:
        declared = self._settings.declared.detectors if isinstance(self._settings.declared, ReceiverDevice) else ()
        try:
            told = tuple(name.strip() for name in self._control.text("DETECTORS?").split(","))
        except MissingCapabilityError:
            return declared
        if declared and told != declared:
            raise IdentityError(
                self.name,
                f"names its detectors {', '.join(told)}; [device.{self.name}] names them {', '.join(declared)}."
                " The order gives each click its meaning: correct the bench file",
            )
        return told
