"""Merges what every worker wrote into one record, in an order that no worker and no clock decides."""

from __future__ import annotations

import hashlib
import math
import os
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hil.errors import UsageError
from hil.record import model
from hil.record.events import STAGE, LatencyEvent, TestEvent, checked, read_events
from hil.record.header import default_versions
from hil.record.outcome import settle
from hil.record.series import describe
from hil.record.timeline import timeline
from hil.verdict import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from hil.record.events import Event
    from hil.record.folder import RunFolder
    from hil.record.header import RunHeader

__all__ = ["finish"]

T = TypeVar("T", bound=msgspec.Struct)
S = TypeVar("S", model.TableEntry, model.PlotEntry)

_RAW_DATA = ("events-*.jsonl", "telemetry/*", "logs/**/*", "tapes/**/*", "gamedays/*")


def finish(folder: RunFolder, header: RunHeader) -> model.Record:
    """Merge all events files, write ``record.json`` in one step, and return the record.

    Events sort by case id, then by their place in their worker's file. A cut line is tolerated and named in ``problems``.
    """
    events, problems = _gather(folder)
    lost = bool(problems)
    tests = _tests(events)
    verdicts = _entries(events, "verdict", model.VerdictEntry)
    faults = _entries(events, "fault", model.FaultEntry)
    blocks = _entries(events, "block", model.BlockEntry)
    notes = _entries(events, "note", model.NoteEntry)
    rules = _distinct((*header.rules, *_entries(events, "rule", model.DeclaredRule)))
    series, unreadable = _series(folder)
    problems += [*unreadable, *_undeclared(verdicts, rules), *header.problems]
    outcome, code = settle(tests, verdicts, broken=lost, process_code=header.exit_code)
    record = model.Record(
        schema_version=model.SCHEMA_VERSION,
        run_id=folder.run_id,
        bench=header.bench,
        bench_hash=header.bench_hash,
        simulated=header.simulated,
        seed=header.seed,
        command=header.command,
        devices=_distinct(_entries(events, "device", model.DeviceEntry)),
        versions=default_versions() | header.versions,
        labels=header.labels,
        started=_utc(header.started),
        finished=_utc(header.finished),
        duration_s=round(header.finished - header.started, 3),
        outcome=outcome,
        exit_code=code,
        verdicts=verdicts,
        tests=tests,
        rules=rules,
        faults=faults,
        blocks=blocks,
        timeline=timeline(faults, blocks, notes),
        notes=_distinct(notes),
        tables=_shown_once(_entries(events, "table", model.TableEntry)),
        plots=_shown_once(_entries(events, "plot", model.PlotEntry)),
        latencies=_latencies(events),
        keys=_entries(events, "key", model.KeyEntry),
        series=series,
        files=_hashes(folder.path),
        problems=tuple(problems),
        gamedays=_entries(events, "gameday", model.GamedayEntry),
    )
    _write(folder.path / "record.json", msgspec.json.format(msgspec.json.encode(record), indent=1))
    return record


def _gather(folder: RunFolder) -> tuple[list[Event], list[str]]:
    found: list[tuple[str, str, int, Event]] = []
    problems: list[str] = []
    for file in folder.events_files():
        events, unread = read_events(file)
        problems += unread
        for place, event in enumerate(events):
            try:
                checked(event.kind, event.data)
            except (TypeError, ValueError) as error:
                problems.append(f"{file.name}: event {event.seq} does not fit this version ({error}); what it said is lost")
            else:
                found.append((event.case, file.name, place, event))
    found.sort(key=lambda item: item[:3])
    return [event for *_, event in found], problems


def _entries(events: list[Event], kind: str, entry: type[T]) -> tuple[T, ...]:
    named = "case" in entry.__struct_fields__
    return tuple(
        msgspec.convert({**event.data, "case": event.case} if named else event.data, entry)
        for event in events
        if event.kind == kind
    )


def _tests(events: list[Event]) -> tuple[model.TestEntry, ...]:
    """One entry per case; a later success never hides an earlier failure."""
    cases: dict[str, list[tuple[Event, TestEvent]]] = {}
    for event in events:
        if event.kind == "test":
            cases.setdefault(event.case, []).append((event, msgspec.convert(event.data, TestEvent)))
    return tuple(_test(case, said) for case, said in cases.items())


