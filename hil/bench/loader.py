"""Finds a bench file by name or path and turns it into a bench, or into one error that lists all its mistakes."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hil.bench.checks import check
from hil.bench.model import Bench
from hil.bench.walk import build, walk
from hil.errors import BenchFileError, Mistake, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load", "shipped"]

_AT_LINE = re.compile(r"(?P<what>.*) \(at (?P<where>line \d+, column \d+|end of document)\)", re.DOTALL)


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
    path = _locate(name_or_path)
    return cast("Bench", build(_checked(path, simulate=simulate)))


def _checked(path: Path, *, simulate: bool) -> Any:
    mistakes: list[Mistake] = []
    raw = _read(path)
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


def _locate(name_or_path: str | Path) -> Path:
    known = shipped()
    if isinstance(name_or_path, str) and name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix == ".toml" or len(path.parts) > 1 or path.exists():
        return path
    close = difflib.get_close_matches(str(name_or_path), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(known)
    raise UnknownNameError(f"no bench named {str(name_or_path)!r}; {hint}shipped: {listed}; or give the path of a bench file")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        mistake = Mistake(f"byte {error.start}", f"0x{error.object[error.start]:02x}", "UTF-8 text")
        raise BenchFileError(str(path), (mistake,)) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot read the bench file ({error.strerror}); expected a readable TOML file") from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise BenchFileError(str(path), (_syntax_mistake(str(error), text.splitlines()),)) from None


def _syntax_mistake(message: str, lines: list[str]) -> Mistake:
    match = _AT_LINE.fullmatch(message)
    what, where = (match["what"], match["where"]) if match else (message, "file")
    number = int(where.split()[1].rstrip(",")) if where.startswith("line") else len(lines)
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return Mistake(where, repr(line), f"valid TOML ({what[:1].lower()}{what[1:]})")
