"""What a run record holds; :data:`SCHEMA_VERSION` grows with every change a reader of the older form would trip over.

Times of physics are bench seconds since the test's world was opened; wall-clock times are UTC in ISO 8601.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hil.verdict import Outcome, TimeBase  # noqa: TC001  (msgspec resolves annotations at run time)

__all__ = [
    "SCHEMA_VERSION",
    "BlockEntry",
    "CheckEntry",
    "DeclaredRule",
    "DeviceEntry",
    "FaultEntry",
    "FileEntry",
    "GamedayEntry",
    "KeyEntry",
    "LatencyEntry",
    "MomentEntry",
    "NoteEntry",
    "PlotEntry",
    "PlotMark",
    "ReactionEntry",
    "Record",
    "SeriesColumn",
    "SeriesEntry",
    "TableEntry",
    "TestEntry",
    "TimelineEntry",
    "VerdictEntry",
]

SCHEMA_VERSION = 1


class VerdictEntry(Struct, frozen=True, kw_only=True):
    """A statistical statement about one objective, as :class:`hil.verdict.Verdict` has it."""

    indicator: str
    subject: str
    outcome: Outcome
    reason: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    limit: float | None = None
    unit: str = ""
    rule: str = ""
    case: str = ""
    confidence: float | None = None
    limit_source: str = ""
    time_base: TimeBase = "bench"
    simulated: bool = False
    gate: bool = True
    k: float | None = None
    margin: float | None = None
    looks: int = 1
    n_max: int | None = None
    saved: int | None = None
    grade: str = ""


class DeclaredRule(Struct, frozen=True, kw_only=True):
    """A decision rule as it stood before anything was measured."""

    indicator: str
    rule: str
    title: str = ""
    link: str = ""
    limit: float | None = None
    unit: str = ""
    limit_source: str = ""
    confidence: float | None = None
    gate: bool = True
    rule_kind: str = "fixed"
    acceptable: float | None = None
    guard_band: float = 0.0
    guard_factor: float = 1.0
    n_max: int | None = None
    duration_max_s: float | None = None
    insufficient_data: str = "inconclusive"
    conditional: bool = False


class TestEntry(Struct, frozen=True, kw_only=True):
    """One test by its case id; the worst of its phases and attempts counts."""

    case: str
    outcome: Outcome
    reason: str = ""
    duration_s: float = 0.0
    title: str = ""
    finished: str = ""
    wrong_use: bool = False
    """An ERROR of the test itself, which asked for what there is not: nothing broke."""


class DeviceEntry(Struct, frozen=True, kw_only=True):
    """One device of the bench and what it answered when asked who it is."""

    name: str
    role: str = ""
    driver: str = ""
    simulated: bool
    replayed: bool = False
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    bench: str = ""
    site: str = ""
    calibration: str = ""


class FaultEntry(Struct, frozen=True, kw_only=True):
    """When a fault was in, in bench seconds, as read back, and what the bench showed of it."""

    fault: str
    target: str
    start_s: float
    end_s: float
    commanded: str = ""
    evidence: str = ""
    healed: bool = False
    healing: str = ""
    levels: tuple[tuple[float, float], ...] = ()
    """How strong it was from when on: bench seconds, and the level of its waveform from 0 to 1."""
    link: str = ""
    case: str = ""


class BlockEntry(Struct, frozen=True, kw_only=True):
    """One block of the key pipeline in numbers; its ledger line by line is in the events files."""

    sequence: int
    start_s: float
    end_s: float
    live_s: float = 0.0
    detections: int = 0
    sifted_key_bits: int = 0
    sifted_test_bits: int = 0
    test_errors: int = 0
    key_errors: int | None = None
    disclosed_bits: int = 0
    authentication_bits: int = 0
    secret_bits: int = 0
    released: bool = False
    sentence: str = ""
    key_fingerprints: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    barred: bool = False
    link: str = ""
    case: str = ""


class KeyEntry(Struct, frozen=True, kw_only=True):
    """Keys that were made or delivered, by SHA-256 fingerprint only: of each key, or of a batch's fingerprints in order."""

    fingerprints: tuple[str, ...]
    key_ids: tuple[str, ...] = ()
    bits: int = 0
    link: str = ""
    case: str = ""


class LatencyEntry(Struct, frozen=True, kw_only=True):
    """How long one operation of real software took, on the process's monotonic clock."""

    operation: str
    n: int
    median_s: float
    p95_s: float
    max_s: float
    link: str = ""
    case: str = ""


