"""Turns what an event is given into plain JSON values, and refuses whatever could be key material."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

import msgspec

__all__ = ["plain"]

_SECRET = "a run record never holds key material; record a fingerprint (SHA-256 of 128 bits or more) or a count instead"  # noqa: S105


def plain(value: Any, where: str) -> Any:
    """The value as None, bool, int, float, str, list or dict; ``where`` names it in the error.

    Numbers of numpy become Python's, numbers that are not finite None. TypeError for bytes of any kind, for whatever can
    ``reveal`` a secret, for numpy arrays of single bits or bytes (they look like key), and for types JSON does not know.
    """
    if isinstance(value, Enum):
        return plain(value.value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "reveal"):
        raise TypeError(f"{where}: got {type(value).__name__}; {_SECRET}")
    return _compound(value, where)


def _compound(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {_key(key, where): plain(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, f"{where}[{index}]") for index, inner in enumerate(value)]
    if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        return _fields(value, where)
    if isinstance(value, PurePath | date):
        return value.as_posix() if isinstance(value, PurePath) else value.isoformat()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy, without importing it here
        return _from_numpy(value, where)
    raise TypeError(f"{where}: a {type(value).__name__} has no place in a run record; give numbers, text, lists or tables")


def _fields(value: Any, where: str) -> dict[str, Any]:
    struct = isinstance(value, msgspec.Struct)
    names = value.__struct_fields__ if struct else [field.name for field in dataclasses.fields(value)]
    return {name: plain(getattr(value, name), f"{where}.{name}") for name in names}


def _key(key: object, where: str) -> str:
    if not isinstance(key, str | int):
        raise TypeError(f"{where}: keys of a table are text or integers, got {type(key).__name__}")
    return str(key)


def _from_numpy(value: Any, where: str) -> Any:
    if value.dtype.kind not in "biuf" or (value.ndim and value.dtype.itemsize == 1):
        raise TypeError(f"{where}: got an array of {value.dtype}; {_SECRET}")
    return plain(value.tolist(), where)
