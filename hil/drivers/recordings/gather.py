"""Both parties' events out of one file or two, on one tick.

Each file's clock keeps its own exact tick. To compare two, both are counted in the largest tick that goes into either a whole
number of times: 125 ps and 156.25 ps in steps of 31.25 ps. Nothing is rounded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import UsageError
from hil.ports.detections import TimeTags

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.drivers.recordings.stream import Chunk, TagFile
    from hil.ports.channel_map import ChannelMap

__all__ = ["Gathered", "common_tick", "gather"]

_MOST_TICKS = 1 << 61
_BOB = 128


@dataclass(frozen=True)
class Gathered:
    """``alice`` and ``bob`` in ticks of ``tick`` seconds; of two files each from its first event, at ``starts``."""

    tick: Fraction
    alice: TimeTags
    bob: TimeTags
    starts: tuple[int, int] = (0, 0)
    passed_over: Counter[str] = field(default_factory=Counter)


def common_tick(first: Fraction, second: Fraction) -> Fraction:
    """The greatest common divisor of two ticks."""
    return Fraction(gcd(first.numerator * second.denominator, second.numerator * first.denominator), 1) / (
        first.denominator * second.denominator
    )


def gather(files: tuple[TagFile, ...], channels: ChannelMap, *, seconds: float | None = None) -> Gathered:
    """All events of the map's channels, of one file or Alice's and Bob's, up to ``seconds`` from each file's first.

    Memory: nine bytes an event that is kept. UsageError for a channel that is not in the default map, a party without
    events, and times that do not fit 64 bits on the common tick.
    """
    if len(files) == 1:
        codes = channels.codes("a") | {channel: code + _BOB for channel, code in channels.codes("b").items()}
        ticks, code, over = _events(files[0], codes, channels, seconds)
        _both(files, channels, int(np.count_nonzero(code < _BOB)), int(np.count_nonzero(code >= _BOB)), over)
        hers = code < _BOB
        return Gathered(
            files[0].tick,
            TimeTags(ticks[hers], code[hers]),
            TimeTags(ticks[~hers], code[~hers] - np.uint8(_BOB)),
            passed_over=over,
        )
    tick = common_tick(files[0].tick, files[1].tick)
    tags, starts, total = [], [], Counter[str]()
    for file, party in zip(files, "ab", strict=True):
        ticks, code, over = _events(file, channels.codes(party), channels, seconds)
        total += over
        factor = int(file.tick / tick)
        start = int(ticks[0]) if ticks.size else 0
        if ticks.size and int(ticks[-1] - ticks[0]) * factor >= _MOST_TICKS:
            raise UsageError(
                f"{file.path}: {float(int(ticks[-1] - ticks[0]) * file.tick):.6g} s do not fit 64 bits in common ticks of "
                f"{float(tick):.3g} s; analyse a part with --seconds"
            )
        tags.append(TimeTags((ticks - start) * factor, code))
        starts.append(start * factor)
    _both(files, channels, tags[0].ticks.size, tags[1].ticks.size, total)
    return Gathered(tick, tags[0], tags[1], (starts[0], starts[1]), total)


def _events(
    file: TagFile, codes: dict[int, int], channels: ChannelMap, seconds: float | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], Counter[str]]:
    table = np.full(max(codes) + 1, -1, np.int64)
    table[list(codes)] = list(codes.values())
    kept: list[npt.NDArray[np.int64]] = []
    kept_codes: list[npt.NDArray[np.uint8]] = []
    over, end = Counter[str](), None
    for chunk in file.chunks():
        over += chunk.passed_over
        ticks = chunk.ticks
        if seconds is not None and ticks.size:
            end = int(ticks[0]) + int(Fraction(seconds) / file.tick) if end is None else end
        inside = slice(None) if end is None else slice(0, int(np.searchsorted(ticks, end, side="right")))
        known = (chunk.channel >= 0) & (chunk.channel < table.size)
        code = np.where(known, table[np.where(known, chunk.channel, 0)], -1)[inside]
        if not channels.declared and (code < 0).any():
            raise UsageError(_unknown(file, chunk, int(np.flatnonzero(code < 0)[0]), codes))
        over += Counter(f"events of channel {channel}" for channel in chunk.channel[inside][code < 0].tolist())
        kept.append(ticks[inside][code >= 0])
        kept_codes.append(code[code >= 0].astype(np.uint8))
        if end is not None and ticks.size and int(ticks[-1]) > end:
            break
    if not kept:
        raise UsageError(f"{file.path} holds no event; expected events of channels {', '.join(map(str, sorted(codes)))}")
    return np.concatenate(kept), np.concatenate(kept_codes), over


def _unknown(file: TagFile, chunk: Chunk, at: int, codes: dict[int, int]) -> str:
    found = f"{file.path}, {file.locate(chunk.first + at)}: found '{chunk.channel[at]} {chunk.ticks[at]}'"
    whose = "0 to 3 (Alice) or 4 to 7 (Bob)" if _BOB in codes.values() else "0 to 3"
    return (
        f"{found}; expected a channel of {whose}. Say which channel is whose with --channels, or `channels` in the bench file"
    )


def _both(files: tuple[TagFile, ...], channels: ChannelMap, hers: int, his: int, over: Counter[str]) -> None:
    for events, file, party, name in ((hers, files[0], "a", "Alice"), (his, files[-1], "b", "Bob")):
        if not events:
            wanted = ", ".join(str(channel) for channel in sorted(channels.codes(party)))
            there = "; ".join(f"{number:,} {what}" for what, number in sorted(over.items())) or "no other"
            raise UsageError(f"{file.path} holds no event of {name} (channels {wanted}); it has {there}. Check the channels")
