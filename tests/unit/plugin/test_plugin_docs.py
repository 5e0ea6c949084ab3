"""The reference pages name all there is, and nothing else."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil import cli, plugin
from hil.plugin import hookspecs

if TYPE_CHECKING:
    import pytest

PAGES = Path(__file__).parents[3] / "docs" / "reference"


def first_column(page: str, heading: str) -> set[str]:
    """The code words in the first column of the tables under a heading."""
    section = re.split(r"^## ", (PAGES / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([-\w]+)", row)}


def test_fixtures() -> None:
    """Every public fixture has its line."""
    modules = [import_module(f"hil.fixtures.{name}") for name in plugin.FIXTURES]
    public = {name for module in modules for name in module.__all__ if not name.startswith("_") and name.islower()}
    assert first_column("plugin.md", "Fixtures") == public


def test_options(pytestconfig: pytest.Config) -> None:
    """Every option, with the same word as ini key and environment variable."""
    options: set[Any] = {f"--{name.replace('_', '-')}" for name in vars(pytestconfig.option) if name.startswith("hil_")}
    assert first_column("plugin.md", "Options") == options
    text = (PAGES / "plugin.md").read_text(encoding="utf-8")
    for option in options:
        word = option.removeprefix("--").replace("-", "_")
        assert f"`{word}` | `{word.upper()}`" in text


def test_markers() -> None:
    """Every marker pytest is told of."""
    assert first_column("plugin.md", "Markers") == {marker.partition("(")[0] for marker in plugin.MARKERS}


def test_hooks() -> None:
    """Every hook."""
    assert first_column("plugin.md", "Hooks") == set(hookspecs.__all__)


def test_commands() -> None:
    """Every command of hil."""
    text = (PAGES / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `hil (\w+)", text, flags=re.MULTILINE)) == set(cli.COMMANDS)
