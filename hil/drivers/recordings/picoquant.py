"""PicoQuant's PTU files in T2 and T3 mode, of PicoHarp, HydraHarp, TimeHarp 260 and MultiHarp, read by the library ptufile.

ptufile (BSD-3-Clause, C. Gohlke) knows the header and the twelve kinds of records; it is the extra ``picoquant``. Records are
handed to it a chunk at a time, and the overflows it counted go on from chunk to chunk.

T2: the time is in units of MeasDesc_GlobalResolution. T3: the number of the sync pulse and a delay in units of
MeasDesc_Resolution; the time in those units is the pulse number times the sync period, rounded down, plus the delay, so it is
as good as the period in the header. Markers and overflow records are no events. Channels are numbered as ptufile does, from 0.

Sources: PicoQuant's Unified Tag Dictionary, and ``ptufile`` for the records.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hil.drivers.recordings.stream import CHUNK_EVENTS, Chunk, FormatSpec, TagFile
from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["FORMATS"]

_MAGIC = b"PQTTTR\0\0"
_LIBRARY = "reading PicoQuant files takes the library ptufile: pip install 'qkd-hil[picoquant]'"
_SPLIT = 20
_FINEST = 10**18


@dataclass(frozen=True)
class _Header:
    """``period``: ticks from one sync pulse to the next, T3 only."""

    kind: int
    offset: int
    records: int
    tick: Fraction
    period: Fraction | None


def _open(path: Path, tick: Fraction | None) -> TagFile:
    header = _header(path)
    if tick is not None and tick != header.tick:
        raise UsageError(
            f"{path}: its header says a tick of {float(10**12 * header.tick):g} ps, not {float(10**12 * tick):g} ps; "
            f"leave the tick out"
        )
    return TagFile(path, "picoquant", header.tick, partial(_chunks, path, header), lambda number: f"photon {number + 1}")


def _library() -> Any:
    try:
        import ptufile
    except ImportError as error:
        raise UsageError(_LIBRARY) from error
    return ptufile


def _header(path: Path) -> _Header:
    ptufile = _library()
    try:
        with ptufile.PtuFile(path) as file:
            tags, offset, t3 = dict(file.tags), file.record_offset, bool(file.is_t3)
        kind, declared = int(tags["TTResultFormat_TTTRRecType"]), int(tags.get("TTResult_NumberOfRecords", 0))
        unit, fine = _exact(tags["MeasDesc_GlobalResolution"]), _exact(tags.get("MeasDesc_Resolution", 0.0))
    except (ptufile.PqFileError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path}: its PicoQuant header cannot be read ({error}); copy the file again from where it was recorded"
        ) from error
    size = path.stat().st_size - offset
    if size % 4 or 4 * declared > size:
        raise UsageError(
            f"{path}: truncated: its header promises {declared} records, {size} bytes are {size // 4} of 4 bytes"
            f"{f' and {size % 4} more' if size % 4 else ''}; copy the file again from where it was recorded"
        )
    tick = fine if t3 else unit
    if tick <= 0 or unit <= 0:
        raise UsageError(f"{path}: its header gives a resolution of {float(tick):g} s; expected more than zero")
    return _Header(kind, offset, declared or size // 4, tick, unit / tick if t3 else None)


def _exact(seconds: float) -> Fraction:
    """The decimal that the header's float stands for."""
    return Fraction(repr(float(seconds))).limit_denominator(_FINEST)


def _chunks(path: Path, header: _Header) -> Iterator[Chunk]:
    overflow, first, held = 0, 0, np.empty((0, 2), np.int64)
    with _library().PtuFile(path) as file:
        for records, last in _records(path, header):
            decoded, more = _decode(file, records)
            photon = decoded["channel"] >= 0
            times = decoded["time"][photon].astype(np.int64) + overflow
            overflow += more
            events = np.stack([times, decoded["channel"][photon].astype(np.int64)], axis=1)
            if header.period is not None:
                events[:, 0] = _pulse_starts(times, header.period) + decoded["dtime"][photon].astype(np.int64)
                events, held = _in_order(np.concatenate([held, events]), times, header.period, last=last)
            over = Counter({"markers": int(np.count_nonzero(decoded["marker"]))})
            yield Chunk(events[:, 0], events[:, 1], first, +over)
            first += events.shape[0]


def _in_order(
    events: npt.NDArray[np.int64], pulses: npt.NDArray[np.int64], period: Fraction, *, last: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Events that no later one can come before, sorted, and the rest: within a sync period the channels come in any order."""
    events = events[np.argsort(events[:, 0], kind="stable")]
    if last or not pulses.size:
        return (events, events[:0]) if last else (events[:0], events)
    settled = int(np.searchsorted(events[:, 0], _pulse_starts(pulses[-1:], period)[0]))
    return events[:settled], events[settled:]


def _records(path: Path, header: _Header) -> Iterator[tuple[npt.NDArray[np.uint32], bool]]:
    left = header.records
    with path.open("rb") as file:
        file.seek(header.offset)
        while left > 0:
            records = np.frombuffer(file.read(4 * min(left, CHUNK_EVENTS)), "<u4")
            left -= records.size
            yield records, left == 0


def _decode(file: Any, records: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[Any], int]:
    """The records decoded from a time of zero, and by how much the clock overflowed in them.

    The decoder keeps no state between calls, so a last record of time zero on an ordinary channel is added:
    its time is the overflow.
    """
    decoded = file.decode_records(np.concatenate([records, np.zeros(1, np.uint32)]))
    return decoded[:-1], int(decoded["time"][-1])


def _pulse_starts(pulses: npt.NDArray[np.int64], period: Fraction) -> npt.NDArray[np.int64]:
    """Pulse number times period, rounded down, in whole numbers: the period's fraction to 2^-31, products below 2^63."""
    whole, rest = divmod(period, 1)
    part = Fraction(rest).limit_denominator(1 << 31)
    many, few = pulses >> _SPLIT, pulses & ((1 << _SPLIT) - 1)
    quotient, remainder = divmod(part.numerator << _SPLIT, part.denominator)
    starts: npt.NDArray[np.int64] = (
        pulses * int(whole) + many * quotient + (many * remainder + few * part.numerator) // part.denominator
    )
    return starts


FORMATS = (FormatSpec("picoquant", "PicoQuant PTU, T2 and T3", lambda head, _size: head.startswith(_MAGIC), _open),)
