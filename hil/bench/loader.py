"""Finds a bench file by name or path and turns it into a bench, or into one error that lists all its mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hil.bench.checks import check
from hil.bench.model import Bench
from hil.bench.toml_file import locate, read_toml
from hil.bench.walk import build, walk
from hil.errors import BenchFileError, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load", "shipped"]


def shipped() -> dict[str, Path]:
    """The benches that come with the package, by name."""
    folder = Path(__file__).parent / "shipped"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def load(name_or_path: str | Path, *, simulate: bool = False) -> Bench:
    """The bench of that name (a shipped one) or file; nothing is connected to.

    ``simulate`` is the option ``--hil-simulate``: every device will be its twin, so none needs an address. Raises
    UnknownNameError for a name no shipped bench has, BenchFileError with every mistake of the file at once, and UsageError when
    the file cannot be read.
    """
    path = locate(name_or_path, shipped(), "bench")
    return cast("Bench", build(_checked(path, simulate=simulate)))


def _checked(path: Path, *, simulate: bool) -> Any:
    mistakes: list[Mistake] = []
    raw = read_toml(path, "bench", BenchFileError)
    walked = walk(raw, Bench, "", mistakes)
    mistakes += check(walked, simulate=simulate)
    if mistakes:
        raise BenchFileError(str(path), tuple(_in_file_order(mistakes, raw)))
    return walked


def _in_file_order(mistakes: list[Mistake], raw: Mapping[str, Any]) -> list[Mistake]:
    """Mistakes by the table they stand in, tables as the file has them; those of no table last."""
    tables = [f"{kind}.{name}" for kind, table in raw.items() if isinstance(table, dict) for name in table]
    order = {table: number for number, table in enumerate(tables)}
    return sorted(mistakes, key=lambda mistake: order.get(".".join(mistake.where.split(".")[:2]), len(order)))
