"""Counting for one time after the other, as counters do by themselves: what the last whole one held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.seeds import stream

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["Gates"]


class Gates:
    """The gates of one time tagger or counter since they were begun anew.

    The world tells clicks up to now and not of the past. Where a gate ended before it is asked for, its share of what came
    since the last look is drawn, once: exact where one asks at its end, and Poisson as before where one asks later.
    """

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self.begin(0)

    def begin(self, now_ns: int) -> None:
        """Count from zero, in a first gate from now on."""
        self.began_ns = now_ns
        self._looks = [(now_ns, self._world.beside.singles(self._device, now_ns))]
        self._told: tuple[tuple[int, int], tuple[int, ...]] = ((0, 0), ())

    def span(self, now_ns: int, gate_ns: int) -> tuple[int, int]:
        """The last whole gate, empty before there is one."""
        end_ns = self.began_ns + (now_ns - self.began_ns) // gate_ns * gate_ns
        return max(self.began_ns, end_ns - gate_ns), end_ns

    def since_begun(self, now_ns: int) -> tuple[int, ...]:
        """Clicks at each input of all gates, the one under way too."""
        return _gained(self._looks[0][1], self._world.beside.singles(self._device, now_ns))

    def last(self, now_ns: int, gate_ns: int) -> tuple[int, ...]:
        """Clicks at each input in the last whole gate; zeros before there is one."""
        number = (now_ns - self.began_ns) // gate_ns
        if number < 1:
            return (0,) * len(self._looks[0][1])
        if (number, gate_ns) != self._told[0]:
            self._told = (number, gate_ns), self._drawn(number, now_ns, gate_ns)
        return self._told[1]

    def _drawn(self, number: int, now_ns: int, gate_ns: int) -> tuple[int, ...]:
        from_ns, _ = self.span(now_ns, gate_ns)
        looked_ns, before = [look for look in self._looks if look[0] <= from_ns][-1]
        now = self._world.beside.singles(self._device, now_ns)
        self._looks = [self._looks[0], *self._looks[1:][-1:], (now_ns, now)]
        rng = stream(self._world.seed, "gates", self._device, self.began_ns, number)
        return tuple(int(rng.binomial(count, gate_ns / (now_ns - looked_ns))) for count in _gained(before, now))


def _gained(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(now - was for now, was in zip(after, before, strict=True))
