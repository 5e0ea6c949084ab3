"""The page on vendor counters speaks of the fields there are, and its examples are judged as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.cli import main
from hil.judge.fields import FIELDS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "vendor-counters.md"


def test_the_table_has_every_field() -> None:
    """In the first column of the section on fields, and no other."""
    section = PAGE.read_text().partition("## Fields")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(FIELDS)


@pytest.mark.parametrize(("form", "code"), [("json", 0), ("csv", 11)])
def test_the_examples_are_judged(tmp_path: Path, form: str, code: int) -> None:
    """That with all counters passes, that without them cannot be confirmed."""
    (example,) = re.findall(rf"^```{form}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    file = tmp_path / f"example.{form}"
    file.write_text(example)
    assert main(["judge", str(file)]) == code
