"""What a recording of photon pairs shows, in numbers: who was paired with whom, how well, and by how much chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hil.pipeline.bell import chsh, correlation
from hil.pipeline.coincidences import pair_events
from hil.pipeline.pairs import independent_pairs, is_one_setting
from hil.pipeline.peak import accidentals, full_width_ticks, half_windows, scan

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.pipeline.bell import Chsh, Correlation
    from hil.pipeline.peak import WindowCount
    from hil.pipeline.synchronisation import ClockMap, Synchronisation
    from hil.ports.channel_map import ChannelMap
    from hil.ports.detections import TimeTags

__all__ = ["Exchanged", "RecordingAnalysis", "analyse", "duration_ticks"]

Counts = tuple[int, ...]


@dataclass(frozen=True)
class Exchanged:
    """What two parties made of a recording's bits; ``fingerprints`` are SHA-256 of either one's, None for few or none."""

    corrected_bits: int
    corrected_errors: int | None
    fingerprints: tuple[str, str] | None
    agree: bool
    disclosed_bits: int
    sentence: str


@dataclass(frozen=True)
class RecordingAnalysis:
    """A recording, counted. No key material.

    ``matrix``: pairs by Alice's channel (row) and Bob's (column), two channels a setting, common settings first.
    ``lags_ticks`` and ``correlation``, shape (n,): Bob's time minus Alice's, drift taken out, and how many pairs of events have
    it; ``half_window_ticks`` from the peak at ``delay_ticks`` is the furthest that counts as a pair. ``measured_rate_ppm`` is
    the fitted rate, ``clock`` the same with the digits the data support. ``accidentals``: pairs by chance in the window, with
    their standard error, from windows shifted away from the peak. ``exchanged``: None where nobody exchanged anything.
    """

    link: str
    tick_s: float
    duration_s: float
    channels: ChannelMap
    singles_alice: Counts
    singles_bob: Counts
    clock: ClockMap
    measured_rate_ppm: float
    rate_error_ppm: float
    jitter_ticks: float
    fwhm_ticks: float
    significance: float
    lags_ticks: npt.NDArray[np.float64]
    correlation: npt.NDArray[np.int64]
    half_window_ticks: int
    accidentals: tuple[float, float]
    windows: tuple[WindowCount, ...]
    matrix: tuple[Counts, ...]
    exchanged: Exchanged | None = None

    @property
    def delay_ticks(self) -> float:
        """Where the correlation peaks."""
        return self.clock.delay_ticks

    @property
    def rate_ppm(self) -> float:
        """How much faster Bob's clock runs."""
        return self.clock.rate_ppm

    @property
    def window_ticks(self) -> tuple[float, float]:
        """First and last lag that counts as a pair."""
        return self.delay_ticks - self.half_window_ticks, self.delay_ticks + self.half_window_ticks

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """(Errors, pairs) of each common setting."""
        return tuple(self._against(range(2 * number, 2 * number + 2)) for number in range(len(self.channels.common)))

    @property
    def all_pairs(self) -> tuple[int, int]:
        """(Errors, pairs) over all channels of common settings: a pair off the diagonal is against the correlation."""
        return self._against(range(2 * len(self.channels.common)))

    @property
    def pairs(self) -> int:
        """Pairs in the window, whatever their settings."""
        return sum(map(sum, self.matrix))

    @property
    def sifted(self) -> tuple[int, int]:
        """(Errors, bits) of the pairs in a common setting."""
        return sum(errors for errors, _ in self.groups), sum(pairs for _, pairs in self.groups)

    @property
    def group_totals(self) -> tuple[Counts, Counts]:
        """Pairs with Alice's event in each common setting, and with Bob's; the other party's event in a common one too."""
        common = len(self.channels.common)
        block = np.array(self.matrix)[: 2 * common, : 2 * common].reshape(common, 2, common, 2).sum(axis=(1, 3))
        return tuple(block.sum(axis=1).tolist()), tuple(block.sum(axis=0).tolist())

    @property
    def one_setting(self) -> bool:
        """Whether pairs across the settings are too few for settings that each party chose by itself."""
        return is_one_setting(self.all_pairs[1] - self.sifted[1], *self.group_totals)

    @property
    def across_by_choice(self) -> float:
        """Pairs across the common settings if both parties chose theirs independently."""
        return independent_pairs(*self.group_totals)

    @property
    def pairs_by_chance(self) -> float:
        """Pairs in the window that are none: counted in shifted windows."""
        return self.accidentals[0]

    @property
    def ratio(self) -> float:
        """Coincidence-to-accidental ratio; inf where no pair came by chance."""
        return (self.pairs - self.accidentals[0]) / self.accidentals[0] if self.accidentals[0] else float("inf")

    @property
    def correlations(self) -> tuple[tuple[str, str, Correlation], ...]:
        """E of every pair of settings, by their names."""
        return tuple(
            (hers, his, correlation(self.matrix, i, j))
            for i, hers in enumerate(self.channels.settings_a)
            for j, his in enumerate(self.channels.settings_b)
        )

    @property
    def chsh(self) -> Chsh | None:
        """S, where the angles of enough settings are known."""
        return chsh(self.matrix, self.channels.angles_deg("a"), self.channels.angles_deg("b"))

    def _against(self, channels: range) -> tuple[int, int]:
        pairs = sum(self.matrix[row][column] for row in channels for column in channels)
        return pairs - sum(self.matrix[channel][channel] for channel in channels), pairs