class NoteEntry(Struct, frozen=True, kw_only=True):
    """A sentence, with the bench time it speaks of where it has one."""

    text: str
    time_s: float | None = None
    link: str = ""
    case: str = ""


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One moment of a test, in bench seconds."""

    time_s: float
    kind: Literal["inject", "heal", "key", "note"]
    text: str
    link: str = ""
    case: str = ""


class TableEntry(Struct, frozen=True, kw_only=True):
    """A small table for reports (a coincidence matrix); ``sentences`` say what it shows and what it cannot."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    row_names: tuple[str, ...] = ()
    row_title: str = ""
    column_title: str = ""
    sentences: tuple[str, ...] = ()
    link: str = ""
    case: str = ""


class PlotMark(Struct, frozen=True, kw_only=True):
    """A labelled position on the horizontal axis of a plot."""

    x: float
    label: str


class PlotEntry(Struct, frozen=True, kw_only=True):
    """A small plot for reports (a correlation histogram); ``x`` ascending, one ``y`` for each."""

    title: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    x_label: str = ""
    y_label: str = ""
    style: Literal["line", "bars"] = "line"
    marks: tuple[PlotMark, ...] = ()
    sentences: tuple[str, ...] = ()
    link: str = ""
    case: str = ""


class ReactionEntry(Struct, frozen=True, kw_only=True):
    """How soon a link reacted to a fault of a game day, in bench seconds, and how soon it should have."""

    number: int
    """Of the fault, from 1."""
    fault: str
    target: str
    what: Literal["detect", "stop", "alert", "recover"]
    outcome: Outcome
    words: str
    expected_s: float | None = None
    """None where nothing is expected: then it is measured and not judged."""
    measured_s: float | None = None


class CheckEntry(Struct, frozen=True, kw_only=True):
    """What must hold throughout a game day, or in its steady state, and whether it did."""

    name: str
    outcome: Outcome
    words: str


class MomentEntry(Struct, frozen=True, kw_only=True):
    """A moment of a game day, in bench seconds; ``number`` is that of the fault it belongs to, 0 for none."""

    time_s: float
    kind: Literal["fault", "detect", "alert", "stop", "heal", "recover", "abort"]
    text: str
    number: int = 0


class GamedayEntry(Struct, frozen=True, kw_only=True):
    """A game day: when, what was expected, what was seen, what held; ``history`` is the file of its keys' lives."""

    name: str
    title: str = ""
    begins_s: float
    ends_s: float
    outcome: Outcome
    words: str = ""
    """Why it ended early, where it did."""
    steady: tuple[CheckEntry, ...] = ()
    reactions: tuple[ReactionEntry, ...] = ()
    checks: tuple[CheckEntry, ...] = ()
    moments: tuple[MomentEntry, ...] = ()
    history: str = ""
    link: str = ""
    case: str = ""


class SeriesColumn(Struct, frozen=True, kw_only=True):
    """One series of a telemetry file, its unit as the last word of its name."""

    name: str
    unit: str
    points: int
    start_s: float | None
    end_s: float | None


class SeriesEntry(Struct, frozen=True, kw_only=True):
    """A telemetry file of one test and link; ``file`` is relative to the run's folder."""

    file: str
    case: str
    link: str
    columns: tuple[SeriesColumn, ...]


class FileEntry(Struct, frozen=True, kw_only=True):
    """A file of raw data beside the record."""

    path: str
    size_bytes: int
    sha256: str


class Record(Struct, frozen=True, kw_only=True):
    """A finished run: identity, decision rules, verdicts, tests, and everything reports are made of."""

    schema_version: int
    run_id: str
    bench: str
    bench_hash: str
    simulated: bool
    seed: int
    command: str
    devices: tuple[DeviceEntry, ...]
    versions: dict[str, str]
    labels: dict[str, str]
    started: str
    finished: str
    duration_s: float
    outcome: Outcome
    exit_code: int
    verdicts: tuple[VerdictEntry, ...]
    tests: tuple[TestEntry, ...]
    rules: tuple[DeclaredRule, ...]
    faults: tuple[FaultEntry, ...]
    blocks: tuple[BlockEntry, ...]
    timeline: tuple[TimelineEntry, ...]
    notes: tuple[NoteEntry, ...]
    tables: tuple[TableEntry, ...]
    plots: tuple[PlotEntry, ...]
    latencies: tuple[LatencyEntry, ...]
    keys: tuple[KeyEntry, ...]
    series: tuple[SeriesEntry, ...]
    files: tuple[FileEntry, ...]
    problems: tuple[str, ...]
    """What is missing or wrong in the record itself, such as the lines of a worker that died."""
    gamedays: tuple[GamedayEntry, ...] = ()
