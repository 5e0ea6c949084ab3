"""JUnit XML: counts that add up, the right word for each outcome, red exactly when the run did not pass."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from hil.record.reader import read_record
from hil.reports.junit import SPEC

COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def parse(run):
    return ET.fromstring(SPEC.write(run).read_bytes())


@pytest.mark.parametrize("which", ["sample", "hostile"])
def test_it_has_the_shape_ci_systems_read(which, request):
    """As in the schema of Jenkins' xunit plugin: suites of cases, each case with at most one result, totals that add up."""
    root = parse(request.getfixturevalue(which))
    assert root.tag == "testsuites"
    suites = root.findall("testsuite")
    assert [child.tag for child in root] == ["testsuite"] * 2
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests")) == len(cases)
        for total, tag in COUNTED.items():
            assert int(suite.get(total)) == sum(case.find(tag) is not None for case in cases)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
        for case in cases:
            assert {"name", "classname", "time"} == set(case.attrib)
            assert float(case.get("time")) >= 0
            assert sum(child.tag in COUNTED.values() for child in case) <= 1
            assert {child.tag for child in case} <= {*COUNTED.values(), "system-out"}
    for total in ("tests", *COUNTED):
        assert int(root.get(total)) == sum(int(suite.get(total)) for suite in suites)


def test_each_outcome_has_its_word(sample):
    root = parse(sample)
    tests, verdicts = root.findall("testsuite")
    by_name = {case.get("name"): case for case in tests.findall("testcase")}
    assert by_name["test_dark_counts[metro]"].find("failure").get("type") == "fail"
    broken = by_name["test_a_strange_key_id_is_refused"].find("error")
    assert (broken.get("type"), broken.get("message")) == ("error", "ERROR: KME north did not answer within 5 s")
    assert broken.text.endswith("is it running? see hil doctor")
    assert by_name["test_fidelity[metro]"].find("skipped").get("message").startswith("a prepare-and-measure link")
    assert by_name["test_it_makes_key[metro]"].get("classname") == "conformance.test_link"
    assert "PASS qber of metro: 1.300 % (1.294 to 1.306), n 8,900,000; limit 2 % (bench)" in by_name[
        "test_it_makes_key[metro]"
    ].find("system-out").text  # fmt: skip
    about = {(case.get("classname"), case.get("name").partition(" in ")[0]): case for case in verdicts.findall("testcase")}
    assert about["verdict.dark_counts", "x1"].find("failure") is not None
    assert about["verdict.dark_counts", "z0"].find("error").get("type") == "inconclusive"
    assert (
        about["verdict.link_availability", "metro"].find("skipped").get("message").startswith("not a gate of this run; INCONC")
    )


def test_properties_identify_the_run(sample):
    record = read_record(sample)
    found = {item.get("name"): item.get("value") for item in parse(sample).find("testsuite/properties")}
    assert found["bench"] == "metro-25km"
    assert found["bench.kind"] == "simulated"
    assert found["run.outcome"] == "FAIL"
    assert found["seed"] == "7"
    assert found["run.id"] == record.run_id
    assert found["firmware.alice"] == "2.4.1"


@pytest.mark.parametrize(
    ("events", "problems"),
    [
        ([], True),
        ([("test", "c::t", {"outcome": "SKIPPED", "reason": "no switch"})], True),
        ([("test", "c::t", {"outcome": "PASS"})], False),
        ([("verdict", "c::t", {"indicator": "q", "subject": "s", "outcome": "PASS", "reason": "", "gate": False})], True),
        ([("test", "c::t", {"outcome": "INCONCLUSIVE"})], True),
    ],
)
def test_red_exactly_when_the_run_did_not_pass(write_run, events, problems):
    """Also a run that decided nothing, in which no test is red."""
    root = parse(write_run(*events))
    assert (int(root.get("failures")) + int(root.get("errors")) > 0) == problems


def test_an_interrupted_run_is_red(write_run):
    root = parse(write_run(("test", "c::t", {"outcome": "PASS"}), exit_code=2))
    (case,) = root.findall("testsuite/testcase[error]")
    assert case.get("classname") == "run"
    assert "ended early" in case.find("error").text


def test_hostile_text_stays_text(hostile, attack):
    """It parses, nothing in it is an element of its own, and XML's forbidden characters are gone."""
    root = parse(hostile)
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped", "system-out"),
    }
    shown = attack.replace("\x1b", "\ufffd").replace("\x07", "\ufffd")
    assert root.find("testsuite/testcase/failure").text == shown
