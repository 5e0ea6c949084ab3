"""Which channel of a recording is whose, in which setting, and which result a click on it means.

One word a channel: ``3=b:X:1`` is channel 3, Bob's, setting X, bit 1; ``3=b:X:1@112.5`` also says that its analyser
stands at 112.5 degrees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ChannelMap", "TagChannel", "default_channels", "parse_channels"]

_WORD = re.compile(r"(\d+)=([ab]):([A-Za-z0-9+'_-]+):([01])(?:@(-?\d+(?:\.\d+)?))?")
_EXPECTED = "CHANNEL=PARTY:SETTING:BIT, such as 0=a:Z:0 or 5=b:X:1@112.5 (the analyser's angle in degrees)"


@dataclass(frozen=True)
class TagChannel:
    """``party`` is ``a`` or ``b``; ``angle_deg`` that of the polarisation analyser, where it was declared."""

    channel: int
    party: str
    setting: str
    bit: int
    angle_deg: float | None = None


@dataclass(frozen=True)
class ChannelMap:
    """Channels of both parties. ``declared`` is false for the default, under which any other channel is a mistake.

    ``settings_a`` and ``settings_b`` are the names of the settings, those that both have first and in the same order. The
    code of a channel is twice the number of its setting in its party's list, plus its bit.
    """

    channels: tuple[TagChannel, ...]
    declared: bool = True

    @property
    def common(self) -> tuple[str, ...]:
        """Settings that both parties have: what is measured there can be sifted."""
        his = self._names("b")
        return tuple(name for name in self._names("a") if name in his)

    @property
    def settings_a(self) -> tuple[str, ...]:
        """Alice's settings by number."""
        return self.common + tuple(name for name in self._names("a") if name not in self.common)

    @property
    def settings_b(self) -> tuple[str, ...]:
        """Bob's settings by number."""
        return self.common + tuple(name for name in self._names("b") if name not in self.common)

    def codes(self, party: str) -> dict[int, int]:
        """Channel -> code, of one party."""
        names = self.settings_a if party == "a" else self.settings_b
        return {one.channel: 2 * names.index(one.setting) + one.bit for one in self.channels if one.party == party}

    def labels(self, party: str) -> tuple[str, ...]:
        """A name for each code of a party."""
        names = self.settings_a if party == "a" else self.settings_b
        if not self.declared:
            return tuple(str(code) for code in range(2 * len(names)))
        return tuple(f"{name}{bit}" for name in names for bit in (0, 1))

    def angles_deg(self, party: str) -> tuple[float | None, ...]:
        """The angle of each setting's bit 0."""
        names = self.settings_a if party == "a" else self.settings_b
        known = {(one.setting, one.bit): one.angle_deg for one in self.channels if one.party == party}
        return tuple(_angle(known.get((name, 0)), known.get((name, 1))) for name in names)

    def _names(self, party: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.setting for one in self.channels if one.party == party))


def _angle(zero: float | None, one: float | None) -> float | None:
    if zero is not None:
        return zero
    return None if one is None else one - 90.0


def default_channels(*, files: int = 1) -> ChannelMap:
    """Channels 0 to 3 Alice's and 4 to 7 Bob's, or 0 to 3 of each of two files; the even one of a setting is bit 0."""
    first = 4 if files == 1 else 0
    hers = [TagChannel(code, "a", str(code // 2), code % 2) for code in range(4)]
    his = [TagChannel(code + first, "b", str(code // 2), code % 2) for code in range(4)]
    return ChannelMap((*hers, *his), declared=False)


def parse_channels(words: Iterable[str], *, files: int = 1) -> ChannelMap:
    """The map that the words give; UsageError names the first that is none, or contradicts another."""
    channels: list[TagChannel] = []
    for word in words:
        match = _WORD.fullmatch(word.strip())
        if match is None:
            raise UsageError(f"channel {word.strip()!r}; expected {_EXPECTED}")
        angle = None if match[5] is None else float(match[5])
        new = TagChannel(int(match[1]), match[2], match[3], int(match[4]), angle)
        for known in channels:
            if known.channel == new.channel and (files == 1 or known.party == new.party):
                raise UsageError(
                    f"channel {word.strip()!r}: channel {new.channel} was given before; expected each channel once"
                )
            if (known.party, known.setting, known.bit) == (new.party, new.setting, new.bit):
                raise UsageError(
                    f"channel {word.strip()!r}: channel {known.channel} has that result already; expected one channel each"
                )
        channels.append(new)
    for party, name in (("a", "Alice"), ("b", "Bob")):
        if not any(one.party == party for one in channels):
            raise UsageError(f"the channels give {name} none; expected both parties': {_EXPECTED}")
    return ChannelMap(tuple(channels))