def _test(case: str, said: list[tuple[Event, TestEvent]]) -> model.TestEntry:
    phases = [phase for _, phase in said]
    worst = min((phase.outcome for phase in phases), key=lambda outcome: outcome.severity)
    reasons = [phase.reason for phase in phases if phase.outcome is worst and phase.reason]
    reasons += [phase.reason for phase in phases if phase.outcome is not worst and phase.reason]
    return model.TestEntry(
        case=case,
        outcome=worst,
        reason="\n".join(dict.fromkeys(reasons)),
        duration_s=round(sum(phase.duration_s for phase in phases), 6),
        title=next((phase.title for phase in phases if phase.title), case),
        finished=_utc(max(event.wall_s for event, _ in said)),
        wrong_use=worst is Outcome.ERROR and all(phase.wrong_use for phase in phases if phase.outcome is worst),
    )


def _latencies(events: list[Event]) -> tuple[model.LatencyEntry, ...]:
    """One entry for each operation of a test; stages of blocks, which every run times, are one for the whole record."""
    groups: dict[tuple[str, str, str], list[float]] = {}
    for event in events:
        if event.kind == "latency":
            said = msgspec.convert(event.data, LatencyEvent)
            case = "" if said.operation.startswith(STAGE) else event.case
            groups.setdefault((case, said.link, said.operation), []).extend(said.durations_s)
    entries = []
    for (case, link, operation), durations_s in groups.items():
        if took := sorted(durations_s):
            p95_s = took[math.ceil(0.95 * len(took)) - 1]
            entries.append(
                model.LatencyEntry(
                    operation=operation,
                    n=len(took),
                    median_s=median(took),
                    p95_s=p95_s,
                    max_s=took[-1],
                    link=link,
                    case=case,
                )
            )
    return tuple(entries)


def _series(folder: RunFolder) -> tuple[tuple[model.SeriesEntry, ...], list[str]]:
    entries: list[model.SeriesEntry] = []
    problems: list[str] = []
    for path in sorted(folder.telemetry.glob("*.npz")):
        try:
            entries.append(describe(path, folder.path))
        except UsageError as error:
            problems.append(str(error).replace(f"{folder.path}{os.sep}", ""))
    return tuple(sorted(entries, key=lambda entry: (entry.case, entry.link, entry.file))), problems


def _undeclared(verdicts: tuple[model.VerdictEntry, ...], rules: tuple[model.DeclaredRule, ...]) -> list[str]:
    """Verdicts of an indicator whose rule was declared, but another one than was applied."""
    declared: dict[str, set[str]] = {}
    for rule in rules:
        declared.setdefault(rule.indicator, set()).add(rule.rule)
    wrong = {
        f"verdict {verdict.indicator}: decided by a rule that was not declared ({verdict.rule})"
        for verdict in verdicts
        if verdict.indicator in declared and verdict.rule and verdict.rule not in declared[verdict.indicator]
    }
    return sorted(wrong)


def _distinct(entries: tuple[T, ...]) -> tuple[T, ...]:
    """Every worker says some things; once is enough."""
    seen: dict[Any, T] = {}
    for entry in entries:
        seen.setdefault(msgspec.json.encode(entry), entry)
    return tuple(seen.values())


def _shown_once(entries: tuple[S, ...]) -> tuple[S, ...]:
    """What several tests show alike (all of a recording show its matrix) stays with the first of them."""
    seen: dict[Any, S] = {}
    for entry in entries:
        seen.setdefault(msgspec.json.encode(msgspec.structs.replace(entry, case="")), entry)
    return tuple(seen.values())


def _hashes(run: Path) -> tuple[model.FileEntry, ...]:
    files = sorted({path for pattern in _RAW_DATA for path in run.glob(pattern) if path.is_file()})
    entries = []
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        entries.append(model.FileEntry(path=path.relative_to(run).as_posix(), size_bytes=path.stat().st_size, sha256=digest))
    return tuple(entries)


def _utc(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(path: Path, content: bytes) -> None:
    """All of the file or none of it, whatever happens on the way."""
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        with half.open("wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
