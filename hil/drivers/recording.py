"""A recorded time-tag file as a bench: two columns, channel and time, sorted by time.

Channels 0 to 3 are Alice's, 4 to 7 Bob's; times are integers in ticks. Blank lines and ``#`` comments are passed over.
"""

from __future__ import annotations

import hashlib
import warnings
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import RecordingDevice
from hil.errors import DeviceUnreachableError, UsageError
from hil.ports.detections import TimeTags
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hil.ports.roles import Recording

__all__ = ["SPEC", "RecordedTags"]

_CHANNELS_PER_PARTY = 4
CAPABILITIES = Capabilities(features=frozenset({"recording"}))


class RecordedTags:
    """Time tags of both parties. The file is the ``resource``, or else the one the bench file names."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        declared = settings.declared
        if not isinstance(declared, RecordingDevice):
            raise UsageError(f"{settings.name}: a recording needs its table of a bench file, which says how long a tick is")
        self._tick_s = declared.tick_s
        self._path = Path((settings.resource or declared.file).removeprefix("file://"))
        self._sha256 = ""
        self._alice = self._bob = TimeTags(np.empty(0, np.int64), np.empty(0, np.uint8))
        self._span_ticks = 0

    def open(self) -> None:
        """Read and check the whole file."""
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise DeviceUnreachableError(self.name, f"cannot read the recording {self._path}: {error}") from error
        self._sha256 = hashlib.sha256(content).hexdigest()
        rows = _rows(self.name, self._path)
        channel, ticks = rows[:, 0].astype(np.uint8), rows[:, 1]
        hers = channel < _CHANNELS_PER_PARTY
        self._alice = TimeTags(ticks[hers], channel[hers])
        self._bob = TimeTags(ticks[~hers], channel[~hers] - np.uint8(_CHANNELS_PER_PARTY))
        self._span_ticks = int(ticks[-1] - ticks[0])

    def close(self) -> None:
        """Nothing is held open."""

    def identity(self) -> Identity:
        """The file's name, and its SHA-256 as serial number."""
        return Identity("recording", self._path.name, self._sha256, "")

    def park(self) -> None:
        """What was recorded harms nobody."""

    @property
    def tick_s(self) -> float:
        """Length of one tick in seconds."""
        return self._tick_s

    @property
    def duration_s(self) -> float:
        """From the first event to the last, in seconds."""
        return self._span_ticks * self._tick_s

    def alice(self) -> TimeTags:
        """Events of channels 0 to 3."""
        return self._alice

    def bob(self) -> TimeTags:
        """Events of channels 4 to 7, numbered 0 to 3."""
        return self._bob


def _rows(device: str, path: Path) -> npt.NDArray[np.int64]:
    """All events, shape (n, 2); UsageError names the first bad line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no events at all, or a time that is not an integer
            rows = np.loadtxt(path, dtype=np.int64, ndmin=2, comments="#")
    except (ValueError, Warning) as error:
        raise UsageError(_first_mistake(device, path) or f"{device}: {path}: {error}") from error
    in_range = rows.shape[1] == 2 and bool(np.all((rows[:, 0] >= 0) & (rows[:, 0] < 2 * _CHANNELS_PER_PARTY)))
    if not in_range or bool(np.any(np.diff(rows[:, 1]) < 0)):
        raise UsageError(_first_mistake(device, path) or f"{device}: {path}: not a recording")
    return rows


def _first_mistake(device: str, path: Path) -> str:
    """The first bad line in words; read line by line, since it only has to be good at this."""
    events = list(_events(path))
    if not events:
        return f"{device}: {path} holds no event; expected lines of a channel (0 to 7) and a time in ticks"
    for line_number, words in events:
        where = f"{device}: {path}, line {line_number}: found {' '.join(words)[:40]!r}"
        if len(words) != 2 or not all(_is_integer(word) for word in words):
            return f"{where}; expected two integers, a channel and a time in ticks"
        if not 0 <= int(words[0]) < 2 * _CHANNELS_PER_PARTY:
            return f"{where}; expected a channel of 0 to 3 (Alice) or 4 to 7 (Bob)"
    for (_, before), (line_number, words) in pairwise(events):
        if int(words[1]) < int(before[1]):
            return f"{device}: {path}, line {line_number}: found time {words[1]} after {before[1]}; expected ascending times"
    return ""


def _events(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line_number, line in enumerate(lines, start=1):
            if words := line.partition("#")[0].split():
                yield line_number, words


def _is_integer(word: str) -> bool:
    return word.removeprefix("-").removeprefix("+").isdecimal()


def build(settings: DeviceSettings) -> Recording:
    """The recording of one file; it is read when opened."""
    return RecordedTags(settings)


SPEC = DriverSpec(
    name="recording",
    role="recording",
    title="Recorded time tags of both parties (two-column text file)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="lines of channel and time in ticks",
)
