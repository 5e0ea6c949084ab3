"""JUnit XML for CI systems, made from the record; written as ``junit.xml``.

JUnit knows failure, error and skipped only. FAIL is a ``failure``; ERROR is an ``error`` of type ``error``; INCONCLUSIVE is
an ``error`` of type ``inconclusive``, because a skip would turn a run green that decided nothing. Verdicts have a suite of
their own; one that is no gate and not PASS is ``skipped`` there, with its reason, since it does not decide the run. So a
CI system shows red exactly when the run's outcome is not PASS.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from hil.ports.spec import ReporterSpec
from hil.record.reader import read_record
from hil.verdict import Outcome

from ._numbers import quantity, spread
from ._words import (
    clean,
    headline,
    kind_of_bench,
    looked,
    observed,
    ordered,
    outcome_word,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hil.record.model import Record, TestEntry, VerdictEntry

__all__ = ["SPEC"]


def _write(run: Path) -> Path:
    path = run / "junit.xml"
    tree = ET.ElementTree(_document(read_record(run)))
    ET.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)
    return path


def _document(record: Record) -> ET.Element:
    tests = _suite(record, f"{record.bench} tests")
    for test in record.tests:
        _add_test(tests, test, [verdict for verdict in record.verdicts if verdict.case == test.case])
    verdicts = _suite(record, f"{record.bench} verdicts")
    for verdict in ordered(record):
        _add_verdict(verdicts, verdict)
    if record.outcome is not Outcome.PASS and not _red(tests) and not _red(verdicts):
        run = ET.SubElement(verdicts, "testcase", classname="run", name="outcome", time="0")
        _settle(run, record.outcome, "\n".join([headline(record), *record.problems]))
    root = ET.Element("testsuites", name=clean(f"hil {record.bench} {record.run_id}"))
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in (tests, verdicts):
        counts = _counts(suite)
        suite.attrib |= {name: str(number) for name, number in counts.items()}
        totals = {name: totals[name] + number for name, number in counts.items()}
        root.append(suite)
    root.attrib |= {name: str(number) for name, number in totals.items()} | {"time": f"{record.duration_s:.3f}"}
    return root


def _suite(record: Record, name: str) -> ET.Element:
    suite = ET.Element("testsuite", name=clean(name), timestamp=record.started.removesuffix("Z").partition(".")[0])
    properties = {
        "bench": record.bench,
        "bench.kind": kind_of_bench(record),
        "bench.hash": record.bench_hash,
        "run.id": record.run_id,
        "run.outcome": record.outcome.value,
        "run.exit_code": str(record.exit_code),
        "seed": str(record.seed),
        "schema_version": str(record.schema_version),
    }
    properties |= {f"version.{name}": version for name, version in record.versions.items()}
    properties |= {f"firmware.{device.name}": device.firmware for device in record.devices if device.firmware}
    properties |= {f"label.{name}": value for name, value in record.labels.items()}
    parent = ET.SubElement(suite, "properties")
    for key, value in properties.items():
        ET.SubElement(parent, "property", name=clean(key), value=clean(value))
    return suite


def _add_test(suite: ET.Element, test: TestEntry, verdicts: list[VerdictEntry]) -> None:
    classname, _, name = test.case.rpartition("::")
    case = ET.SubElement(
        suite, "testcase", classname=clean(classname) or "tests", name=clean(name), time=f"{test.duration_s:.3f}"
    )
    _settle(case, test.outcome, test.reason, outcome_word(test))
    if verdicts:
        ET.SubElement(case, "system-out").text = clean("\n".join(_sentence(verdict) for verdict in verdicts))


def _add_verdict(suite: ET.Element, verdict: VerdictEntry) -> None:
    name = f"{verdict.subject} in {verdict.case}" if verdict.case else verdict.subject
    case = ET.SubElement(suite, "testcase", classname=clean(f"verdict.{verdict.indicator}"), name=clean(name), time="0")
    if verdict.gate or verdict.outcome is Outcome.PASS:
        _settle(case, verdict.outcome, verdict.reason)
    else:
        _settle(case, Outcome.SKIPPED, f"not a gate of this run; {verdict.outcome.value}: {verdict.reason}")
    ET.SubElement(case, "system-out").text = clean(_sentence(verdict))


def _settle(case: ET.Element, outcome: Outcome, reason: str, said: str = "") -> None:
    text = clean(reason or outcome.meaning)
    message = text.partition("\n")[0]
    match outcome:
        case Outcome.PASS:
            return
        case Outcome.SKIPPED:
            ET.SubElement(case, "skipped", message=text)
        case Outcome.FAIL:
            ET.SubElement(case, "failure", message=message, type="fail").text = text
        case _:
            ET.SubElement(
                case, "error", message=f"{said or outcome.value}: {message}", type=(said or outcome.value).lower()
            ).text = text


def _sentence(verdict: VerdictEntry) -> str:
    estimate, interval = spread(verdict.estimate, verdict.low, verdict.high, verdict.unit)
    numbers = f"{estimate} ({interval}), n {observed(verdict)}" if interval else f"{estimate}, n {observed(verdict)}"
    if said := looked(verdict):
        numbers = f"{numbers}, {said}"
    limit = f"limit {quantity(verdict.limit, verdict.unit, digits=4)} ({verdict.limit_source or 'source not said'})"
    rule = f"rule: {verdict.rule or 'not said'}"
    return f"{verdict.outcome.value} {verdict.indicator} of {verdict.subject}: {numbers}; {limit}; {rule}. {verdict.reason}"


def _counts(suite: ET.Element) -> dict[str, int]:
    return {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }


def _red(suite: ET.Element) -> bool:
    counts = _counts(suite)
    return bool(counts["failures"] or counts["errors"])


SPEC = ReporterSpec(name="junit", title="JUnit XML for CI systems", write=_write)
