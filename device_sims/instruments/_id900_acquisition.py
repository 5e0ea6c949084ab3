"""An ID900's acquisition: its record generator says when, and histograms and raw blocks take what comes meanwhile.

A record is as long as its pulse (``PWIDth``, or ``DURation``), and another begins every period (``PPERiod``), as many times as
``NUMber`` says. Its time stamps are sent when it is over, as those of the real one are, unless its buffers fill up before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._id900_blocks import Histogram, Raw
from ._scpi_tree import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from hil.device_sims.world.world import World

    from ._id900_routing import Routing, Times

    Send = Callable[[Times, Times, int], None]

__all__ = ["CHANNELS", "Acquisition", "Record"]

CHANNELS = 4
_DEAD_PS = 40_000
"""Least time between two records."""
_SHORTEST_PS = 10_000_000_000
"""Least period of several records, which is ours: what comes faster would keep a simulated device from answering."""
_CERTAIN_NS = 1_000_000
"""Later than this no jitter brings a click into a record that is over."""


@dataclass
class Record:
    """How the generator is set; ``number`` 0: without end."""

    width_ps: int = 1_000_000_000_000
    period_ps: int = 0
    number: int = 1
    enabled: str = "ON"

    @property
    def every_ps(self) -> int:
        return max(self.period_ps, self.width_ps + _DEAD_PS)

    @property
    def whole_ps(self) -> int | None:
        """From the beginning of the first to the end of the last."""
        return (self.number - 1) * self.every_ps + self.width_ps if self.number else None


class Acquisition:
    """Records of one instrument. ``send`` has who takes the time stamps of each raw block, by number."""

    def __init__(self, world: World, device: str, routing: Routing) -> None:
        self._world, self._device, self._routing = world, device, routing
        self.resolution_ps = 100
        self.record = Record()
        self.disabled: set[str] = set()
        self.histograms = {number: Histogram("STAR", f"DELA{number}") for number in range(1, CHANNELS + 1)}
        self.raws = {number: Raw("STAR", f"DELA{number}") for number in range(1, CHANNELS + 1)}
        self.send: dict[int, Send] = {}
        self._playing: Record | None = None
        self._began_ns, self._done = 0, 0
        self._times_s: npt.NDArray[np.float64] = np.empty(0)
        self._inputs: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def link_as(self, configuration: str) -> None:
        """Stops of histograms and raw blocks as a configuration links them: input by input."""
        for number in self.histograms:
            stop = f"TSCO{number + 4}" if configuration == "HISTO" else f"DELA{number}"
            for block in (self.histograms[number], self.raws[number]):
                block.reference, block.stop = "STAR", stop

    def play(self, now_ns: int) -> None:
        """Begin the first record; one that runs begins anew, and a generator that is off does nothing."""
        self.stop(now_ns)
        if self.record.enabled == "OFF":
            return
        if self.record.number != 1 and self.record.every_ps < _SHORTEST_PS:
            raise ScpiError(-221)
        self._playing = Record(self.record.width_ps, self.record.every_ps, self.record.number)
        self._began_ns, self._done = now_ns, 0
        self._times_s, self._inputs = np.empty(0), np.empty(0, dtype=np.int64)
        whole_ps = self._playing.whole_ps
        end_ns = None if whole_ps is None else now_ns + -(-whole_ps // 1000)
        self._world.beside.recordings.begin(self._device, now_ns, end_ns)

    def stop(self, now_ns: int) -> None:
        """End the record that runs, with what is in it."""
        self.advance(now_ns)
        if self._playing is None:
            return
        self._take(now_ns, last=True)
        elapsed_ps = (now_ns - self._began_ns) * 1000
        while self._more(self._playing) and self._done * self._playing.every_ps < elapsed_ps:
            self._finish(now_ns)
        self._playing = None

    def playing(self, now_ns: int) -> bool:
        self.advance(now_ns)
        return self._playing is not None

    def advance(self, now_ns: int) -> None:
        """Finish every record that is over by now."""
        playing = self._playing
        if playing is None:
            return
        over = playing.whole_ps is not None and (now_ns - self._began_ns) * 1000 >= playing.whole_ps
        self._take(now_ns, last=over)
        certain_ps = (now_ns - self._began_ns - _CERTAIN_NS) * 1000
        while self._more(playing) and (over or self._done * playing.every_ps + playing.width_ps <= certain_ps):
            self._finish(now_ns)
        if over:
            self._playing = None

    def data(self, number: int, now_ns: int) -> list[int]:
        """Counts in the bins of a histogram, those of a running record so far too."""
        self.advance(now_ns)
        histogram = self.histograms[number]
        counts = histogram.finished
        if self._playing is not None:
            counts = counts + histogram.of(self._routing, self._sources())
        return [int(count) for count in counts[: histogram.bins]]

    def flush(self, number: int, now_ns: int) -> None:
        """Empty a histogram."""
        self.advance(now_ns)
        running = self._playing is not None
        began_ps = self._done * self._playing.every_ps if self._playing is not None else 0
        self.histograms[number].flush(max((now_ns - self._began_ns) * 1000 - began_ps, 0) if running else 0)

    def sources(self, times_s: npt.NDArray[np.float64], inputs: npt.NDArray[np.int64]) -> dict[str, Times]:
        """Events by the input they come in at, in ps and whole steps of the resolution; none at an input that is off."""
        steps = np.floor(np.maximum(times_s, 0.0) * 1e12 / self.resolution_ps).astype(np.int64) * self.resolution_ps
        named = {f"INPU{number + 1}": steps[inputs == number] for number in range(CHANNELS)}
        return {name: np.empty(0, dtype=np.int64) if name in self.disabled else found for name, found in named.items()}

    def _more(self, playing: Record) -> bool:
        """Whether there are records that are not finished."""
        return not playing.number or self._done < playing.number

    def _take(self, now_ns: int, *, last: bool) -> None:
        times_s, inputs = self._world.beside.recordings.take(self._device, now_ns, last=last)
        self._times_s, self._inputs = np.concatenate([self._times_s, times_s]), np.concatenate([self._inputs, inputs])

    def _sources(self) -> dict[str, Times]:
        """Events of the record that is next to be finished."""
        assert self._playing is not None
        since_s = self._times_s - self._done * self._playing.every_ps * 1e-12
        inside = slice(*np.searchsorted(since_s, [0.0 if self._done else -1.0, self._playing.width_ps * 1e-12]))
        return self.sources(since_s[inside], self._inputs[inside]) | {"REC": np.zeros(1, dtype=np.int64)}

    def _finish(self, now_ns: int) -> None:
        """One record is over: into the histograms, and to whoever takes the time stamps."""
        assert self._playing is not None
        sources = self._sources()
        for histogram in self.histograms.values():
            histogram.finish(self._routing, sources)
        for number, raw in self.raws.items():
            if raw.sending == "OFF":
                continue
            stamps, index = raw.stamps(self._routing, sources)
            if number in self.send:
                self.send[number](stamps, index, now_ns)
            else:
                raw.errors += stamps.size
        self._done += 1
        gone = int(np.searchsorted(self._times_s, self._done * self._playing.every_ps * 1e-12))
        self._times_s, self._inputs = self._times_s[gone:], self._inputs[gone:]
