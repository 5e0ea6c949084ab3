"""Time tags as the qutools quTAG writes them: binary with or without a header, and two columns of text.

Binary: a header of 40 bytes that outside tools should skip, then 10 bytes an event, little endian: a signed 64-bit time in the
device's base unit and a 16-bit channel, counted from 0. Raw: the same without the header. Text: time and channel, separated by
a comma, channels counted from 1; here from 0 too, so that a recording has the same channels in any format. Channels from 100
on are markers. The compressed variant (5 bytes an event, 37 bits of time) starts over every 11 s or less, so that a gap loses
the time: it is refused.

The base unit is 1 ps for a quTAG; a quTAU has 80.955 ps, which its user declares.

Source: ``tdcbase.h`` of the quTAG library 1.5.2, TDC_FileFormat and TDC_writeTimestamps; quTAU/quPSI manual 4.0, section 10.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from hil.drivers.recordings.columns import looks_like_columns, open_columns
from hil.drivers.recordings.stream import Chunk, FormatSpec, TagFile, read_blocks
from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FORMATS"]

_HEADER = 40
_EVENT = np.dtype([("time", "<i8"), ("channel", "<u2")])
_MARKERS = 100
_LAST = 300
_PICOSECOND = Fraction(1, 10**12)


def _open(name: str, header: int, path: Path, tick: Fraction | None) -> TagFile:
    return TagFile(path, name, tick or _PICOSECOND, partial(_chunks, path, header), partial(_locate, path, header))


def _chunks(path: Path, header: int) -> Iterator[Chunk]:
    first = record = 0
    for block in read_blocks(path, _EVENT, header=header):
        channel = block["channel"].astype(np.int64)
        wrong = np.flatnonzero((channel >= _LAST) | (block["time"] < 0))
        if wrong.size:
            at = int(wrong[0])
            raise UsageError(
                f"{path}, record {record + at + 1}: found channel {channel[at]} at time {block['time'][at]}; expected a "
                f"channel below {_MARKERS} or a marker below {_LAST}, at a time of zero or more. Check whether the file has "
                f"the header of 40 bytes (qutag-binary has, qutag-raw has not), or is compressed, which cannot be read"
            )
        event = channel < _MARKERS
        yield Chunk(
            block["time"][event].astype(np.int64), channel[event], first, +Counter({"markers": int(np.count_nonzero(~event))})
        )
        first, record = first + int(np.count_nonzero(event)), record + channel.size


def _locate(path: Path, header: int, number: int) -> str:
    record = 0
    for block in read_blocks(path, _EVENT, header=header):
        events = np.flatnonzero(block["channel"] < _MARKERS)
        if number < events.size:
            record += int(events[number])
            break
        record, number = record + block.size, number - events.size
    return f"record {record + 1} (byte {header + record * _EVENT.itemsize})"


def _looks(head: bytes, size: int, *, header: int) -> bool:
    if size < header + 2 * _EVENT.itemsize or (size - header) % _EVENT.itemsize:
        return False
    if header and _looks(head, size, header=0):  # what stands there are events
        return False
    body = head[header:]
    events = np.frombuffer(body[: len(body) // _EVENT.itemsize * _EVENT.itemsize], _EVENT)
    ascending = bool((events["time"][1:] >= events["time"][:-1]).all())
    return bool(events.size) and ascending and bool((events["channel"] < _LAST).all() and (events["time"] >= 0).all())


def _compressed(path: Path, tick: Fraction | None) -> NoReturn:  # noqa: ARG001  (every format opens alike)
    raise UsageError(
        f"{path}: quTAG's compressed format keeps 37 bits of the time, which start over every 11 s or less: a gap loses "
        f"the time for good, so it is not read; write the recording in the binary format"
    )


def _never(head: bytes, size: int) -> bool:  # noqa: ARG001  (nothing in it tells it apart)
    return False


def _text(path: Path, tick: Fraction | None) -> TagFile:
    return open_columns("qutag-text", path, tick or _PICOSECOND, time_first=True, first_channel=1, markers=_MARKERS)


FORMATS = (
    FormatSpec(
        "qutag-binary",
        "qutools quTAG: a header of 40 bytes, 10 bytes an event",
        partial(_looks, header=_HEADER),
        partial(_open, "qutag-binary", _HEADER),
    ),
    FormatSpec("qutag-raw", "qutools quTAG: 10 bytes an event", partial(_looks, header=0), partial(_open, "qutag-raw", 0)),
    FormatSpec(
        "qutag-text",
        "qutools quTAG: time and channel (from 1) in two columns of text",
        lambda head, size: b"," in head and looks_like_columns(head, size, time_first=True),
        _text,
    ),
    FormatSpec("qutag-compressed", "qutools quTAG, 5 bytes an event: refused", _never, _compressed),
)
