"""Finds a SPEC by name: a shipped module, an entry point, or ``package.module:NAME`` of anyone's.

There is no registry to edit. ``ozoptics-dd100mc`` is ``SPEC`` of the module ``ozoptics_dd100mc`` in the package that holds
its kind, so finding one imports one. Modules whose name starts with an underscore are shared code, not things to find.
"""

from __future__ import annotations

import difflib
import pkgutil
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from hil.errors import UnknownNameError

__all__ = ["KINDS", "Kind", "find", "names"]


@dataclass(frozen=True)
class Kind:
    """One kind of thing: its word, the packages that hold the shipped ones, its entry-point group."""

    word: str
    packages: tuple[str, ...]
    group: str


KINDS = {
    kind.word: kind
    for kind in (
        Kind("driver", ("hil.drivers",), "hil.drivers"),
        Kind(
            "twin",
            ("hil.device_sims.instruments", "hil.device_sims.transceivers", "hil.device_sims.kme"),
            "hil.twins",
        ),
        Kind("fault", ("hil.faults",), "hil.faults"),
        Kind("indicator", ("hil.slo",), "hil.indicators"),
        Kind("keystore", ("hil.keystores",), "hil.keystores"),
        Kind("reporter", ("hil.reports",), "hil.reporters"),
    )
}


def names(kind: str) -> list[str]:
    """Every name of a kind, shipped and from entry points, sorted; nothing of theirs is imported."""
    known = KINDS[kind]
    shipped = {name.replace("_", "-") for package in known.packages for name in _modules(package)}
    return sorted(shipped | {point.name for point in entry_points(group=known.group)})


def find(kind: str, name: str, *, python: bool = False) -> Any:
    """The SPEC of that name; UnknownNameError names the nearest known one, on request as Python spells names."""
    known = KINDS[kind]
    if not isinstance(name, str):
        raise UnknownNameError(f"found a {type(name).__name__} in place of a name; expected the name of the {kind}, a text")
    if ":" in name:
        return _from_path(kind, name)
    module = name.replace("-", "_")
    for package in known.packages:
        if module in _modules(package):
            return import_module(f"{package}.{module}").SPEC
    for point in entry_points(group=known.group):
        if point.name == name:
            return point.load()
    raise UnknownNameError(f"no {kind} named {name!r}; {_suggestion(name, names(kind), python=python)}")


def _modules(package: str) -> list[str]:
    spec = find_spec(package)
    locations = list(spec.submodule_search_locations or []) if spec else []
    return [info.name for info in pkgutil.iter_modules(locations) if not info.ispkg and not info.name.startswith("_")]


def _from_path(kind: str, name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownNameError(f"{kind} {name!r}: {error}; expected an importable package.module:NAME") from error


def _suggestion(name: str, known: list[str], *, python: bool) -> str:
    if python:
        name, known = name.replace("-", "_"), [one.replace("-", "_") for one in known]
    near = difflib.get_close_matches(name, known, n=1)
    nearest = f"did you mean {near[0]!r}? " if near else ""
    return f"{nearest}known: {', '.join(known) or 'none'}; or give package.module:NAME"
