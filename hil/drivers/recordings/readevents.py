"""Events as the ``readevents`` programs of S-Fifteen and qcrypto write them: 64 bits, binary (``-a 1``) or hex text (``-a 2``).

The top 54 bits are the time in 1/256 ns, the lowest four the detectors that fired, one bit each: channel 0 is bit 0. Devices
of the first generation, and option ``-s``, give 49 bits in 1/8 ns at the top and other things below, which a declared tick of
125 ps asks for. Bit 4 marks a dummy event, written so that no rollover goes unnoticed. With ``-X`` the two 32-bit halves
are swapped. The counter starts over after 2^54 ticks, 19 h 32 min 48 s.

Sources: comments of ``readevents3.c`` (kurtsiefer/qcrypto, timestamp3) and ``readevents7.c``; qcrypto's ``epochdefinition``;
the rollover bit as fpfind's ``parse_timestamps`` reads it (s-fifteen-instruments/fpfind).
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from hil.drivers.recordings.stream import CHUNK_EVENTS, Chunk, FormatSpec, TagFile, read_blocks, unrolled
from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    Words = Callable[[Path], Iterator[npt.NDArray[np.uint64]]]

__all__ = ["FORMATS"]

FINE, COARSE = Fraction(1, 256 * 10**9), Fraction(1, 8 * 10**9)
_SHIFTS = {FINE: 10, COARSE: 15}
_DUMMY = 0x10
_DIGITS = 16
_HEX = frozenset(b"0123456789abcdefABCDEF\r\n")
_CHANNELS = np.full(16, -1, np.int64)
_CHANNELS[[1, 2, 4, 8]] = range(4)


def _open(name: str, words: Words, path: Path, tick: Fraction | None) -> TagFile:
    tick = tick or FINE
    if tick not in _SHIFTS:
        raise UsageError(
            f"{path}: a tick of {float(10**12 * tick):g} ps; expected 3.90625 ps (1/256 ns, the default) or 125 ps, the two "
            f"that the format {name} has"
        )
    unit = "line" if words is _from_text else "record"
    return TagFile(
        path, name, tick, partial(_chunks, path, words, tick), lambda number: f"{unit} {_record(path, words, tick, number)}"
    )


def _chunks(path: Path, words: Words, tick: Fraction) -> Iterator[Chunk]:
    shift = _SHIFTS[tick]
    last, turns, first = None, 0, 0
    for events in words(path):
        shown = (events >> np.uint64(shift)).astype(np.int64)
        ticks, turns = unrolled(shown, last, turns, 1 << (64 - shift))
        last = int(shown[-1])
        channel, dummy = _channels(events, tick)
        single = channel >= 0
        dummies = int(np.count_nonzero(dummy))
        others = int(np.count_nonzero(~single)) - dummies
        over = Counter({"dummy events": dummies, "events of several detectors at once": others})
        yield Chunk(ticks[single], channel[single], first, +over)
        first += int(np.count_nonzero(single))


def _channels(events: npt.NDArray[np.uint64], tick: Fraction) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Channel of each event, -1 for none or several; and which are dummies. Bit 4 counts under a fine tick only."""
    pattern = (events & np.uint64(0xF)).astype(np.int64)
    dummy = pattern == 0
    if tick == FINE:
        dummy |= (events & np.uint64(_DUMMY)) != 0
    return np.where(dummy, -1, _CHANNELS[pattern]), dummy


def _record(path: Path, words: Words, tick: Fraction, number: int) -> int:
    """The record, counted from 1, that holds event ``number``: dummies are records too."""
    before = 0
    for events in words(path):
        single = np.flatnonzero(_channels(events, tick)[0] >= 0)
        if number < single.size:
            return before + int(single[number]) + 1
        before, number = before + events.size, number - single.size
    return before + 1


def _words(path: Path, *, swapped: bool) -> Iterator[npt.NDArray[np.uint64]]:
    for block in read_blocks(path, np.dtype([("word", "<u8")])):
        words = block["word"].astype(np.uint64)
        yield (words << np.uint64(32)) | (words >> np.uint64(32)) if swapped else words


_straight = partial(_words, swapped=False)
_swapped = partial(_words, swapped=True)


def _from_text(path: Path) -> Iterator[npt.NDArray[np.uint64]]:
    with path.open(encoding="ascii", errors="replace") as file:
        number = 0
        while lines := [line.strip() for line in islice(file, CHUNK_EVENTS)]:
            for place, line in enumerate(lines, number + 1):
                if len(line) != _DIGITS or not _HEX.issuperset(line.encode("ascii", "replace")):
                    raise UsageError(
                        f"{path}, line {place}: found {line[:40]!r}; expected 16 hexadecimal digits, an event as "
                        f"`readevents -a 2` writes it. The file may have been cut off there"
                    )
            number += len(lines)
            yield np.array([int(line, 16) for line in lines], np.uint64)


def _looks_binary(head: bytes, size: int, *, swapped: bool) -> bool:
    """Whether the first events ascend in this order of the halves, under a pattern that detectors can have."""
    if size % 8 or len(head) < 16:
        return False
    words = np.frombuffer(head[: len(head) // 8 * 8], "<u8").astype(np.uint64)
    if swapped:
        words = (words << np.uint64(32)) | (words >> np.uint64(32))
    times = words >> np.uint64(10)
    patterns = words & np.uint64(0xF)
    steps = (times[1:] - times[:-1]) & np.uint64((1 << 54) - 1)
    plausible = np.isin(patterns, [0, 1, 2, 4, 8]).mean() > 0.9
    return bool(plausible and (steps < np.uint64(1 << 53)).all() and int(steps.sum()) < 1 << 53 and words.any())


def _looks_text(head: bytes, size: int) -> bool:  # noqa: ARG001  (the first bytes tell)
    first, _, rest = head.partition(b"\n")
    return len(first.strip()) == _DIGITS and _HEX.issuperset(first + rest)


FORMATS = (
    FormatSpec(
        "readevents",
        "S-Fifteen and qcrypto readevents -a 1: 8 bytes an event",
        partial(_looks_binary, swapped=False),
        partial(_open, "readevents", _straight),
    ),
    FormatSpec(
        "readevents-swapped",
        "readevents -a 1 -X: the 32-bit halves swapped",
        partial(_looks_binary, swapped=True),
        partial(_open, "readevents-swapped", _swapped),
    ),
    FormatSpec(
        "readevents-text",
        "readevents -a 2: 16 hexadecimal digits a line",
        _looks_text,
        partial(_open, "readevents-text", _from_text),
    ),
)
