"""What a type of the model accepts, in words a message can use."""

from __future__ import annotations

import difflib
from datetime import date
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct, UnsetType

from hil import units

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["accepted_form", "bare", "is_table", "is_union", "marks", "nearest", "show"]

_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", date: "a date such as 2026-06-01"}


def nearest(found: str, known: Iterable[str]) -> str:
    """The nearest known name, and all of them."""
    names = list(known)
    close = difflib.get_close_matches(found, names, n=1, cutoff=0.5)
    listed = ", ".join(names) or "none"
    return f"{close[0]!r} (known: {listed})" if close else f"one of: {listed}"


def show(raw: object) -> str:
    """What stands in the file, short enough for one line."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, date):
        return str(raw)
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."


def accepted_form(kind: Any, raw: object = None) -> str:
    """The accepted form of a type; for a choice, the one nearest to ``raw``."""
    own, plain, bounds = marks(kind), bare(kind), _bounds(kind)
    if "quantity" in own:
        return f"{units.accepted(own['quantity'])}{bounds and ','}{bounds}"
    if is_table(plain) or get_origin(plain) is dict:
        return "a table"
    if get_origin(plain) is Literal:
        choices = [str(choice) for choice in get_args(plain) if choice]
        return nearest(raw, choices) if isinstance(raw, str) else f"one of: {', '.join(choices)}"
    if get_origin(plain) is tuple:
        return f"a list, each item {accepted_form(get_args(plain)[0])}"
    if is_union(plain):
        return " or ".join(accepted_form(member) for member in get_args(plain) if member not in {UnsetType, type(None)})
    return f"{_WORDS[plain]}{bounds}"


def marks(kind: Any) -> dict[str, Any]:
    """This package's own marks on a type of the model: its ``quantity``, or the form of its ``settings``."""
    return {key: value for meta in _metas(kind) for key, value in (meta.extra or {}).items()}


def bare(kind: Any) -> Any:
    """The type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def is_union(kind: Any) -> bool:
    """Whether a type is one of several."""
    return get_origin(kind) in {Union, UnionType}


def is_table(kind: Any) -> bool:
    """Whether a type is a table of the file."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def _metas(kind: Any) -> list[Meta]:
    return [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]


def _bounds(kind: Any) -> str:
    said = []
    for meta in _metas(kind):
        said += [f"above {meta.gt:g}"] if meta.gt is not None else []
        said += [f"of at least {meta.ge:g}"] if meta.ge is not None else []
        said += [f"below {meta.lt:g}"] if meta.lt is not None else []
        said += [f"up to {meta.le:g}"] if meta.le is not None else []
        said += [f"divisible by {meta.multiple_of:g}"] if meta.multiple_of is not None else []
    return f" {' and '.join(said)}" if said else ""
