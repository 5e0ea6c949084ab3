"""Allure results made from the record: what its reader expects of each file."""

from __future__ import annotations

import json
import re

import pytest

from hil.record.reader import read_record
from hil.reports.allure import SPEC

STATUSES = {"passed", "failed", "broken", "skipped", "unknown"}  # of allure2-model's TestResult


def results(run):
    folder = SPEC.write(run)
    return folder, {
        result["fullName"]: result
        for result in (json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*-result.json"))
    }


def labels(result):
    found: dict[str, list[str]] = {}
    for label in result["labels"]:
        found.setdefault(label["name"], []).append(label["value"])
    return found


@pytest.mark.parametrize("which", ["sample", "hostile"])
def test_every_result_is_complete(which, request):
    """One per test and one for the run; ids are unique, times in order, every attachment is there."""
    run = request.getfixturevalue(which)
    folder, found = results(run)
    record = read_record(run)
    assert len(found) == len(record.tests) + 1
    assert len({result["uuid"] for result in found.values()}) == len(found)
    assert len({result["historyId"] for result in found.values()}) == len(found)
    for result in found.values():
        assert result["status"] in STATUSES
        assert result["stage"] == "finished"
        assert result["start"] <= result["stop"]
        for step in result.get("steps", ()):
            assert step["status"] in STATUSES
            assert result["start"] <= step["start"] <= step["stop"] <= result["stop"]
        for attachment in result.get("attachments", ()):
            assert (folder / attachment["source"]).stat().st_size > 0


def test_statuses_and_words(sample):
    _, found = results(sample)
    by_name = {name.rpartition("::")[2]: result for name, result in found.items()}
    assert by_name["test_it_makes_key[metro]"]["status"] == "passed"
    assert by_name["test_dark_counts[metro]"]["status"] == "failed"
    assert by_name["test_fidelity[metro]"]["status"] == "skipped"
    assert by_name["test_a_strange_key_id_is_refused"]["status"] == "broken"
    run = found["run"]
    assert run["status"] == "failed"
    assert "1 of 8 gates missed" in run["statusDetails"]["message"]
    steps = by_name["test_dark_counts[metro]"]["steps"]
    assert [step["status"] for step in steps] == ["failed", "broken"]
    assert by_name["test_availability[metro]"]["steps"][0]["status"] == "passed"  # not a gate: it decides nothing
    assert labels(by_name["test_it_makes_key[metro]"])["suite"] == ["conformance.test_link"]
    assert {"name": "limit", "value": "2 %"} in by_name["test_it_makes_key[metro]"]["steps"][2]["parameters"]


def test_inconclusive_is_broken_with_a_tag_and_a_category(write_run):
    """A skip would leave the success rate untouched; the category's pattern finds the message."""
    folder, found = results(write_run(("test", "c::t", {"outcome": "INCONCLUSIVE", "reason": "192 counts\nmore"})))
    result = found["c::t"]
    assert result["status"] == "broken"
    assert "INCONCLUSIVE" in labels(result)["tag"]
    categories = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    fitting = [
        category["name"]
        for category in categories
        if result["status"] in category["matchedStatuses"]
        and re.fullmatch(category.get("messageRegex", "(?s).*"), result["statusDetails"]["message"])
    ]
    assert fitting == ["Inconclusive: too little data"]


def test_the_same_test_keeps_its_history_over_runs(write_run):
    """And another bench's is another."""
    event = ("test", "c::t", {"outcome": "PASS"})
    first, second, other = (results(write_run(event, bench=bench))[1]["c::t"] for bench in ("b", "b", "other"))
    assert first["historyId"] == second["historyId"] != other["historyId"]
    assert first["uuid"] != second["uuid"]
    assert first["testCaseId"] == other["testCaseId"]


def test_results_are_replaced_not_added_to(sample):
    """Their files are named at random, so their number tells."""
    before = len(list(SPEC.write(sample).iterdir()))
    assert len(list(SPEC.write(sample).iterdir())) == before


def test_the_environment_is_a_properties_file(sample, hostile):
    """Lines of key=value in ASCII, where a separator inside a key is escaped (java.util.Properties)."""
    text = (SPEC.write(sample) / "environment.properties").read_bytes().decode("ascii")
    assert "bench=metro-25km (simulated)\n" in text
    assert "firmware.alice=2.4.1\n" in text
    for line in (SPEC.write(hostile) / "environment.properties").read_bytes().decode("ascii").splitlines():
        assert re.fullmatch(r"(\\.|[^\\ :=#!])+=(\\.|[^\\])*", line), line


def test_hostile_text_is_escaped_in_its_html(hostile):
    folder, found = results(hostile)
    pages = [path.read_text(encoding="utf-8") for path in folder.glob("*-attachment.html")]
    pages += [result["descriptionHtml"] for result in found.values() if result.get("descriptionHtml")]
    assert len(pages) == 4
    for page in pages:
        assert set(re.findall(r"</?(\w+)", page)) == {"table", "tr", "th", "td"}
        assert "&lt;script&gt;" in page
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
