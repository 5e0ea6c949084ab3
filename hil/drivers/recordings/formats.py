"""Which format a file has: by its name where it was declared, else by its first bytes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hil.drivers.recordings import columns, picoquant, qutag, readevents
from hil.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from hil.drivers.recordings.stream import FormatSpec, TagFile

__all__ = ["FORMATS", "open_tags"]

FORMATS: dict[str, FormatSpec] = {
    spec.name: spec for module in (columns, readevents, picoquant, qutag) for spec in module.FORMATS
}
_HEAD_BYTES = 4096 // 40 * 40


def open_tags(path: Path, format_name: str = "", tick: Fraction | None = None) -> TagFile:
    """The file in that format, or in the one its first bytes show; ``tick`` in seconds where it was declared.

    UsageError for a file that is not there or is empty, for an unknown format, and where the bytes fit none or several.
    """
    if format_name and format_name not in FORMATS:
        near = difflib.get_close_matches(format_name, FORMATS, n=1)
        raise UsageError(
            f"no format {format_name!r}; {f'did you mean {near[0]!r}? ' if near else ''}known: {', '.join(FORMATS)}"
        )
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        size = path.stat().st_size
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file{_nearby(path)}; expected a file of time tags") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}; expected a file of time tags") from error
    if not size:
        raise UsageError(f"{path} is empty and holds no event; expected a file of time tags")
    return (FORMATS[format_name] if format_name else _recognised(path, head, size)).open(path, tick)


def _recognised(path: Path, head: bytes, size: int) -> FormatSpec:
    fitting = [spec for spec in FORMATS.values() if spec.recognises(head, size)]
    if len(fitting) == 1:
        return fitting[0]
    found = f"fits {' and '.join(spec.name for spec in fitting)}" if fitting else "fits none of the known formats"
    choice = ", ".join(spec.name for spec in fitting) or ", ".join(FORMATS)
    cut = " It may be truncated, or damaged at its beginning." if not fitting else ""
    raise UsageError(
        f"{path}: what it begins with {found}.{cut} Say which one it is with --format, or `format` in the bench file: {choice}"
    )


def _nearby(path: Path) -> str:
    names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.parent / near[0]}?" if near else ""
