"""The verdict table of a terminal: fits its width, cuts names only, obeys no control character."""

from __future__ import annotations

import re

import pytest

from hil.record.reader import read_record
from hil.reports.terminal import SPEC, render

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [80, 100, 119, 120, 140, 200])
@pytest.mark.parametrize("which", ["sample", "hostile"])
def test_no_line_is_wider_than_the_terminal(which, width, request):
    lines = render(read_record(request.getfixturevalue(which)), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [80, 140])
def test_numbers_outcomes_and_reasons_are_whole(sample, width):
    """Whatever does not fit is a name, cut with an ellipsis; reasons wrap."""
    text = render(read_record(sample), width=width)
    for said in ("505.0 kbit/s", "503.0 to 507.0", "8,900,000", "412 kbit/s", "20.04 kcps", "19.90 to 20.18", "99.9 %"):
        assert said in text
    record = read_record(sample)
    flat = " ".join(text.split())
    for verdict in record.verdicts:
        if verdict.outcome.value != "PASS":
            assert verdict.reason in flat
        assert f"{verdict.outcome.value}{'' if verdict.gate else '*'}" in text
        assert verdict.rule in flat
    assert "KME north did not answer within 5 s" in flat
    assert "is cut short" in flat
    assert flat.endswith("bench: metro-25km (simulated), seed 7, 1 min 2 s")


def test_wide_tables_name_the_test(sample):
    assert "test_it_makes_key[metro]" in render(read_record(sample), width=140)
    assert "test_it_makes_key[metro]" not in render(read_record(sample), width=80)


def test_a_long_name_is_cut_and_nothing_else(write_run):
    said = {
        "indicator": "x" * 90,
        "subject": "y" * 90,
        "outcome": "PASS",
        "reason": "fine",
        "estimate": 1.25,
        "low": 1.2,
        "high": 1.3,
    }
    text = render(read_record(write_run(("verdict", "c::" + "z" * 90, said | {"unit": "s", "n": 3, "limit": 2.0}))), width=120)
    row = next(line for line in text.splitlines() if "x" * 7 in line)
    assert row.count("…") == 3
    assert all(whole in row for whole in ("1.25 s", "1.20 to 1.30", " 3 ", "2 s"))


def test_colour_only_when_asked_for(sample):
    record = read_record(sample)
    plain = render(record, width=100)
    assert "\x1b" not in plain
    bare = ANSI.sub("", render(record, width=100, color=True))
    assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()
    assert "\x1b[1;31mFAIL" in render(record, width=100, color=True)


def test_hostile_text_commands_nothing(hostile):
    """No escape sequence, no bell, no markup; the file is the wide table."""
    text = render(read_record(hostile), width=140)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
    assert "<script>alert('x')</script>" in text
    assert SPEC.write(hostile).read_text(encoding="utf-8") == text


def test_a_run_without_verdicts(write_run):
    text = render(read_record(write_run(("test", "c::t", {"outcome": "SKIPPED", "reason": "no switch"}))))
    assert "1 test: no switch" in text
    assert "INCONCLUSIVE  Nothing was decided" in text
    assert "gates: none" in text


def test_recorded_tables_are_shown_with_their_sentences(write_run):
    """A matrix with its axes, cells aligned under their column, and below it what it cannot support."""
    matrix = {
        "title": "coincidence matrix",
        "columns": ["Bob 0", "Bob 1"],
        "rows": [[1279, 1], [None, 341]],
        "row_names": ["Alice 0", "Alice 1"],
        "row_title": "Alice's channel",
        "column_title": "Bob's channel",
        "sentences": ["It supports no claim of a secret key."],
    }
    lines = render(read_record(write_run(("table", "c::t", matrix)))).splitlines()
    assert "coincidence matrix (Alice's channel down, Bob's channel across)" in lines
    head, first, second = (
        next(line for line in lines if line.strip().startswith(word)) for word in ("Bob 0", "Alice 0", "Alice 1")
    )
    assert first.split()[2:] == ["1,279", "1"]
    assert second.split()[2:] == ["–", "341"]
    assert head.index("Bob 1") + len("Bob 1") == len(first) == len(second)
    assert any("no claim of a secret key" in line for line in lines)
