"""Samples an entanglement-swapping repeater chain, round by round; a round is what lies between two fresh starts.

In a round every segment attempts once a period, all in step, until it has a pair, which its memories hold until the slowest
segment has one too. Then all inner nodes swap, and the ends learn the outcomes a signalling time later; a swap without result
costs the round. A period is the longest, over the segments, of the time the light needs to cross it and the time its source
needs to fire once into each memory.

A pair is a Werner state: its parameter is the product of those of its elementary pairs and swaps, and of exp(-t/T2) for each
memory. Draws are keyed by the number of the round; a change of the chain's parameters makes a fresh start.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import RepeaterNodeDevice
from hil.errors import UsageError
from hil.ports.repeater import BASES, PairRecords, SwapCounts
from hil.seeds import stream

from .injectable import INJECTABLE, SEGMENT

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Bench

    from .parameters import Parameters
    from .timeline import State, Timeline

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

__all__ = ["MOST_KEPT", "RepeaterChain", "chain_of"]

MOST_KEPT = 1_000_000
"""Pairs that are kept at least until they are asked for; older ones are forgotten."""

_ROUNDS = 256
"""Whose draws are made together."""
_LONGEST_PS = 2**54
"""Five hours: a round that long is given up, so that a dark segment does not overflow the clock."""
_PS_PER_KM = 1.468e12 / 299_792.458
"""Light in fibre of group index 1.468."""


def chain_of(bench: Bench, device: str) -> str:
    """Name of the link whose node this is; UsageError for a node of none."""
    for name, link in bench.link.items():
        if link.segments and device in (*link.parties.values(), *link.path):
            return name
    raise UsageError(f"{device}: a node of no repeater chain of bench {bench.bench.name!r}")


@dataclass(frozen=True)
class _Setting:
    """A chain under one state of the timeline; ``decay_per_ps`` is by segment, ``swap_success`` by inner node."""

    success: Floats
    period_ps: int
    signal_ps: int
    decay_per_ps: Floats
    werner: float
    swap_success: Floats


@dataclass(frozen=True)
class _Rounds:
    """Consecutive rounds: when each ended, counted from the start of the first, and what came of it."""

    ends_ps: Integers
    waited_ps: Integers
    werner: Floats
    swapped: npt.NDArray[np.bool_]
    """A row for each round, a column for each inner node."""
    ready: npt.NDArray[np.bool_]
    """Rounds that came as far as their swaps."""


@dataclass(frozen=True)
class _Chunk:
    """Pairs that were made one after the other, numbered from ``first``."""

    first: int
    times_ns: Integers
    waited_ns: Integers
    bits: dict[str, npt.NDArray[np.uint8]]


class RepeaterChain:
    """One chain. ``nodes`` are its devices from end a to end b; it makes pairs while :meth:`switch` says that all take part."""

    def __init__(self, bench: Bench, link: str, seed: int, parameters: Parameters, timeline: Timeline) -> None:
        declared = bench.link[link]
        self.nodes = (declared.parties["a"], *declared.path, declared.parties["b"])
        self._memories = [_node(bench, name).memories for name in self.nodes]
        self._link = link
        self._seed = seed
        self._parameters = parameters
        self._timeline = timeline
        self._running = False
        self._round = 0
        self._restart(0)

    def switch(self, now_ns: int, *, on: bool) -> None:
        """Begin at this time with no pair, or stop; the round that is under way then is lost, what was made stays."""
        if on and not self._running:
            self._restart(1000 * now_ns)
        elif self._running and not on:
            self._advance(now_ns)
            self._round += 1
        self._running = on

    def pairs(self, device: str, first: int, most: int, now_ns: int) -> PairRecords:
        """Pairs ``first`` to at most ``first + most`` of an end; UsageError for an inner node, and for what is forgotten."""
        if device not in (self.nodes[0], self.nodes[-1]):
            raise UsageError(f"{device}: a node between the ends of {self._link}, which measures no pair")
        self._advance(now_ns)
        if first < self._chunks[0].first:
            raise UsageError(f"{device}: pair {first} is forgotten; the oldest kept is {self._chunks[0].first}")
        end = min(first + most, self._made)
        at = max(bisect_right([chunk.first for chunk in self._chunks], first) - 1, 0)
        wanted = [chunk for chunk in self._chunks[at:] if chunk.first < end] or self._chunks[at : at + 1]
        cut = slice(first - wanted[0].first, max(end, first) - wanted[0].first)
        return PairRecords(
            first=first,
            made=self._made,
            times_ns=np.concatenate([chunk.times_ns for chunk in wanted])[cut],
            waited_ns=np.concatenate([chunk.waited_ns for chunk in wanted])[cut],
            outcomes=np.concatenate([chunk.bits[device] for chunk in wanted])[cut],
        )

    def swaps(self, device: str, now_ns: int) -> SwapCounts:
        """Swaps of an inner node in all rounds that are over, but for those that were given up; UsageError for an end."""
        if device not in self.nodes[1:-1]:
            raise UsageError(f"{device}: an end of {self._link}, which swaps nothing")
        self._advance(now_ns)
        return SwapCounts(self._tried, int(self._swapped[self.nodes.index(device) - 1]))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _restart(self, start_ps: int) -> None:
        self._start_ps = start_ps
        self._tried = self._made = 0
        self._swapped = np.zeros(len(self.nodes) - 2, np.int64)
        empty = np.empty(0, np.int64)
        self._chunks = [_Chunk(0, empty, empty, {end: np.empty(0, np.uint8) for end in (self.nodes[0], self.nodes[-1])})]

    def _advance(self, now_ns: int) -> None:
        """Keep every round that is over by now; the one under way is played again when it is asked for later."""
        changed = self._running
        while changed:
            number = self._timeline.number_at(self._start_ps // 1000)
            until_ns, changed = self._until(number, now_ns)
            self._play(self._setting(self._timeline.states[number]), 1000 * until_ns)
            if changed:
                self._start_ps, self._round = 1000 * until_ns, self._round + 1

    def _until(self, number: int, now_ns: int) -> tuple[int, bool]:
        """When the chain's own parameters change after this state and before now, and whether they do."""
        mine = self._own(self._timeline.states[number])
        for time_ns, state in zip(self._timeline.times_ns[number + 1 :], self._timeline.states[number + 1 :], strict=True):
            if time_ns >= now_ns:
                break
            if self._own(state) != mine:
                return time_ns, True
        return now_ns, False

    def _own(self, state: State) -> list[float]:
        """Every parameter of the chain that can be injected."""
        of_nodes = [(node, parameter) for node in self.nodes for parameter in INJECTABLE[RepeaterNodeDevice]]
        numbers = range(1, len(self.nodes))
        of_segments = [(self._link, f"segment{number}.{parameter}") for number in numbers for parameter in SEGMENT]
        return [self._parameters.value(state, *key) for key in (*of_nodes, *of_segments)]

    def _play(self, setting: _Setting, until_ps: int) -> None:
        """The rounds that end by then."""
        going = True
        while going:
            block, offset = divmod(self._round, _ROUNDS)
            draws = _draws(self._seed, self._link, block, len(self.nodes))[offset:]
            rounds = _played(draws, setting)
            count = int(np.searchsorted(rounds.ends_ps, until_ps - self._start_ps, "right"))
            going = count == len(draws)
            if count:
                self._keep(rounds, draws, count)
                self._start_ps += int(rounds.ends_ps[count - 1])
                self._round += count
                self._tried += int(np.count_nonzero(rounds.ready[:count]))
                self._swapped += rounds.swapped[:count].sum(axis=0)

    def _keep(self, rounds: _Rounds, draws: Floats, count: int) -> None:
        through = np.flatnonzero(rounds.swapped[:count].all(axis=1))
        number = self._made + np.arange(through.size)
        wrong = draws[through, -2] < (1.0 - rounds.werner[through]) / 2.0
        bit_a = draws[through, -1] < 0.5
        bit_b = bit_a ^ wrong ^ (number % len(BASES) == BASES.index("Y"))
        times_ns = (self._start_ps + rounds.ends_ps[through]) // 1000
        bits = {self.nodes[0]: bit_a.astype(np.uint8), self.nodes[-1]: bit_b.astype(np.uint8)}
        if through.size:
            self._chunks.append(_Chunk(self._made, times_ns, rounds.waited_ps[through] // 1000, bits))
            self._made += through.size
        while len(self._chunks) > 1 and self._made - self._chunks[1].first >= MOST_KEPT:
            del self._chunks[0]

    def _setting(self, state: State) -> _Setting:
        def of(device: str, parameter: str) -> float:
            return self._parameters.value(state, device, parameter)

        def along(parameter: str) -> Floats:
            return np.array([of(self._link, f"segment{number}.{parameter}") for number in range(1, len(self.nodes))])

        crossing_ps = np.rint(along("length_km") * _PS_PER_KM)
        memories = np.minimum(self._memories[:-1], self._memories[1:])
        loss_db = along("length_km") * along("attenuation_db_per_km") + along("excess_loss_db")
        each = along("pair_probability") * along("efficiency") ** 2 * 10.0 ** (-loss_db / 10.0)
        rates_per_ps = 1e-12 / np.array([of(node, "coherence_time_s") for node in self.nodes])
        decay_per_ps = rates_per_ps[:-1] + rates_per_ps[1:]
        # the last inner node is farthest from end a, the first from end b
        signals_ps = crossing_ps[:-1].sum(), crossing_ps[1:].sum()
        lost = crossing_ps @ decay_per_ps + signals_ps[0] * rates_per_ps[0] + signals_ps[1] * rates_per_ps[-1]
        swaps = [of(node, "swap_fidelity") for node in self.nodes[1:-1]]
        fidelities = np.array([*along("fidelity"), *swaps])
        return _Setting(
            success=-np.expm1(memories * np.log1p(-np.minimum(each, 1.0 - 1e-16))),
            period_ps=max(1, round(max(crossing_ps.max(), (memories / along("attempt_rate_hz")).max() * 1e12))),
            signal_ps=round(max(signals_ps)),
            decay_per_ps=decay_per_ps,
            werner=float(np.prod((4.0 * fidelities - 1.0) / 3.0) * np.exp(-lost)),
            swap_success=np.array([of(node, "swap_success") for node in self.nodes[1:-1]]),
        )


def _node(bench: Bench, name: str) -> RepeaterNodeDevice:
    device = bench.device[name]
    assert isinstance(device, RepeaterNodeDevice), name  # a loaded bench was checked
    return device


def _draws(seed: int, link: str, block: int, nodes: int) -> Floats:
    """Of each round: one for each segment, one for each inner node, one for the error and one for the bit of its pair."""
    return stream(seed, "repeater", link, block).random((_ROUNDS, 2 * nodes - 1))


def _played(draws: Floats, setting: _Setting) -> _Rounds:
    segments = len(setting.success)
    longest = _LONGEST_PS // setting.period_ps + 1
    with np.errstate(divide="ignore", over="ignore"):  # a segment that never succeeds waits until the round is cut
        attempts = np.ceil(np.log1p(-draws[:, :segments]) / np.log1p(-setting.success))
    attempts = np.clip(np.nan_to_num(attempts, nan=longest, posinf=longest), 1, longest).astype(np.int64)
    last = attempts.max(axis=1)
    stored_ps = (last[:, None] - attempts) * setting.period_ps
    ready = last < longest
    return _Rounds(
        ends_ps=np.cumsum(last * setting.period_ps + setting.signal_ps),
        waited_ps=(last - attempts.min(axis=1)) * setting.period_ps,
        werner=setting.werner * np.exp(-(stored_ps @ setting.decay_per_ps)),
        swapped=(draws[:, segments:-2] < setting.swap_success) & ready[:, None],
        ready=ready,
    )
