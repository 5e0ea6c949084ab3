"""What a link's detections say while a fault is in: errors, clicks without a pulse, and the receiver's clock.

Between runs a short block is taken for it. While a run or a measurement takes blocks, theirs count: the last one that ended
before each look. A black box is taken at its word.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from hil.errors import MissingCapabilityError, SynchronisationError
from hil.physics.prediction import detector_counts_hz
from hil.ports.detections import TagRecords
from hil.ports.identity import EvidenceLevel
from hil.testbed.acquisition import acquire
from hil.testbed.steps import through

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.detections import DetectionRecords
    from hil.ports.roles import BlackBoxTransceiver
    from hil.ports.spec import Readings
    from hil.testbed.link import Link

__all__ = ["Glimpses"]

_EVENTS = 20_000
_SHORTEST_S, _LONGEST_S = 0.005, 1.0
_TAGS_S = 0.02
"""A receiver's clock is followed for no less."""
_PAIRS_S = 0.5
_BLACK_BOX_S = 2.0
"""A black box tells about its last whole second: after two, one lies between two looks."""
_NAMES = (
    "sampled_s",
    "sampled_clicks",
    "lost_clicks",
    "sifted_bits",
    "wrong_bits",
    "synchronised_s",
    "gained_s",
    "spread_s2",
    "settings_sent",
    "settings_key",
    "settings_repeated",
    *(f"bits.{number}" for number in range(16)),
)
_SETTINGS = 20_000


class Glimpses:
    """Running sums over every look at one link; it keeps the records of one block until then."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sums = dict.fromkeys(_NAMES, 0.0)
        self._latest: tuple[tuple[DetectionRecords | TagRecords, ...], float] | None = None
        if hasattr(link, "watchers"):  # a chain of links has no records of its own
            link.watchers.append(self._keep)

    def look(self, at_least_s: float = 0.0) -> Readings:
        """The sums, with one more look in them unless a block is under way; MissingCapabilityError below L3, but for L0."""
        link = self._link
        if not hasattr(link, "watchers"):
            raise MissingCapabilityError(f"{link.name} is a chain of links; break one of them, and look at its detections")
        if link.level is EvidenceLevel.L0:
            self._listen()
        else:
            link.require(EvidenceLevel.L3, "errors and times of single detections")
            if not link.acquiring:
                through(link.testbed.clock, acquire(link, max(self._length_s, at_least_s)))
            if self._latest is not None:
                self._add(*self._latest)
                self._latest = None
        return dict(self._sums)

    def _keep(self, records: tuple[DetectionRecords | TagRecords, ...], seconds: float) -> None:
        self._latest = records, seconds

    @cached_property
    def _length_s(self) -> float:
        """Long enough for some thousand bits at the rate the closed forms expect."""
        if self._link.declared.entangled:
            return _PAIRS_S
        expected_hz = sum(detector_counts_hz(self._link.testbed.bench, self._link.name).values())
        shortest_s = _TAGS_S if self._link.receiver_declared.timing == "tags" else _SHORTEST_S
        return min(max(_EVENTS / max(expected_hz, 1.0), shortest_s), _LONGEST_S)

    def _add(self, records: tuple[DetectionRecords | TagRecords, ...], seconds: float) -> None:
        sums = self._sums
        sums["sampled_s"] += seconds
        for own in records:
            sums["sampled_clicks"] += own.detector.size
            sums["lost_clicks"] += own.lost
        if isinstance(records[0], TagRecords):
            self._add_clock(records[0], seconds)
            return
        if all(own.detector.size or not own.lost for own in records):
            sums["synchronised_s"] += seconds
        if self._link.declared.entangled:
            bits, wrong = _pairs(records)
            sums["sifted_bits"] += bits
            sums["wrong_bits"] += wrong
        else:
            self._add_prepared(records[0])
            self._add_settings(records[0])

    def _add_prepared(self, records: Any) -> None:
        """Bits in the basis they were prepared in, and the wrong ones among them, of as many clicks as are enough."""
        import numpy as np

        some = slice(None, None, max(records.index.size // _EVENTS, 1))
        index, detector = records.index[some], records.detector[some]
        if not index.size:
            return
        pulses, place = np.unique(index, return_inverse=True)
        sent = self._link.transmitter.prepare(pulses)
        same = sent.basis[place] == detector >> 1
        self._sums["sifted_bits"] += int(np.count_nonzero(same))
        self._sums["wrong_bits"] += int(np.count_nonzero(same & (sent.bit[place] != detector & 1)))
        for number, count in enumerate(np.bincount(sent.intensity[place][same]).tolist()):
            self._sums[f"bits.{number}"] += count

    def _add_settings(self, records: Any) -> None:
        """What the transmitter prepared for as many pulses in a row as are enough, whether they clicked or not."""
        import numpy as np

        sent = self._link.transmitter.prepare(
            np.arange(max(records.first, 0), max(min(records.end, records.first + _SETTINGS), 1))
        )
        code = sent.intensity.astype(np.int64) * 4 + sent.basis * 2 + sent.bit
        self._sums["settings_sent"] += code.size
        self._sums["settings_key"] += int(np.count_nonzero(sent.basis == 0))
        self._sums["settings_repeated"] += int(np.count_nonzero(code[1:] == code[:-1]))

    def _add_clock(self, tags: TagRecords, seconds: float) -> None:
        """How fast the receiver's clock is, and how far clicks lie from their pulses, where they can be told at all."""
        import numpy as np

        from hil.pipeline.pulse_track import track_pulses

        sums, rate_hz = self._sums, Fraction(repr(self._link.source.pulse_rate_hz))
        try:
            track = track_pulses(tags.ticks, tags.first, rate_hz * tags.clock.tick_s)
        except SynchronisationError:
            return
        sums["synchronised_s"] += seconds
        sums["gained_s"] += (1.0 / (1.0 + track.rate_offset) - 1.0) * seconds
        sums["spread_s2"] += float(np.mean(track.off_centre**2)) / float(rate_hz) ** 2 * seconds

    def _listen(self) -> None:
        """One second of a black box, as it claims it."""
        self._link.testbed.clock.sleep(_BLACK_BOX_S)
        told = cast("BlackBoxTransceiver", self._link.receiver).telemetry()
        sums, bits = self._sums, told["sifted_bits"]
        sums["sampled_s"] += 1.0
        sums["sampled_clicks"] += told["counts_hz"]
        if bits and math.isfinite(told["qber_ratio"]):
            sums["synchronised_s"] += 1.0
            sums["sifted_bits"] += bits
            sums["wrong_bits"] += bits * told["qber_ratio"]


def _pairs(records: tuple[Any, ...]) -> tuple[int, int]:
    """Coincidences of one basis at both ends, and those with different results."""
    import numpy as np

    (slots_b, first_b), (slots_a, first_a) = (np.unique(own.index, return_index=True) for own in records)
    _, in_b, in_a = np.intersect1d(slots_b, slots_a, assume_unique=True, return_indices=True)
    of_b: npt.NDArray[np.uint8] = records[0].detector[first_b[in_b]]
    of_a: npt.NDArray[np.uint8] = records[1].detector[first_a[in_a]]
    same = (of_b >> 1 == of_a >> 1) & (of_b < 4)
    return int(np.count_nonzero(same)), int(np.count_nonzero(same & (of_b & 1 != of_a & 1)))
