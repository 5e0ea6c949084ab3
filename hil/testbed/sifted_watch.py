"""What both ends of a link would sift, added up while a fault looks: from the blocks of a run, or from short ones of its own.

The test host sees both ends' raw data, which no party does: this is for the evidence of faults, and no key comes of it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hil.errors import HilError, MissingCapabilityError
from hil.ports.detections import TagRecords
from hil.ports.identity import EvidenceLevel
from hil.testbed.distilling import receiver_declaration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.clock import Scheduled
    from hil.ports.detections import DetectionRecords
    from hil.ports.spec import Readings
    from hil.testbed.link import Link

__all__ = ["SiftedWatch"]

_CLICKS = 1e5
_SHORTEST_S, _LONGEST_S = 0.02, 1.0
_BASES = ("key", "test")


class SiftedWatch:
    """Running sums of one test, from the first time that somebody asks.

    While no run takes blocks, each question begins a short one, which ends by itself: the next question has its clicks.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sums: dict[str, float] = {}
        self._asked = False
        self._runs = False
        self._own_end: Scheduled | None = None

    def readings(self) -> Readings:
        """As :meth:`hil.ports.spec.FaultBench.sifted`; takes no time. MissingCapabilityError where the ends show too little."""
        link = self._link
        if not self._asked:
            link.require(EvidenceLevel.L3, "errors and intensities of what both ends would sift")
            if link.declared.entangled or link.receiver_declared.timing == "tags":
                raise MissingCapabilityError(
                    f"link {link.name}: only prepared pulses that are told by their index are compared here"
                )
            self._asked = True
            names = [f"{basis}.{number}" for basis in _BASES for number in range(len(link.source.intensities))]
            self._sums = {f"{what}.{name}": 0.0 for what in ("bits", "errors") for name in names}
            link.testbed.on_end(self.stand_aside)
        if not self._runs and self._own_end is None:
            self._begin()
        return dict(self._sums)

    def stand_aside(self) -> None:
        """End an own block now: the test is over, or a run wants to begin one."""
        if self._own_end is not None:
            self._own_end.cancel()
            self._end()

    def run_begins(self) -> None:
        """A run takes its own block from now on."""
        self.stand_aside()
        self._runs = True

    def run_ends(self, records: Sequence[DetectionRecords | TagRecords] = ()) -> None:
        """It has, and these are its clicks; none where it was broken off."""
        self._runs = False
        if self._asked and records:
            self._add(records[0])

    def _begin(self) -> None:
        clock = self._link.testbed.clock
        with suppress(HilError):  # a block of somebody else is running, or the receiver is gone: there is nothing to add
            self._link.receiver.start()
            length_s = min(max(_CLICKS / max(self._link.prediction.counts_hz, 1.0), _SHORTEST_S), _LONGEST_S)
            self._own_end = clock.call_at(clock.now_ns() + round(length_s * 1e9), self._end)

    def _end(self) -> None:
        self._own_end = None
        with suppress(HilError):
            self._add(self._link.receiver.stop())

    def _add(self, records: DetectionRecords | TagRecords) -> None:
        import numpy as np

        if isinstance(records, TagRecords):
            return
        roles = receiver_declaration(self._link).detectors
        basis = np.array([role.basis for role in roles])[records.detector]
        bit = np.array([role.bit for role in roles])[records.detector]
        sent = self._link.transmitter.prepare(records.index)
        for number, name in enumerate(_BASES):
            sifted = (basis == number) & (sent.basis == number)
            wrong = sifted & (sent.bit != bit)
            for intensity in range(len(self._link.source.intensities)):
                of_it = sent.intensity == intensity
                self._sums[f"bits.{name}.{intensity}"] += float(np.count_nonzero(sifted & of_it))
                self._sums[f"errors.{name}.{intensity}"] += float(np.count_nonzero(wrong & of_it))
