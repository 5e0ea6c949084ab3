"""Allure results made again from the record; written as the folder ``allure-rebuilt``, for ``allure generate`` to read.

Allure has no status for INCONCLUSIVE. It is ``broken`` here, with the word first in its message, a tag and a category of
its own, because a skip would leave the success rate untouched and turn a gate green on nothing decided. One result more than
there are tests stands for the run itself: its status is the run's outcome, and it carries the verdict table and the record.
"""

from __future__ import annotations

import hashlib
import html
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from hil.ports.spec import ReporterSpec
from hil.record.reader import read_record
from hil.verdict import Outcome

from ._numbers import quantity, spread
from ._words import (
    case_name,
    clean,
    headline,
    kind_of_bench,
    looked,
    observed,
    ordered,
    outcome_word,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hil.record.model import Record, TestEntry, VerdictEntry

__all__ = ["SPEC"]

_STATUSES = {
    Outcome.FAIL: "failed",
    Outcome.ERROR: "broken",
    Outcome.INCONCLUSIVE: "broken",
    Outcome.SKIPPED: "skipped",
    Outcome.PASS: "passed",
}
_TYPES = {"html": "text/html", "json": "application/json"}
_CATEGORIES = (
    {"name": "The device missed its limit", "matchedStatuses": ["failed"]},
    {"name": "Inconclusive: too little data", "matchedStatuses": ["broken"], "messageRegex": "(?s)^INCONCLUSIVE.*"},
    {"name": "The bench or the framework broke", "matchedStatuses": ["broken"], "messageRegex": "(?s)^ERROR.*"},
    {"name": "Not measured", "matchedStatuses": ["skipped"]},
)


def _write(run: Path) -> Path:
    from allure_commons.logger import AllureFileLogger

    record = read_record(run)
    folder = run / "allure-rebuilt"
    logger: Any = AllureFileLogger(str(folder), clean=True)  # type: ignore[no-untyped-call]
    logger.report_result(_run_result(record, logger, run))
    for test in record.tests:
        verdicts = [verdict for verdict in ordered(record) if verdict.case == test.case]
        logger.report_result(_test_result(record, test, verdicts, logger))
    (folder / "environment.properties").write_text(_environment(record), encoding="latin-1")
    (folder / "categories.json").write_text(json.dumps(_CATEGORIES, indent=1), encoding="utf-8")
    return folder


def _run_result(record: Record, logger: Any, run: Path) -> Any:
    result = _result(record, "run", "Outcome of the run", record.outcome, "\n".join([headline(record), *record.problems]))
    result.start, result.stop = _milliseconds(record.started), _milliseconds(record.finished)
    result.descriptionHtml = _html_table(ordered(record))
    result.attachments = [
        _attach(logger, record, "run", "verdicts.html", _html_table(ordered(record))),
        _attach(logger, record, "run", "record.json", (run / "record.json").read_bytes()),
    ]
    return result


def _test_result(record: Record, test: TestEntry, verdicts: Sequence[VerdictEntry], logger: Any) -> Any:
    from allure_commons.model2 import Parameter, Status, StatusDetails, TestStepResult

    result = _result(record, test.case, case_name(test.case), test.outcome, test.reason)
    if test.wrong_use:
        result.statusDetails.message = clean(f"{outcome_word(test)}: {test.reason}")
    result.stop = _milliseconds(test.finished or record.finished)
    result.start = result.stop - round(1000 * test.duration_s)
    seed = Parameter(name="hil seed", value=str(record.seed), excluded=True)
    result.parameters = [Parameter(name="bench", value=record.bench), seed]
    for verdict in verdicts:
        step = TestStepResult(name=clean(f"{verdict.outcome.value} {verdict.indicator} of {verdict.subject}: {verdict.reason}"))
        step.status = _STATUSES[verdict.outcome] if verdict.gate else Status.PASSED
        step.statusDetails = StatusDetails(message=clean(verdict.reason))
        step.parameters = [Parameter(name=name, value=value) for name, value in _numbers(verdict).items()]
        step.start, step.stop = result.start, result.stop
        result.steps.append(step)
    if verdicts:
        result.descriptionHtml = _html_table(verdicts)
        result.attachments = [_attach(logger, record, test.case, "verdicts.html", _html_table(verdicts))]
    return result


def _result(record: Record, case: str, name: str, outcome: Outcome, reason: str) -> Any:
    from allure_commons.model2 import Label, StatusDetails, TestResult

    module = case.rpartition("::")[0] or "run"
    labels = {
        "parentSuite": record.bench,
        "suite": module.partition("::")[0],
        "feature": module.partition("::")[0],
        "framework": "qkd-hil",
        "language": "python",
        "bench": record.bench,
        "outcome": outcome.value,
    }
    result = TestResult(uuid=str(uuid5(NAMESPACE_URL, f"{record.run_id}/{case}")), name=clean(name), fullName=clean(case))
    result.historyId = hashlib.sha256(f"{record.bench}/{case}".encode()).hexdigest()[:32]
    result.testCaseId = hashlib.sha256(case.encode()).hexdigest()[:32]
    result.status = _STATUSES[outcome]
    result.stage = "finished"
    if outcome is not Outcome.PASS:
        result.statusDetails = StatusDetails(message=clean(f"{outcome.value}: {reason or outcome.meaning}"))
    tags = [kind_of_bench(record), *([outcome.value] if outcome is Outcome.INCONCLUSIVE else [])]
    result.labels = [Label(name=key, value=value) for key, value in labels.items()]
    result.labels += [Label(name="tag", value=tag) for tag in tags]
    return result


def _numbers(verdict: VerdictEntry) -> dict[str, str]:
    estimate, interval = spread(verdict.estimate, verdict.low, verdict.high, verdict.unit)
    return {
        "estimate": estimate,
        "interval": interval or "–",
        "n": "; ".join(part for part in (observed(verdict), looked(verdict)) if part),
        "limit": quantity(verdict.limit, verdict.unit, digits=4),
        "rule": clean(verdict.rule or "–"),
        "gate": "yes" if verdict.gate else "no",
    }


def _html_table(verdicts: Sequence[VerdictEntry]) -> str:
    head = ("outcome", "SLO", "subject", "estimate", "interval", "n", "limit", "rule", "gate")
    rows = [(verdict.outcome.value, verdict.indicator, verdict.subject, *_numbers(verdict).values()) for verdict in verdicts]
    cells = ["".join(f"<td>{html.escape(clean(cell))}</td>" for cell in row) for row in rows]
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _attach(logger: Any, record: Record, case: str, name: str, body: str | bytes) -> Any:
    from allure_commons.model2 import Attachment

    ending = name.rpartition(".")[2]
    source = f"{uuid5(NAMESPACE_URL, f'{record.run_id}/{case}/{name}')}-attachment.{ending}"
    logger.report_attached_data(body, source)
    return Attachment(name=name, source=source, type=_TYPES[ending])


def _environment(record: Record) -> str:
    """A Java properties file: Latin-1, everything else escaped."""
    values = {
        "bench": f"{record.bench} ({kind_of_bench(record)})",
        "bench.hash": record.bench_hash,
        "seed": str(record.seed),
        "run": record.run_id,
        "outcome": record.outcome.value,
    }
    values |= {f"firmware.{device.name}": device.firmware for device in record.devices if device.firmware}
    values |= record.versions | record.labels
    return "".join(f"{_property(name, key=True)}={_property(value)}\n" for name, value in values.items() if value)


def _property(text: str, *, key: bool = False) -> str:
    escaped = clean(text).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    if key:
        for letter in " :=#!":
            escaped = escaped.replace(letter, f"\\{letter}")
    pieces = escaped.encode("utf-16-be")
    units = [int.from_bytes(pieces[at : at + 2], "big") for at in range(0, len(pieces), 2)]
    return "".join(chr(unit) if 0x20 <= unit < 0x7F else f"\\u{unit:04x}" for unit in units)


def _milliseconds(iso: str) -> int:
    return round(1000 * datetime.fromisoformat(iso).timestamp())


SPEC = ReporterSpec(name="allure", title="Allure results, rebuilt from the record", write=_write)
