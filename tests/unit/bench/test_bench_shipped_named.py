"""Every shipped bench is named where people look for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench import shipped
from hil.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "benches.md"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_page_has_a_row_for_every_bench(name: str) -> None:
    assert f"| `{name}` |" in PAGE.read_text(encoding="utf-8")


def test_the_command_lists_every_bench(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "benches"])
    printed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert set(shipped()) <= printed
