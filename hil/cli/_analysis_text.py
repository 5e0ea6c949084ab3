"""An analysed recording on a terminal: tables, and the correlation peak drawn in blocks."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np

from hil.cli._analysis_tables import tables
from hil.pipeline.peak import rebinned
from hil.testbed.recordings.recording_claims import time_words

if TYPE_CHECKING:
    from hil.drivers.recordings.gather import Gathered
    from hil.drivers.recordings.stream import TagFile
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = ["histogram", "print_analysis"]

_WIDTH = 80
_ROWS = 10
_MARGIN = 9
_SHOWN_JITTERS = 12.0
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans({"±": "+-", "·": "-", "°": " deg", "–": "-"} | dict(zip(_BLOCKS, " ....:::#", strict=True)))
"""What an output without these characters gets instead."""


def print_analysis(seen: RecordingAnalysis, files: tuple[TagFile, ...], tags: Gathered) -> None:
    """Everything, no wider than a terminal of 80 columns where that is what there is."""
    from rich.console import Console

    from hil.reports._terminal_tables import print_table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    *first, last = tables(seen, files, tags)
    with console.capture() as printed:
        for entry in first:
            print_table(console, entry)
        console.print("correlation of the events' times", markup=False)
        for line in histogram(seen):
            console.print(line, markup=False, no_wrap=True, overflow="crop")
        console.print()
        print_table(console, last)
    print(_writable(printed.get(), sys.stdout.encoding or "ascii"), end="")


def _writable(text: str, encoding: str) -> str:
    """The text with nothing in it that the output cannot have."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def histogram(seen: RecordingAnalysis) -> list[str]:
    """Lines of 80 characters at most: counts upwards, lag from left to right, the window marked below."""
    room = _WIDTH - _MARGIN
    shifted = (seen.lags_ticks - seen.delay_ticks).astype(np.int64)
    shown = np.abs(shifted) <= max(room // 2, math.ceil(_SHOWN_JITTERS * seen.jitter_ticks))
    every = -(-int(np.count_nonzero(shown)) // room) | 1  # odd, so that one bin has the peak in its middle
    centres, counts = rebinned(shifted[shown], seen.correlation[shown], every)
    widen = max(1, room // counts.size)
    centres, counts = np.repeat(centres, widen), np.repeat(counts, widen)
    highest = max(int(counts.max()), 1)
    eighths = np.ceil(counts * (8 * _ROWS) / highest).astype(int)
    lines = []
    for row in range(_ROWS - 1, -1, -1):
        label = f"{highest:>{_MARGIN - 2},}" if row == _ROWS - 1 else f"{0:>{_MARGIN - 2}}" if row == 0 else " " * (_MARGIN - 2)
        bar = "".join(_BLOCKS[min(8, max(0, value - 8 * row))] for value in eighths.tolist())
        lines.append(f"{label} |{bar}".rstrip())
    inside = np.abs(centres) <= max(seen.half_window_ticks, every / 2.0)
    lines.append(" " * _MARGIN + "".join("^" if one else "-" for one in inside))
    ends = [time_words(float(centres[end]) * seen.tick_s, sign=True) for end in (0, -1)]
    lines.append(" " * _MARGIN + ends[0] + ends[1].rjust(counts.size - len(ends[0])))
    peak = time_words(seen.delay_ticks * seen.tick_s, sign=True)
    lines.append(f"{'':{_MARGIN}}from the peak at {peak}, bins of {time_words(every * seen.tick_s)}; ^ lies in the window")
    return lines
