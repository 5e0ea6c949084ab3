"""The telemetry of a finished run under its public names: counters, gauges and histograms over one time axis.

Tests of a run are laid end to end from the moment the run began, in bench time: a virtual day is a day long. Counters go on
from test to test, so that a rate over any span of the axis is that of the span.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.record.axis import offsets_s
from hil.record.events import read_events
from hil.record.series import read_series
from hil.telemetry.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from hil.record.model import BlockEntry, Record

__all__ = ["LINK_UP", "telemetry_of"]

LINK_UP = "link_up_ratio"
"""Series of a record: 1 where a slice of time was up, 0 where not, nan where it counts for nothing; at its beginning."""

_COUNTS = ".counts_hz"
_GAUGES = {"temperature_c": "qkd_detector_temperature_celsius", LINK_UP: "qkd_link_up"}
_LATENCIES = {
    "key ingestion": "qkd_key_ingest_duration_seconds",
    "authenticated round trip": "qkd_auth_rtt_seconds",
}


def telemetry_of(folder: Path, record: Record) -> Recorder:
    """Every series of a run, in seconds since it began; ``folder`` holds its events and telemetry files."""
    recorder, offsets = Recorder(), offsets_s(record)
    ends = {**offsets, **dict(zip(offsets, [*list(offsets.values())[1:], _length_s(record, offsets)], strict=False))}
    _info(recorder, record)
    for link in dict.fromkeys(block.link for block in record.blocks):
        own = [(offsets.get(block.case, 0.0), block) for block in record.blocks if block.link == link]
        own.sort(key=lambda pair: pair[0] + pair[1].end_s)
        _blocks(recorder, {"bench": record.bench, "link": link}, own)
    _series(recorder, folder, record, offsets)
    _faults(recorder, record, offsets)
    _latencies(recorder, folder, record, ends)
    _verdicts(recorder, record, max(ends.values(), default=0.0))
    return recorder


def _length_s(record: Record, offsets: dict[str, float]) -> float:
    """When the last test ended."""
    last = max((block.end_s + offsets.get(block.case, 0.0) for block in record.blocks), default=0.0)
    return max([last, *offsets.values()])


def _info(recorder: Recorder, record: Record) -> None:
    labels = {"bench": record.bench, "simulated": str(record.simulated).lower()}
    labels |= {f"firmware_{_label(one.name)}": one.firmware for one in record.devices if one.firmware}
    if commit := record.labels.get("commit"):
        labels["commit"] = commit
    recorder.record("qkd_bench_info", 1.0, 0.0, labels)


def _blocks(recorder: Recorder, labels: dict[str, str], blocks: list[tuple[float, BlockEntry]]) -> None:
    """Counters at the end of each block, from zero at the beginning of the first one."""
    totals = dict.fromkeys(("qkd_sifted_symbols_total", "qkd_sifted_symbol_errors_total", "qkd_secret_key_bytes_total"), 0)
    outcomes = dict.fromkeys(("ok", "no_key"), 0)
    first_s = blocks[0][0] + blocks[0][1].start_s
    for name in totals:
        recorder.record(name, 0.0, first_s, labels)
    for at_s, block in blocks:
        end_s, corrected = at_s + block.end_s, block.key_errors is not None
        good = block.released and block.secret_bits > 0
        sifted = block.sifted_key_bits if corrected else block.sifted_test_bits
        errors = block.key_errors if block.key_errors is not None else block.test_errors
        totals["qkd_sifted_symbols_total"] += sifted
        totals["qkd_sifted_symbol_errors_total"] += errors
        totals["qkd_secret_key_bytes_total"] += block.secret_bits // 8 if block.released else 0
        outcomes["ok" if good else "no_key"] += 1
        for name, value in totals.items():
            recorder.record(name, value, end_s, labels)
        for outcome, value in outcomes.items():
            recorder.record("qkd_blocks_total", value, end_s, {**labels, "outcome": outcome})
        recorder.record("qkd_link_up", float(good), end_s, labels)
        if sifted:
            recorder.record("qkd_qber_ratio", errors / sifted, end_s, labels)


def _series(recorder: Recorder, folder: Path, record: Record, offsets: dict[str, float]) -> None:
    """Rates of detectors as counters, and gauges; files in the order of their tests."""
    import numpy as np

    counted: dict[tuple[str, str], float] = {}
    told: dict[tuple[str, ...], float] = {}
    for entry in sorted(record.series, key=lambda one: offsets.get(one.case, 0.0)):
        labels, at_s = {"bench": record.bench, "link": entry.link}, offsets.get(entry.case, 0.0)
        for name, (times_s, values) in read_series(folder / entry.file).items():
            later = times_s + at_s > told.get((entry.link, name), -1.0)  # a second file of the same time says nothing new
            times, kept = at_s + times_s[later], values[later]
            if not times.size:
                continue
            told[entry.link, name] = float(times[-1])
            if name.endswith(_COUNTS) and times_s.size > 1:
                detector = name.removesuffix(_COUNTS)
                totals = counted.get((entry.link, detector), 0.0) + _counts(float(times_s[1] - times_s[0]), kept)
                counted[entry.link, detector] = float(totals[-1])
                recorder.extend("qkd_detector_counts_total", times, totals, {**labels, "detector": detector})
            elif name in _GAUGES:
                shown = np.where(np.isnan(kept), 0.0, kept) if name == LINK_UP else kept
                recorder.extend(_GAUGES[name], times, shown, labels)


def _counts(gate_s: float, rates_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Clicks so far, of rates in equal gates."""
    import numpy as np

    return np.round(np.cumsum(rates_hz * gate_s)).astype(np.float64)


def _faults(recorder: Recorder, record: Record, offsets: dict[str, float]) -> None:
    turns: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for fault in record.faults:
        at_s = offsets.get(fault.case, 0.0)
        labels = {"bench": record.bench, "link": fault.link, "fault": fault.fault.replace("_", "-"), "target": fault.target}
        turns.setdefault(tuple(labels.items()), []).extend([(at_s + fault.start_s, 1.0), (at_s + fault.end_s, 0.0)])
    for labels_of, moments in turns.items():
        for time_s, value in sorted(moments):
            recorder.record("qkd_fault_active", value, time_s, dict(labels_of))


def _latencies(recorder: Recorder, folder: Path, record: Record, ends: dict[str, float]) -> None:
    """They were measured on the process's clock, so that they stand at the end of their test."""
    found = sorted(_timed(folder, ends), key=lambda one: one[0])
    for time_s, name, link, duration_s in found:
        recorder.record(name, duration_s, time_s, {"bench": record.bench, "link": link})


def _timed(folder: Path, ends: dict[str, float]) -> Iterator[tuple[float, str, str, float]]:
    for file in sorted(folder.glob("events-*.jsonl")):
        for event in read_events(file)[0]:
            name = _LATENCIES.get(str(event.data.get("operation", ""))) if event.kind == "latency" else None
            if name is not None:
                for duration_s in event.data["durations_s"]:
                    yield ends.get(event.case, 0.0), name, str(event.data.get("link", "")), float(duration_s)


def _verdicts(recorder: Recorder, record: Record, end_s: float) -> None:
    """How many of each objective and outcome."""
    counted: dict[tuple[str, str], int] = {}
    for verdict in record.verdicts:
        key = (verdict.indicator, verdict.outcome.value)
        counted[key] = counted.get(key, 0) + 1
    for (indicator, outcome), number in sorted(counted.items()):
        labels = {"bench": record.bench, "slo": indicator, "verdict": outcome}
        recorder.record("qkd_slo_verdict", number, end_s, labels)


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", name.lower())
