"""Telemetry of a run as OpenMetrics text with timestamps, written as ``openmetrics.txt``: for a backfill into Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.ports.spec import ReporterSpec
from hil.record.axis import begun_s
from hil.record.reader import read_record
from hil.telemetry.of_record import telemetry_of
from hil.telemetry.openmetrics import exposition

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SPEC"]


def _write(run: Path) -> Path:
    record = read_record(run)
    path = run / "openmetrics.txt"
    path.write_text(exposition(telemetry_of(run, record), begun_s(record)), encoding="utf-8")
    return path


SPEC = ReporterSpec(name="openmetrics", title="OpenMetrics text with timestamps, for Prometheus", write=_write)
