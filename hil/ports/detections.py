"""Raw blocks: what left the transmitter, what clicked at the receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    import numpy.typing as npt

__all__ = [
    "ClockDomain",
    "DetectionRecords",
    "DetectorRole",
    "PairSourceDeclaration",
    "Preparations",
    "ReceiverCounters",
    "ReceiverDeclaration",
    "ReceiverHistory",
    "SourceDeclaration",
    "TagRecords",
    "TagTiming",
    "TimeTags",
]


@dataclass(frozen=True)
class SourceDeclaration:
    """What a transmitter declares about its pulses.

    ``intensities`` are mean photon numbers per pulse, strongest first; ``probabilities`` how often each is sent, in any
    basis; ``key_basis_probability`` how often the key basis (number 0) is chosen, ``bit_one_probability`` how often bit 1.
    ``g2`` is that of a single-photon source. ``intensity_fluctuation``: relative standard deviation of a pulse's intensity;
    ``intensity_correlation``: how much stronger, relatively, it is after the strongest intensity than after an empty pulse;
    ``preparation_error``: share of a state's light in the opposite state, one for all, one a basis, or one a state.
    """

    pulse_rate_hz: float
    intensities: tuple[float, ...]
    probabilities: tuple[float, ...]
    key_basis_probability: float
    source: Literal["weak-coherent", "single-photon"] = "weak-coherent"
    g2: float = 0.0
    bit_one_probability: float = 0.5
    intensity_fluctuation: float = 0.0
    intensity_correlation: float = 0.0
    preparation_error: tuple[float, ...] = ()
    phase: Literal["randomised", "constant"] = "randomised"
    encoding: Literal["polarisation", "time-bin"] = "polarisation"


@dataclass(frozen=True)
class PairSourceDeclaration:
    """What a source of entangled pairs declares: pairs in a pulse, and the law of their number.

    ``statistics``: ``"poisson"``, or ``"thermal"`` shared by ``modes`` modes.
    """

    pulse_rate_hz: float
    mean_pairs: float
    statistics: Literal["poisson", "thermal"]
    modes: int


@dataclass(frozen=True)
class DetectorRole:
    """What a click of one detector means: basis 0 is the key basis."""

    name: str
    basis: int
    bit: int


@dataclass(frozen=True)
class ClockDomain:
    """A clock by name, and its tick as an exact fraction of a second of its own."""

    name: str
    tick_s: Fraction


@dataclass(frozen=True)
class TagTiming:
    """Of a receiver that tells times: its tick, and the full width of the window around a pulse in which clicks count."""

    tick_s: Fraction
    window_s: float


@dataclass(frozen=True)
class ReceiverDeclaration:
    """How a receiver turns clicks into bits; estimators follow it.

    ``common_dead_time``: events within ``dead_time_s`` after any click are dropped by rule. ``multiple_clicks``: what is
    done with several clicks of one pulse: a random bit within a basis, and the event is discarded across bases.
    ``timing``: None where its records carry pulse indices, else they are :class:`TagRecords`.
    """

    detectors: tuple[DetectorRole, ...]
    basis_choice: Literal["active", "passive"]
    dead_time_s: float
    common_dead_time: bool = True
    multiple_clicks: Literal["random"] = "random"
    timing: TagTiming | None = None


@dataclass(frozen=True)
class Preparations:
    """Settings of n pulses: three uint8 arrays of shape (n,)."""

    basis: npt.NDArray[np.uint8]
    bit: npt.NDArray[np.uint8]
    intensity: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DetectionRecords:
    """Clicks of one block.

    ``index``: int64 (n,), pulse index of each click, ascending (ties allowed). ``detector``: uint8 (n,), number in the
    receiver's list. The block covers pulses ``first`` to ``end`` (exclusive); ``live_s`` is how long the data plane
    listened; ``sequence`` counts blocks; ``lost`` counts clicks the device says it could not deliver.
    """

    first: int
    end: int
    index: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]
    live_s: float
    sequence: int = 0
    lost: int = 0


@dataclass(frozen=True)
class TagRecords:
    """Clicks of one block as the receiver's own clock told them; which pulse each belongs to is for the pipeline to find.

    ``ticks``: int64 (n,), ascending (ties allowed), from ``first`` to ``end`` (exclusive), in ticks of ``clock``. The
    rest as in :class:`DetectionRecords`.
    """

    clock: ClockDomain
    first: int
    end: int
    ticks: npt.NDArray[np.int64]
    detector: npt.NDArray[np.uint8]
    live_s: float
    sequence: int = 0
    lost: int = 0


@dataclass(frozen=True)
class ReceiverCounters:
    """Clicks per detector since power-up, and the live time in seconds they were counted in.

    ``bits``: how wide the device's own counters are; what rolled over is added here. ``gaps`` counts the times that this could
    not be done since the driver was opened (the device restarted, or counted so long that it may have rolled over twice): a
    difference over one of them is no count.
    """

    counts: tuple[int, ...]
    live_s: float
    bits: int = 64
    gaps: int = 0


@dataclass(frozen=True)
class ReceiverHistory:
    """A receiver's own one-minute log: arrays of shape (n,).

    ``time_s`` is the end of each minute in bench time, ``counts_hz`` clicks a second over all detectors, ``qber_ratio`` the
    device's estimate (nan without light), ``up`` whether it was making key.
    """

    time_s: npt.NDArray[np.float64]
    counts_hz: npt.NDArray[np.float64]
    qber_ratio: npt.NDArray[np.float64]
    temperature_c: npt.NDArray[np.float64]
    up: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TimeTags:
    """Events of one party of a recording, arrays of shape (n,).

    ``ticks``: int64, ascending, in ticks of the recording. ``channel``: uint8, numbered within the party, two a setting.
    """

    ticks: npt.NDArray[np.int64]
    channel: npt.NDArray[np.uint8]
