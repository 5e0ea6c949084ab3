"""Reads a file of exported counters, JSON or CSV, into blocks, or into one error that lists all its mistakes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.bench.wording import nearest, show
from hil.errors import CountersFileError, Mistake, UsageError
from hil.judge.fields import FIELDS, LISTS, MOST_INTENSITIES, WORDS, build_block

if TYPE_CHECKING:
    from hil.judge.counters import VendorBlock

__all__ = ["read_counters"]

_COLUMNS = [
    column
    for name in FIELDS
    for column in ([f"{name}_{number + 1}" for number in range(MOST_INTENSITIES)] if name in LISTS else [name])
]
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_STAND_INS: dict[str, Any] = {"block": "1", "key_bits": 0, "duration_s": 1}
"""For what is required, where it is judged without a block."""


def read_counters(file: Path | str) -> tuple[VendorBlock, ...]:
    """Every block of the file in its order.

    CountersFileError with every mistake at once; UsageError for a file that cannot be read or is of another kind.
    """
    path = Path(file)
    kind = path.suffix.lower()
    if kind not in {".json", ".csv"}:
        raise UsageError(f"{path}: found the ending {kind!r}; expected .json or .csv")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mistake = Mistake(f"byte {error.start}", f"0x{error.object[error.start]:02x}", "UTF-8 text")
        raise CountersFileError(str(path), (mistake,)) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot read the file of counters ({error.strerror})") from None
    mistakes: list[Mistake] = []
    found = _from_json(text, mistakes) if kind == ".json" else _from_csv(text, mistakes)
    blocks = [(where, block) for where, block in found if block is not None]
    first: dict[str, str] = {}
    for where, block in blocks:
        if block.block in first:
            mistakes.append(Mistake(where, show(block.block), f"a name of its own; {first[block.block]} has it already"))
        first.setdefault(block.block, where)
    if not found and not mistakes:
        mistakes.append(Mistake("file", "no block", "at least one"))
    if mistakes:
        raise CountersFileError(str(path), tuple(mistakes))
    return tuple(block for _, block in blocks)


class _Twice(dict[str, Any]):
    """A JSON object that remembers which keys it was given twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]


def _from_json(text: str, mistakes: list[Mistake]) -> list[tuple[str, VendorBlock | None]]:
    try:
        raw = json.loads(text, object_pairs_hook=_Twice)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1].strip() if text.strip() else ""
        mistakes.append(Mistake(f"line {error.lineno}, column {error.colno}", show(line), f"valid JSON ({error.msg})"))
        return []
    except ValueError as error:  # a number of thousands of digits
        mistakes.append(Mistake("file", str(error), "numbers of fewer digits"))
        return []
    except RecursionError:
        mistakes.append(Mistake("file", "lists in lists without end", "an object with blocks"))
        return []
    if not isinstance(raw, _Twice):
        mistakes.append(Mistake("file", show(raw), "an object with the key blocks"))
        return []
    mistakes += [Mistake(key, "the key twice", "it once") for key in raw.twice]
    blocks = raw.pop("blocks", None)
    _check_common(raw, mistakes)
    if not isinstance(blocks, list):
        mistakes.append(Mistake("blocks", "nothing" if blocks is None else show(blocks), "a list of blocks"))
        return []
    return [_json_block(number, block, raw, mistakes) for number, block in enumerate(blocks)]


def _check_common(common: _Twice, mistakes: list[Mistake]) -> None:
    """Whatever holds for all blocks; a mistake in it is said once, and it is left out of the blocks."""
    for key in list(common):
        if key == "block" or key not in FIELDS:
            expected = "block names in blocks" if key == "block" else nearest(key, [*list(FIELDS)[1:], "blocks"])
            mistakes.append(Mistake(key, "an unknown field", expected))
            del common[key]
    own: list[Mistake] = []
    build_block({**_STAND_INS, **common}, str, own)
    wrong = {mistake.where.partition("[")[0] for mistake in own}
    # what only a block's own values may contradict or complete is left to the block
    mistakes += [mistake for mistake in own if mistake.where.partition("[")[0] in common]
    for key in wrong & set(common):
        common[key] = _STAND_INS.get(key)


def _json_block(number: int, block: Any, common: _Twice, mistakes: list[Mistake]) -> tuple[str, VendorBlock | None]:
    where = f"blocks[{number}]"
    if not isinstance(block, _Twice):
        mistakes.append(Mistake(where, show(block), "an object"))
        return where, None
    mistakes += [Mistake(f"{where}.{key}", "the key twice", "it once") for key in block.twice]
    return where, build_block({**common, **block}, lambda name: f"{where}.{name}", mistakes)


def _from_csv(text: str, mistakes: list[Mistake]) -> list[tuple[str, VendorBlock | None]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[tuple[str, VendorBlock | None]] = []
    try:
        header = [column.strip() for column in next(reader, [])]
        _check_header(header, mistakes)
        for cells in reader:
            where = f"line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                mistakes.append(Mistake(where, f"{len(cells)} cells", f"{len(header)}, one for each column"))
                continue
            found.append((where, _csv_block(where, dict(zip(header, cells, strict=True)), mistakes)))
    except csv.Error as error:
        mistakes.append(Mistake(f"line {reader.line_num}", str(error), "valid CSV, separated by commas"))
    return found


def _check_header(header: list[str], mistakes: list[Mistake]) -> None:
    mistakes += [
        Mistake("line 1", show(column), f"a known column: {nearest(column, _COLUMNS)}")
        for column in header
        if column not in _COLUMNS
    ]
    mistakes += [
        Mistake("line 1", f"the column {column} twice", "it once")
        for column in dict.fromkeys(header)
        if header.count(column) > 1
    ]
    if not header:
        mistakes.append(Mistake("line 1", "nothing", f"a header with columns out of: {', '.join(_COLUMNS)}"))


def _csv_block(where: str, cells: dict[str, str], mistakes: list[Mistake]) -> VendorBlock | None:
    """Empty cells are what the device does not tell."""
    values = {column: _cell(column, cell.strip()) for column, cell in cells.items() if column in _COLUMNS}
    raw: dict[str, Any] = {}
    for name in FIELDS:
        if name not in LISTS:
            raw[name] = values.get(name)
            continue
        told = [values.get(f"{name}_{number + 1}") for number in range(MOST_INTENSITIES)]
        while told and told[-1] is None:
            told.pop()
        raw[name] = told or None
    return build_block(raw, lambda name: f"{where}, {name}", mistakes)


def _cell(column: str, cell: str) -> Any:
    if not cell or column in WORDS:
        return cell or None
    return float(cell) if _NUMBER.fullmatch(cell) else cell
