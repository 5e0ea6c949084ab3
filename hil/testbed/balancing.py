"""How evenly the two detectors of each basis click: in all, and early and late clicks apart where a receiver tells times."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.physics.efficiency_mismatch import share_off_half
from hil.physics.prediction import detector_counts_hz
from hil.ports.detections import TagRecords
from hil.ports.identity import EvidenceLevel
from hil.ports.run import BasisBalance
from hil.testbed._quantity import seconds
from hil.testbed.acquisition import acquire
from hil.testbed.measuring import count
from hil.testbed.steps import through

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.roles import Receiver
    from hil.testbed.link import Link

    Counts = npt.NDArray[np.int64]

__all__ = ["detector_balance"]


def detector_balance(link: Link, duration: str | float, stretches: int) -> list[BasisBalance]:
    """One for each basis of each receiver; of tags, two more each, for clicks before and after the middle of the arrivals.

    SynchronisationError where no pulse can be told for tags.
    """
    duration_s = seconds(duration)
    if stretches < 1 or not duration_s:
        raise UsageError(f"{stretches} stretches of {duration_s:g} s; expected one or more, and more than 0 s")
    link.require(EvidenceLevel.L1, "counts")
    link.ensure_up()
    if all(link.testbed.bench.device[one.name].timing == "tags" for one in link.receivers) and link.level >= EvidenceLevel.L3:  # type: ignore[union-attr]
        records, _, _ = through(link.testbed.clock, acquire(link, duration_s))
        parts = [_of_tags(link, own, stretches) for own in records if isinstance(own, TagRecords)]
    else:
        counted, _, _ = count(link, stretches, duration_s / stretches)
        first, parts = 0, []
        for receiver in link.receivers:
            number = len(receiver.detectors)
            parts.append({"": counted[:, first : first + number]})
            first += number
    found = []
    for receiver, part in zip(link.receivers, parts, strict=True):
        for word, counts in part.items():
            found += list(_bases(link, receiver, word, counts))
    return found


def _bases(link: Link, receiver: Receiver, word: str, counts: Counts) -> list[BasisBalance]:
    """Two detectors to a basis, bit 0 first; counts of shape (stretches, detectors)."""
    names, declared = link.detector_names(receiver), link.testbed.bench.device[receiver.name]
    expected_hz = detector_counts_hz(link.testbed.bench, link.name)
    mismatch = share_off_half(declared.efficiency_ratio)  # type: ignore[union-attr]
    found = []
    for zero in range(0, len(names) - 1, 2):
        both_hz = [expected_hz[name] for name in names[zero : zero + 2]]
        pair = counts[:, zero : zero + 2]
        subject = f"{receiver.name}.{receiver.detectors[zero]}/{receiver.detectors[zero + 1]}{word}"
        found.append(BasisBalance(subject, pair[:, 1], pair.sum(axis=1), both_hz[1] / sum(both_hz), mismatch, link.simulated))
    return found


def _of_tags(link: Link, tags: TagRecords, stretches: int) -> dict[str, Counts]:
    """Counts of shape (stretches, detectors): of all clicks, of the early and of the late half of each basis."""
    import numpy as np

    from hil.pipeline.pulse_track import track_pulses

    rate_hz = Fraction(repr(link.source.pulse_rate_hz))
    track = track_pulses(tags.ticks, tags.first, rate_hz * tags.clock.tick_s)
    detector = tags.detector.astype(np.int64)
    late = np.zeros(detector.size, dtype=np.bool_)
    for basis in range(int(detector.max(initial=0)) // 2 + 1):
        own = detector >> 1 == basis
        late[own] = track.off_centre[own] > np.median(track.off_centre[own]) if own.any() else False
    stretch = np.minimum((tags.ticks - tags.first) * stretches // max(tags.end - tags.first, 1), stretches - 1)
    number = len(link.receivers[0].detectors)

    def counted(chosen: Any) -> Counts:
        flat = np.bincount(stretch[chosen] * number + detector[chosen], minlength=stretches * number)
        counts: Counts = flat.reshape(stretches, number).astype(np.int64)
        return counts

    return {"": counted(slice(None)), " early": counted(~late), " late": counted(late)}
