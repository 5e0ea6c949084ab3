"""Reads a TOML file of this package's own: found by a shipped name or a path, its mistakes told with their place."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.errors import Mistake, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["locate", "read_toml"]

_AT_LINE = re.compile(r"(?P<what>.*) \(at (?P<where>line \d+, column \d+|end of document)\)", re.DOTALL)


def locate(name_or_path: str | Path, known: Mapping[str, Path], what: str) -> Path:
    """The file of a shipped name or of a path; UnknownNameError names the nearest. ``what``: ``bench``, ``game day``."""
    if isinstance(name_or_path, str) and name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix == ".toml" or len(path.parts) > 1 or path.exists():
        return path
    close = difflib.get_close_matches(str(name_or_path), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(known)
    raise UnknownNameError(f"no {what} named {str(name_or_path)!r}; {hint}shipped: {listed}; or give the path of a {what} file")


def read_toml(path: Path, what: str, error: Callable[[str, tuple[Mistake, ...]], UsageError]) -> Mapping[str, Any]:
    """The file's tables; UsageError where it cannot be read, ``error(path, mistakes)`` where it is no TOML."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as wrong:
        mistake = Mistake(f"byte {wrong.start}", f"0x{wrong.object[wrong.start]:02x}", "UTF-8 text")
        raise error(str(path), (mistake,)) from None
    except OSError as wrong:
        raise UsageError(f"{path}: cannot read the {what} file ({wrong.strerror}); expected a readable TOML file") from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as wrong:
        raise error(str(path), (_syntax_mistake(str(wrong), text.splitlines()),)) from None


def _syntax_mistake(message: str, lines: list[str]) -> Mistake:
    match = _AT_LINE.fullmatch(message)
    what, where = (match["what"], match["where"]) if match else (message, "file")
    number = int(where.split()[1].rstrip(",")) if where.startswith("line") else len(lines)
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return Mistake(where, repr(line), f"valid TOML ({what[:1].lower()}{what[1:]})")
