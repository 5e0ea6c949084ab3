"""The comment of a pull request: whole in 60,000 characters, and no text of a device is markup in it."""

from __future__ import annotations

import re

from hil.record.reader import read_record
from hil.reports.markdown import LONGEST, SPEC, text


def tables(markdown):
    """Every table row as its cells; a pipe that is escaped divides nothing."""
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in markdown.splitlines() if line.startswith("|")]


def test_headline_table_and_reasons(sample):
    said = SPEC.write(sample).read_text(encoding="utf-8")
    assert said.startswith("## ❌ FAIL: metro-25km (simulated)\n\n1 of 8 gates missed: dark count rate of x1.")
    rows = tables(said)
    assert {len(row) for row in rows} == {8}
    assert len(rows) == 2 + 9
    assert [cell.strip() for cell in rows[2]] == [
        *("❌ FAIL", "dark\\_counts", "x1", "20.04 kcps", "19.90 to 20.18", "40,082", "100 cps", "3"),
    ]
    assert "- **FAIL** dark\\_counts of x1: dark counts 20,041 cps" in said
    assert "- **ERROR** conformance.test\\_delivery::test\\_a\\_strange\\_key\\_id\\_is\\_refused: KME north" in said
    assert said.count("dark counts 20,041 cps") == 1  # the failed test only repeats its verdict
    assert said.count("<details>") == said.count("</details>") == 4


def test_hostile_text_is_no_markup(hostile, attack):
    """No tag, code, mention, table cell or control character comes out of what was said."""
    said = text(read_record(hostile))
    assert not re.search(r"<(?!/?(details|summary)>)", said)
    assert not re.search(r"(?<!\\)`", said)
    assert "@someone" not in said
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", said)
    assert {len(row) for row in tables(said)} == {8}
    assert "&lt;script&gt;alert" in said


def test_it_never_outgrows_a_comment(write_run):
    """Thousands of verdicts and reasons: what is cut off is counted, and it passed."""
    events = []
    for number in range(3_000):
        outcome = "FAIL" if number % 1_000 == 0 else "PASS"
        verdict = {
            "indicator": "qber",
            "subject": f"link-{number}",
            "outcome": outcome,
            "reason": "<&|" * 400,
            "rule": f"rule {number}",
        }
        events += [
            ("verdict", f"c::t{number}", verdict),
            ("test", f"c::t{number}", {"outcome": outcome, "reason": "@" * 2_000}),
        ]
    said = text(read_record(write_run(*events)))
    assert len(said) < LONGEST
    rows = tables(said)
    assert {len(row) for row in rows} == {8}
    assert sum("FAIL" in row[0] for row in rows) == 3
    shown = len(rows) - 3
    assert f"{3_000 - shown:,} more verdicts in the HTML report" in said


def test_a_run_without_verdicts(write_run):
    said = text(read_record(write_run()))
    assert "No verdict was reached." in said
    assert "tests: none" in said
