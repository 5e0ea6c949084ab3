"""What a recording of photon pairs shows, in numbers and in words, and what a recording in one setting cannot show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.physics.entropy import binary_entropy
from hil.pipeline.pairs import independent_pairs, is_one_setting
from hil.statistics.binomial import clopper_pearson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["RecordingAnalysis", "claims_not_supported", "findings"]

_CONFIDENCE = 0.95
_SECRECY = 1e-9

Counts = tuple[int, ...]


@dataclass(frozen=True)
class RecordingAnalysis:
    """A recording, counted. No key material.

    ``matrix``: pairs by Alice's channel (row) and Bob's (column). ``groups``: (errors, pairs) of channels 0 and 1, and of 2 and
    3, at both ends; ``all_pairs`` of all channels. ``lags_ticks`` and ``correlation``, shape (n,): Bob's time minus Alice's,
    drift taken out, and how many pairs of events have it; ``window_ticks`` its first and last lag that counts as a pair.
    ``measured_rate_ppm`` is the fitted rate, ``rate_ppm`` the same with the digits the data support.
    """

    link: str
    tick_s: float
    duration_s: float
    singles_alice: Counts
    singles_bob: Counts
    delay_ticks: float
    rate_ppm: float
    measured_rate_ppm: float
    rate_error_ppm: float
    jitter_ticks: float
    significance: float
    lags_ticks: npt.NDArray[np.float64]
    correlation: npt.NDArray[np.int64]
    window_ticks: tuple[float, float]
    matrix: tuple[Counts, ...]
    corrected_bits: int
    corrected_errors: int | None
    fingerprints: tuple[str, str] | None
    agree: bool
    disclosed_bits: int
    exchange: str

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """(Errors, pairs) of each group of channels, both parties' event in the same group."""
        return tuple(self._against(range(first, first + 2)) for first in (0, 2))

    @property
    def all_pairs(self) -> tuple[int, int]:
        """(Errors, pairs) over all channels: a pair off the diagonal is against the correlation."""
        return self._against(range(4))

    @property
    def sifted(self) -> tuple[int, int]:
        """(Errors, bits) of the pairs within a group."""
        return sum(errors for errors, _ in self.groups), sum(pairs for _, pairs in self.groups)

    @property
    def group_totals(self) -> tuple[Counts, Counts]:
        """Pairs with Alice's event in each group of channels, and with Bob's."""
        rows = [sum(row) for row in self.matrix]
        columns = [sum(column) for column in zip(*self.matrix, strict=True)]
        return (rows[0] + rows[1], rows[2] + rows[3]), (columns[0] + columns[1], columns[2] + columns[3])

    @property
    def one_setting(self) -> bool:
        """Whether pairs across the groups are too few for two settings that each party chose by itself."""
        return is_one_setting(self.all_pairs[1] - self.sifted[1], *self.group_totals)

    @property
    def pairs_by_chance(self) -> float:
        """Pairs that as many events without any relation would give in the window."""
        width = self.window_ticks[1] - self.window_ticks[0] + 1.0
        return sum(self.singles_alice) * sum(self.singles_bob) * width * self.tick_s / self.duration_s

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, then which claims it cannot support."""
        return findings(self) + claims_not_supported(self)

    def text(self) -> str:
        """Matrix and sentences for a terminal."""
        names = [f"Bob {number}" for number in range(4)]
        lines = ["coincidence matrix", "         " + "".join(f"{name:>7}" for name in names)]
        lines += [f"Alice {row}  " + "".join(f"{n:>7,}" for n in counts) for row, counts in enumerate(self.matrix)]
        return "\n".join([*lines, "", *self.sentences])

    def _against(self, channels: range) -> tuple[int, int]:
        pairs = sum(self.matrix[row][column] for row in channels for column in channels)
        return pairs - sum(self.matrix[channel][channel] for channel in channels), pairs


def findings(seen: RecordingAnalysis) -> tuple[str, ...]:
    """What the recording shows."""
    hers, his = sum(seen.singles_alice), sum(seen.singles_bob)
    return (
        f"{hers + his:,} events in {_length(seen)}: {hers:,} of Alice, {his:,} of Bob.",
        _clock(seen),
        _pairs(seen),
        _errors(seen),
        f"Corrected and verified by two parties: {seen.exchange}. {seen.disclosed_bits} bits were disclosed on the way.",
    )


def claims_not_supported(seen: RecordingAnalysis) -> tuple[str, ...]:
    """Which claims a recording of this size cannot support, and why."""
    one = seen.one_setting
    said = (
        _NO_KEY_IN_ONE_SETTING if one else _NO_KEY,
        _too_small(seen),
        _not_two_bases(seen) if one else "",
        f"The QBER is that of this one setting, over {_length(seen)}; a limit that it meets is met for this setting only."
        if one
        else f"The QBER is that of {_length(seen)}.",
        _NO_FIDELITY_IN_ONE_SETTING if one else _NO_FIDELITY,
        f"It supports no claim of a key rate, of availability or of drift: {_length(seen)} are one block.",
    )
    return tuple(sentence for sentence in said if sentence)


_NO_KEY_IN_ONE_SETTING = (
    "It supports no claim of a secret key: nothing was measured in a complementary basis, whose errors alone bound what an "
    "eavesdropper may know. The corrected bits are equal, not secret."
)
_NO_KEY = (
    "It supports no claim of a secret key: it does not tell how the settings were chosen, nor that they are complementary "
    "bases. The corrected bits are equal, not secret."
)
_NO_FIDELITY_IN_ONE_SETTING = (
    "It supports no claim of entanglement or its fidelity: a classical mixture of the correlated results gives the same "
    "table. A fidelity takes a second, complementary setting, a CHSH value four pairs of settings."
)
_NO_FIDELITY = (
    "It supports no claim of entanglement or its fidelity, as it does not tell what the settings were; a CHSH value takes "
    "four pairs of them."
)


def _length(seen: RecordingAnalysis) -> str:
    return f"{1e3 * seen.duration_s:.4g} ms"


def _clock(seen: RecordingAnalysis) -> str:
    fitted = f"{seen.measured_rate_ppm:.4f} ± {seen.rate_error_ppm:.4f} ppm fitted"
    return (
        f"The correlation peaks where Bob's time is Alice's {seen.delay_ticks:+,g} ticks of {1e12 * seen.tick_s:g} ps; his "
        f"clock runs {seen.rate_ppm:+g} ppm against hers ({fitted}). The peak's standard deviation is "
        f"{seen.jitter_ticks:.2g} ticks; it stands {seen.significance:.0f} of the background's above it."
    )


def _pairs(seen: RecordingAnalysis) -> str:
    low, high = seen.window_ticks
    return (
        f"{seen.all_pairs[1]:,} pairs lie within the window of {low:+,g} to {high:+,g} ticks, where events without any "
        f"relation would give {seen.pairs_by_chance:.0f}."
    )


def _errors(seen: RecordingAnalysis) -> str:
    errors, bits = seen.sifted
    interval = clopper_pearson(errors, bits, _CONFIDENCE)
    groups = " and ".join(
        f"{wrong} in {pairs:,} of channels {first} and {first + 1}"
        for first, (wrong, pairs) in zip((0, 2), seen.groups, strict=True)
    )
    return (
        f"Errors: {groups}; {errors} in {bits:,} sifted bits is a QBER of {100 * interval.estimate:.2g} %, at most "
        f"{100 * interval.high:.2g} % (Clopper-Pearson, 95 %). Over all pairs {seen.all_pairs[0]} in {seen.all_pairs[1]:,}."
    )


def _too_small(seen: RecordingAnalysis) -> str:
    """Whether the size alone would rule a key out, were the second group a complementary basis."""
    (_, key_bits), (test_errors, test_bits) = seen.groups
    if not key_bits or not test_bits:
        return ""
    deviation = _sampling_deviation(key_bits, test_bits)
    phase = min(0.5, test_errors / test_bits + deviation)
    left = key_bits * (1.0 - binary_entropy(phase)) - seen.disclosed_bits - math.log2(2.0 / _SECRECY**2)
    if left > 0:
        return ""
    return (
        f"Its size rules a key out too: were channels 2 and 3 that basis, {test_bits:,} bits would leave its error rate "
        f"uncertain by {deviation:.2g} at a secrecy of {_SECRECY:g}, and of {key_bits:,} bits nothing would be left."
    )


def _sampling_deviation(key_bits: int, test_bits: int) -> float:
    """How much more errors the key bits may have than the test bits showed.

    Source: M. Tomamichel, C. C. W. Lim, N. Gisin, R. Renner, Nature Communications 3, 634 (2012): mu of the key length.
    """
    n, k = key_bits, test_bits
    return math.sqrt((n + k) / (n * k) * (k + 1) / k * math.log(4.0 / _SECRECY))


def _not_two_bases(seen: RecordingAnalysis) -> str:
    """Two bases chosen passively at each end would give pairs across the groups, as many as independent choices make."""
    total = seen.all_pairs[1]
    expected = independent_pairs(*seen.group_totals)
    return (
        f"The channel groups 0, 1 and 2, 3 are not two bases chosen at random: {total - seen.sifted[1]:,} of {total:,} pairs "
        f"join them, where a passive choice at each end would give about {expected:.0f}. So the file shows one setting."
    )