def analyse(
    link: str,
    tags: tuple[TimeTags, TimeTags],
    channels: ChannelMap,
    found: Synchronisation,
    *,
    tick_s: float,
    half_window: int,
) -> RecordingAnalysis:
    """Count Alice's and Bob's ``tags`` on the clock that was found, under a window of that many ticks to either side."""
    alice, bob = tags
    aligned = found.clock.to_alice(bob.ticks)
    halves = half_windows(half_window)
    by_chance = accidentals(alice.ticks, aligned, half_window, int(found.lags_ticks[-1]))
    wide = pair_events(alice.ticks, aligned, halves[-1])
    hers, his = alice.channel[wide.alice].astype(np.int64), bob.channel[wide.bob].astype(np.int64)
    sifted = (hers >> 1 == his >> 1) & (hers < 2 * len(channels.common))
    inside = np.abs(wide.difference_ticks) <= half_window
    rows, columns = 2 * len(channels.settings_a), 2 * len(channels.settings_b)
    matrix = np.bincount(hers[inside] * columns + his[inside], minlength=rows * columns).reshape(rows, columns)
    return RecordingAnalysis(
        link=link,
        tick_s=tick_s,
        duration_s=duration_ticks(alice.ticks, aligned)[1] * tick_s,
        channels=channels,
        singles_alice=tuple(np.bincount(alice.channel, minlength=rows).tolist()),
        singles_bob=tuple(np.bincount(bob.channel, minlength=columns).tolist()),
        clock=found.clock,
        measured_rate_ppm=1e6 * found.measured_rate,
        rate_error_ppm=1e6 * found.rate_error,
        jitter_ticks=found.jitter_ticks,
        fwhm_ticks=full_width_ticks(found),
        significance=found.significance,
        lags_ticks=found.lags_ticks.astype(np.float64) + found.clock.delay_ticks,
        correlation=found.counts,
        half_window_ticks=half_window,
        accidentals=(by_chance.in_window(half_window), by_chance.error_in_window(half_window)),
        windows=scan(wide, sifted, sifted & (hers != his), by_chance, halves),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
    )


def duration_ticks(alice: npt.NDArray[np.int64], aligned: npt.NDArray[np.int64]) -> tuple[int, int]:
    """(First tick of either party, ticks from there to the last, its own included)."""
    first = min(int(alice[0]), int(aligned[0]))
    return first, max(int(alice[-1]), int(aligned[-1])) + 1 - first
