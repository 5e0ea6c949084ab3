"""Recorded time tags as a bench: one file of both parties' events, or two, in any format of :mod:`hil.drivers.recordings`.

Unless the bench file maps its channels, 0 to 3 are Alice's and 4 to 7 Bob's, or 0 to 3 of each of two files.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import RecordingDevice
from hil.drivers.recordings.formats import open_tags
from hil.drivers.recordings.gather import Gathered, gather
from hil.errors import DeviceUnreachableError, UsageError
from hil.ports.channel_map import ChannelMap, default_channels, parse_channels
from hil.ports.detections import TimeTags
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import Recording

__all__ = ["SPEC", "RecordedTags"]

_FINEST = 10**16
_CODES = 4
CAPABILITIES = Capabilities(features=frozenset({"recording"}))


class RecordedTags:
    """Time tags of both parties. The file is the ``resource``, or else the one the bench file names."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        declared = settings.declared
        if not isinstance(declared, RecordingDevice):
            raise UsageError(f"{settings.name}: a recording needs its table of a bench file, which says how long a tick is")
        self._declared = declared
        first = (settings.resource or declared.file).removeprefix("file://")
        self._paths = tuple(Path(one) for one in (first, declared.file_b) if one)
        self._sha256 = ""
        nothing = TimeTags(np.empty(0, np.int64), np.empty(0, np.uint8))
        self._tags = Gathered(Fraction(1), nothing, nothing)

    def open(self) -> None:
        """Read and check the whole recording."""
        declared = self._declared
        tick = Fraction(declared.tick_s).limit_denominator(_FINEST) if declared.tick_s else None
        try:
            files = tuple(open_tags(path, declared.format, tick) for path in self._paths)
            self._tags = gather(files, self._channels())
            self._sha256 = _hash(self._paths)
        except OSError as error:
            raise DeviceUnreachableError(self.name, f"cannot read the recording: {error}") from error
        except UsageError as error:
            missing = [path for path in self._paths if not path.is_file()]
            if missing:
                raise DeviceUnreachableError(self.name, f"cannot read the recording: {error}") from error
            raise UsageError(f"{self.name}: {error}") from error

    def close(self) -> None:
        """Nothing is held open."""

    def identity(self) -> Identity:
        """The files' names, and their SHA-256 (of two files that of both hashes) as serial number."""
        return Identity("recording", " and ".join(path.name for path in self._paths), self._sha256, "")

    def park(self) -> None:
        """What was recorded harms nobody."""

    @property
    def tick_s(self) -> float:
        """Length of one tick in seconds."""
        return float(self._tags.tick)

    @property
    def duration_s(self) -> float:
        """From the first event to the last, in seconds."""
        ticks = [party.ticks for party in (self._tags.alice, self._tags.bob) if party.ticks.size]
        span = max(int(one[-1]) for one in ticks) - min(int(one[0]) for one in ticks) if ticks else 0
        return float(span * self._tags.tick)

    def alice(self) -> TimeTags:
        """Her events, channels by setting and bit: 0 and 1 in the first setting, 2 and 3 in the second."""
        return self._tags.alice

    def bob(self) -> TimeTags:
        """His events, numbered alike."""
        return self._tags.bob

    def _channels(self) -> ChannelMap:
        files = len(self._paths)
        if not self._declared.channels:
            return default_channels(files=files)
        channels = parse_channels(self._declared.channels, files=files)
        if max(*channels.codes("a").values(), *channels.codes("b").values()) >= _CODES or not channels.common:
            raise UsageError(
                f"its channels have the settings {', '.join(channels.settings_a)} of Alice and "
                f"{', '.join(channels.settings_b)} of Bob; expected at most two of each, one of them common"
            )
        return channels


def _hash(paths: tuple[Path, ...]) -> str:
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256(b"".join(one.digest() for one in digests)).hexdigest()


def build(settings: DeviceSettings) -> Recording:
    """The recording of one file; it is read when opened."""
    return RecordedTags(settings)


SPEC = DriverSpec(
    name="recording",
    role="recording",
    title="Recorded time tags of both parties (text, readevents, PicoQuant or quTAG files)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="files of time tags",
)
