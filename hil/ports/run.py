"""What a link run counted, and what other measurements observed: the input of every indicator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.detections import SourceDeclaration
    from hil.ports.identity import EvidenceLevel

__all__ = [
    "Availability",
    "BasisBalance",
    "BellCounts",
    "BlockReport",
    "CalibrationLog",
    "CountGates",
    "FaultWindow",
    "InterClickGaps",
    "Latencies",
    "LedgerEntry",
    "LinkRun",
    "Prediction",
    "StageTimes",
    "VisibilityCounts",
]


@dataclass(frozen=True)
class LedgerEntry:
    """One line of a block's ledger: what was counted, spent or disclosed, in which stage."""

    stage: str
    what: str
    value: float
    unit: str = "bits"


@dataclass(frozen=True)
class BlockReport:
    """One block of the key pipeline, as both parties agree on it. No key material.

    Counts are by basis: key basis (0) and test basis (1). ``key_errors`` are counted exactly by error correction (None when
    it was not reached). ``sentence`` says in words why there is key or none. ``key_fingerprints`` are SHA-256 of the
    released keys. ``by_intensity`` holds (sent intensity number, basis, sifted, errors or None), ``chsh`` what
    :class:`BellCounts` holds, where pairs were measured for it. ``barred``: the parties' own estimate would have let
    it go on, and it gives no key because all of it was measured while a fault was in.
    """

    sequence: int
    start_s: float
    end_s: float
    live_s: float
    detections: int
    sifted_key_bits: int
    sifted_test_bits: int
    test_errors: int
    key_errors: int | None
    disclosed_bits: int
    authentication_bits: int
    secret_bits: int
    released: bool
    sentence: str
    key_fingerprints: tuple[str, ...] = ()
    by_intensity: tuple[tuple[int, int, int, int | None], ...] = ()
    chsh: tuple[tuple[int, int], ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    faults: tuple[str, ...] = ()
    barred: bool = False


@dataclass(frozen=True)
class FaultWindow:
    """When a fault was in, in bench seconds, as read back; ``evidence`` says what the bench showed."""

    fault: str
    target: str
    start_s: float
    end_s: float
    commanded: str
    evidence: str
    healed: bool


@dataclass(frozen=True)
class Prediction:
    """What the closed forms expect of a link as its bench file declares it."""

    counts_hz: float
    dark_counts_hz: float
    qber_ratio: float
    key_rate_bps: float
    """After authentication keys were paid for."""
    block_s: float
    first_key_block_s: float
    """Shortest block, in seconds, that would give any key, authentication not yet paid; inf when none would."""


@dataclass(frozen=True)
class StageTimes:
    """Seconds that one stage took, one value a block: on the process's monotonic clock, and of the thread that computed.

    Stages of different blocks overlap, so their sum may be more than the run took.
    """

    process_s: tuple[float, ...]
    cpu_s: tuple[float, ...]


@dataclass(frozen=True)
class LinkRun:
    """A link run for a time: blocks, counts per detector, and series over bench time.

    ``counts``: per detector name, clicks in each gate of ``gate_s`` seconds. ``series``: name with unit -> (times in seconds,
    values), two float arrays. ``net_secret_bits`` is after authentication keys were paid for.
    """

    link: str
    level: EvidenceLevel
    simulated: bool
    start_s: float
    end_s: float
    blocks: tuple[BlockReport, ...]
    net_secret_bits: int
    counts: dict[str, npt.NDArray[np.int64]]
    gate_s: float
    prediction: Prediction | None
    faults: tuple[FaultWindow, ...] = ()
    series: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = field(default_factory=dict)
    claimed: dict[str, float] = field(default_factory=dict)
    """What a black box claims of itself (L0); empty where it was measured."""
    source: SourceDeclaration | None = None
    """What the transmitter declares; lets a judge say how long a block would have to be."""

    visibility: VisibilityCounts | None = None
    """Of an entangled link: coincidences by basis."""

    bell: BellCounts | None = None
    """Of a link that measures CHSH's four pairs of settings."""

    held_s: float = 0.0
    """Bench seconds without a block, because the key stores were full."""

    stages: dict[str, StageTimes] = field(default_factory=dict, compare=False, repr=False)
    """What each stage of the blocks took of this process, both parties together."""


@dataclass(frozen=True)
class CountGates:
    """Clicks of one detector in n gates of equal length, all under one condition."""

    detector: str
    condition: Literal["dark", "lit"]
    gate_s: float
    counts: npt.NDArray[np.int64]
    simulated: bool
    predicted_hz: float | None = None
    predicted_relative_uncertainty: float = 0.0
    """Expanded (95 %) relative uncertainty of the prediction, from the calibrations it rests on."""


@dataclass(frozen=True)
class BasisBalance:
    """Clicks of the two detectors of one basis in n equal stretches, under light.

    ``ones`` of bit 1 among ``clicks``, int64 (n,). ``subject`` names them, and which half by time of arrival, where there are
    halves. ``declared_share`` of bit 1 is what the link as declared gives, ``mismatch`` how far from it detectors come to lie
    that differ as much as they may.
    """

    subject: str
    ones: npt.NDArray[np.int64]
    clicks: npt.NDArray[np.int64]
    declared_share: float
    mismatch: float
    simulated: bool


@dataclass(frozen=True)
class Latencies:
    """Durations of one operation of real software, in seconds, on the process's monotonic clock."""

    operation: str
    durations_s: npt.NDArray[np.float64]
    simulated: bool


@dataclass(frozen=True)
class Availability:
    """Good slices of a window; a slice without data is not good."""

    subject: str
    slice_s: float
    good: int
    total: int
    simulated: bool
    looks: tuple[tuple[int, int], ...] = ()
    """Good slices and all of them, of each look where it was watched in several; outages stay within a look."""


@dataclass(frozen=True)
class CalibrationLog:
    """When a device calibrated itself, in bench seconds, within an observed window."""

    subject: str
    times_s: npt.NDArray[np.float64]
    window_s: tuple[float, float]
    simulated: bool


@dataclass(frozen=True)
class InterClickGaps:
    """Gaps between successive clicks of one detector, in ticks of ``tick_s`` seconds."""

    detector: str
    tick_s: float
    gaps: npt.NDArray[np.int64]
    declared_dead_time_s: float
    simulated: bool


@dataclass(frozen=True)
class VisibilityCounts:
    """Coincidences of an entangled-pair link by measurement basis, both parties measuring in the same one.

    ``by_basis``: name of the basis -> (coincidences, those of them that go against the correlation of the ideal state).
    """

    subject: str
    by_basis: dict[str, tuple[int, int]]
    simulated: bool
    looks: tuple[dict[str, tuple[int, int]], ...] = ()
    """The same of each look, where there were several."""


@dataclass(frozen=True)
class BellCounts:
    """Pairs measured in CHSH's four pairs of settings: (a, b), (a, b'), (a', b), (a', b').

    ``by_settings``: (pairs, those of them with opposite results) of each; ``signs`` of their correlations in S.
    """

    subject: str
    by_settings: tuple[tuple[int, int], ...]
    signs: tuple[int, int, int, int]
    simulated: bool
    looks: tuple[tuple[tuple[int, int], ...], ...] = ()
    """``by_settings`` of each look, where there were several."""
