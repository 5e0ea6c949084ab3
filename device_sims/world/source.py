"""Settings of every pulse as a pure function of (seed, transmitter, pulse index).

A counter-based generator: the index is hashed with a key by two rounds of the 64-bit finaliser of SplitMix64 (G. L. Steele,
D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). One bit of the hash is the bit, the other
63 choose intensity and basis together, so that probabilities are exact to 2^-63. A generator that is biased or stutters from
some pulse on is a function of the index, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from hil.ports.detections import Preparations
from hil.seeds import derive

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import TransmitterDevice

__all__ = ["Habits", "PulseClock", "Source", "hash_indices"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_NS_PER_S = 1_000_000_000
_WIDEST_DEVIATION = 12.0**0.5
_CODES = np.arange(64)
_PARTS = np.array([_CODES >> 1 & 1, _CODES & 1, _CODES >> 2], dtype=np.uint8)


class PulseClock:
    """Turns bench time into pulse indices and back, exactly: pulse ``i`` leaves at ``i / pulse_rate_hz``."""

    def __init__(self, pulse_rate_hz: float) -> None:
        rate = Fraction(pulse_rate_hz)
        self._numerator, self._denominator = rate.numerator, rate.denominator * _NS_PER_S
        self.rate_hz = pulse_rate_hz
        self.exact_rate_hz = rate

    def index_at(self, now_ns: int) -> int:
        """The first pulse that leaves at or after this time."""
        return -(-now_ns * self._numerator // self._denominator)

    def time_ns(self, index: float) -> float:
        """When a pulse leaves."""
        return index * self._denominator / self._numerator


@dataclass(frozen=True)
class Habits:
    """How settings are chosen: how often the key basis, and how often a pulse has the setting of the one before once more."""

    key_basis_probability: float
    repeat_probability: float = 0.0


class Source:
    """What a transmitter prepares. ``code`` numbers a joint setting: ``intensity * 4 + basis * 2 + bit``."""

    def __init__(self, device: TransmitterDevice, seed: int, name: str) -> None:
        self._key = derive(seed, "settings", name)
        self.intensities = device.intensities
        self._bit_key = derive(seed, "bits", name)
        self._bit_threshold = min(round(Fraction(device.bit_one_probability) * 2**64), 2**64 - 1)
        self._even = device.bit_one_probability == 0.5
        self._fluctuation_key = derive(seed, "fluctuation", name)
        self.fluctuation = device.intensity_fluctuation
        relative = np.array(device.intensities) / device.intensities[0]
        self.intensity_probabilities = np.array(device.intensity_probabilities)
        average = float(relative @ self.intensity_probabilities)
        self.after = 1.0 + device.intensity_correlation * (relative - average)
        self._repeat_key = derive(seed, "repeats", name)
        self._bits = np.array([1.0 - device.bit_one_probability, device.bit_one_probability])
        self._turns = [(0, Habits(device.key_basis_probability))]
        self._limits: dict[float, npt.NDArray[np.uint64]] = {}
        self.single_photons = device.source == "single-photon"
        self.g2 = device.g2
        self.state_errors = _state_errors(device)
        self.time_bin = device.encoding == "time-bin"

    @property
    def headroom(self) -> float:
        """The most that :meth:`factors` gives: above 1 where intensities fluctuate or follow the pulse before."""
        return (1.0 + _WIDEST_DEVIATION * self.fluctuation) * float(self.after.max())

    def turn(self, first: int, habits: Habits) -> None:
        """Choose settings like this from pulse ``first`` on; of several turns at one pulse the last one holds."""
        kept = [turn for turn in self._turns if turn[0] < first]
        if not kept or kept[-1][1] != habits:
            kept.append((first, habits))
        self._turns = kept

    def probabilities(self, key_basis_probability: float) -> npt.NDArray[np.float64]:
        """How often each joint setting is sent, shape (codes,)."""
        return np.outer(np.array([float(each) for each in self._joint(key_basis_probability)]), self._bits).ravel()

    def factors(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Each pulse's intensity in units of its setting's: shape (n,) to shape (n,), 1 on average.

        Deviations are sums of four uniform numbers: bell-shaped, of exactly the declared spread, never beyond 3.46 times it.
        """
        factors = self.after[self.codes(indices - 1) >> 2] if np.ptp(self.after) else np.ones(indices.shape)
        if self.fluctuation:
            lanes = hash_indices(indices, self._fluctuation_key).view(np.uint16).reshape(-1, 4)
            deviation = (lanes.sum(axis=1, dtype=np.float64) + 2.0) * 2.0**-16 - 2.0
            factors = factors * (1.0 + np.sqrt(3.0) * self.fluctuation * deviation)
        return factors

    def codes(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Joint setting of each pulse: shape (n,) to shape (n,)."""
        if len(self._turns) == 1:
            return self._chosen(indices, self._turns[0][1])
        turn = np.maximum(np.searchsorted([first for first, _ in self._turns], indices, side="right") - 1, 0)
        codes = np.empty(indices.shape, dtype=np.uint8)
        for number in np.unique(turn).tolist():
            own = turn == number
            codes[own] = self._chosen(indices[own], self._turns[number][1])
        return codes

    @property
    def hashing(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]] | None:
        """Key of :func:`hash_indices` in two words, and thresholds of its upper 63 bits; None for other kinds of settings."""
        habits = self._turns[0][1]
        if not self._even or len(self._turns) > 1 or habits.repeat_probability:
            return None
        thresholds = self._thresholds(habits.key_basis_probability)
        return np.array([self._key & (2**64 - 1), self._key >> 64], dtype=np.uint64), thresholds

    def _chosen(self, indices: npt.NDArray[np.int64], habits: Habits) -> npt.NDArray[np.uint8]:
        if habits.repeat_probability:
            indices = self._last_new(indices, habits.repeat_probability)
        hashed = hash_indices(indices, self._key)
        codes = (hashed & np.uint64(1)).astype(np.uint8)
        if not self._even:
            codes = (hash_indices(indices, self._bit_key) < np.uint64(self._bit_threshold)).view(np.uint8)
        hashed >>= np.uint64(1)
        for threshold in self._thresholds(habits.key_basis_probability):
            codes += (hashed >= threshold).view(np.uint8) << 1
        return codes

    def _last_new(self, indices: npt.NDArray[np.int64], repeat_probability: float) -> npt.NDArray[np.int64]:
        """The pulse, up to each of these, for which a setting was chosen last."""
        found, threshold = indices.copy(), np.uint64(round(repeat_probability * 2**64))
        open_ = np.arange(found.size)
        while open_.size:
            open_ = open_[hash_indices(found[open_], self._repeat_key) < threshold]
            found[open_] -= 1
        return found

    def _joint(self, key_basis_probability: float) -> list[Fraction]:
        """How often each intensity and basis is sent."""
        key_basis, each = Fraction(key_basis_probability), [Fraction(one) for one in self.intensity_probabilities.tolist()]
        return [one / sum(each) * basis for one in each for basis in (key_basis, 1 - key_basis)]

    def _thresholds(self, key_basis_probability: float) -> npt.NDArray[np.uint64]:
        """Of the upper 63 bits of a hash."""
        if key_basis_probability not in self._limits:
            joint = self._joint(key_basis_probability)
            sums = [round(sum(joint[: number + 1], Fraction(0)) * 2**63) for number in range(len(joint) - 1)]
            self._limits[key_basis_probability] = np.array(sums, dtype=np.uint64)
        return self._limits[key_basis_probability]

    def prepare(self, indices: npt.NDArray[np.int64]) -> Preparations:
        """The same, taken apart."""
        codes = self.codes(indices)
        basis, bit, intensity = (_PARTS[part][codes] for part in range(3))
        return Preparations(basis=basis, bit=bit, intensity=intensity)


def _state_errors(device: TransmitterDevice) -> npt.NDArray[np.float64]:
    """Share of each state's light that is in the opposite state, shape (2, 2): basis, bit."""
    errors = np.zeros((2, 2))
    if device.preparation_error:
        each = 4 // len(device.preparation_error)
        errors += np.repeat(np.array(device.preparation_error), each).reshape(2, 2)
    if device.encoding == "time-bin":
        leak = 1.0 / (1.0 + 10.0 ** (device.extinction_db / 10.0))
        errors[0] += leak - 2.0 * leak * errors[0]
    return errors


def hash_indices(indices: npt.NDArray[np.int64], key: int) -> npt.NDArray[np.uint64]:
    """64 random-looking bits for each index: shape (n,) to shape (n,); ``key`` has 128 bits."""
    offset, mask = np.uint64(key & (2**64 - 1)), np.uint64(key >> 64 & (2**64 - 1))
    value = indices.astype(np.uint64)
    value *= _GAMMA
    value += offset
    _mix(value)
    value ^= mask
    _mix(value)
    return value


def _mix(value: npt.NDArray[np.uint64]) -> None:
    scratch = value >> np.uint64(30)
    value ^= scratch
    value *= _FIRST
    np.right_shift(value, np.uint64(27), out=scratch)
    value ^= scratch
    value *= _SECOND
    np.right_shift(value, np.uint64(31), out=scratch)
    value ^= scratch
