"""Telemetry as OpenMetrics text, with bench time as timestamps: for a scrape, a Pushgateway or a backfill.

Base units (bytes, not bits), ``_total`` for counters, ``_info`` for facts. Series of latencies become histograms with buckets
at the usual limits. Source: OpenMetrics 1.0.0, sections 4 and 5.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hil.telemetry.recorder import Labels, Recorder, Series

__all__ = ["CONTENT_TYPE", "HELP", "exposition", "snapshot"]

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""Of an answer to a scrape."""

HELP = {
    "qkd_auth_rtt_seconds": "Round trip of an authenticated message on the classical channel.",
    "qkd_bench_info": "Bench and firmware of this run.",
    "qkd_blocks_total": "Key blocks by outcome.",
    "qkd_calibration_active": "Whether a declared calibration of the link goes on.",
    "qkd_calibration_last_timestamp_seconds": "When a device last calibrated itself.",
    "qkd_detector_counts_total": "Clicks of a detector.",
    "qkd_detector_dark_counts_total": "Clicks of a detector counted without light.",
    "qkd_detector_temperature_celsius": "Temperature of a receiver's controlled stage.",
    "qkd_entanglement_fidelity_ratio": "Fidelity of distributed pairs, bounded from below.",
    "qkd_fault_active": "Whether a fault is injected.",
    "qkd_fiber_loss_decibels": "Loss of the quantum channel.",
    "qkd_key_ingest_duration_seconds": "From a key made to a key ready in the store.",
    "qkd_key_store_keys": "Keys ready in a key store.",
    "qkd_link_up": "Whether the link makes key.",
    "qkd_qber_ratio": "Quantum bit error rate of the sifted key basis.",
    "qkd_secret_key_bytes_total": "Secret key released.",
    "qkd_sifted_symbol_errors_total": "Errors among the sifted key-basis symbols.",
    "qkd_sifted_symbols_total": "Sifted key-basis symbols.",
    "qkd_slo_verdict": "Verdicts by objective and outcome.",
}
"""What the known names mean; others are written without help."""

_BUCKETS = {
    "qkd_auth_rtt_seconds": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "qkd_key_ingest_duration_seconds": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
}
_UNITS = ("bytes", "celsius", "decibels", "hertz", "ratio", "seconds", "watts")


def exposition(recorder: Recorder, epoch_s: float = 0.0) -> str:
    """Every sample as text, ending in ``# EOF``; ``epoch_s`` is the Unix time at which bench time was zero."""
    return _text(recorder.series(), epoch_s)


def snapshot(recorder: Recorder, time_s: float) -> str:
    """What a scrape would see at a bench time: the last value of each series that has begun, without timestamps."""
    so_far = [_until(one, time_s) for one in recorder.series()]
    return _text([one for one in so_far if one.times_s.size], None)


def _text(series: Iterable[Series], epoch_s: float | None) -> str:
    lines: list[str] = []
    for name, family in groupby(series, key=lambda one: one.name):
        lines.extend(_header(name))
        for one in family:
            lines.extend(_histogram(one, epoch_s) if name in _BUCKETS else _samples(one, epoch_s))
    return "\n".join([*lines, "# EOF", ""])


def _until(one: Series, time_s: float) -> Series:
    """The last sample up to a time; of durations all of them."""
    begun = int((one.times_s <= time_s).sum())
    first = 0 if one.name in _BUCKETS else max(begun - 1, 0)
    return replace(one, times_s=one.times_s[first:begun], values=one.values[first:begun])


def _header(name: str) -> Iterator[str]:
    kind = "histogram" if name in _BUCKETS else "gauge"
    family = name
    for suffix, word in (("_total", "counter"), ("_info", "info")):
        if name.endswith(suffix):
            kind, family = word, name.removesuffix(suffix)
    yield f"# TYPE {family} {kind}"
    unit = family.rpartition("_")[2]
    if unit in _UNITS and kind != "info":
        yield f"# UNIT {family} {unit}"
    if name in HELP:
        yield f"# HELP {family} {HELP[name]}"


def _samples(one: Series, epoch_s: float | None) -> Iterator[str]:
    latest = dict(zip(one.times_s.tolist(), one.values.tolist(), strict=True))  # one sample a moment: the last
    for time_s, value in latest.items():
        yield f"{one.name}{_labels(one.labels)} {_number(value)}{_stamp(epoch_s, time_s)}"


def _histogram(one: Series, epoch_s: float | None) -> Iterator[str]:
    """Buckets of all samples so far, stamped with the last one's time."""
    stamp = _stamp(epoch_s, float(one.times_s[-1]) if one.times_s.size else 0.0)
    for edge in (*_BUCKETS[one.name], math.inf):
        inside = int((one.values <= edge).sum())
        yield f"{one.name}_bucket{_labels((*one.labels, ('le', _number(edge))))} {inside}{stamp}"
    yield f"{one.name}_count{_labels(one.labels)} {one.values.size}{stamp}"
    yield f"{one.name}_sum{_labels(one.labels)} {_number(float(one.values.sum()))}{stamp}"


def _stamp(epoch_s: float | None, time_s: float) -> str:
    return "" if epoch_s is None else f" {_number(epoch_s + time_s)}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
