"""Settings of faults as tests write them: ``delta_k=2``, ``delta="2 K"``, ``rate_hz="5 kHz"``."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any

from hil.bench.wording import nearest
from hil.errors import FaultUseError, Mistake, UsageError
from hil.ports.units import unit_of
from hil.units import accepted, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from dataclasses import Field

    from hil.ports.spec import FaultSpec

__all__ = ["duration_s", "in_words", "python_name", "scaled", "settings_of", "together"]

_QUANTITIES = {
    "hz": "rate",
    "s": "time",
    "c": "temperature",
    "db": "loss",
    "km": "length",
    "w": "power",
    "ratio": "ratio",
    "bps": "bit rate",
}
_KELVIN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(m?)K\s*")


class _NoNumberError(Exception):
    """A value in no form that its unit accepts."""


def python_name(spec: FaultSpec) -> str:
    """The fault as tests call it."""
    return spec.name.replace("-", "_")


def settings_of(spec: FaultSpec, given: Mapping[str, Any]) -> Any:
    """The fault's settings; FaultUseError names all that is unknown, missing, in no accepted form or out of range."""
    known: dict[str, Field[Any]] = {info.name: info for info in fields(spec.settings)}
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    named: set[str] = set()
    for name, value in given.items():
        key = name if name in known else _full_name(name, value, known)
        if key is None:
            mistakes.append(_unknown(name, value, known))
            named.update(_bare(name, known)[:1])  # meant, and told: it is not missing besides
        elif key in named:
            mistakes.append(Mistake(name, f"{value!r}, {key} a second time", f"{key} once"))
        else:
            named.add(key)
            try:
                values[key] = _value(known[key], value)
            except _NoNumberError:
                mistakes.append(Mistake(name, repr(value), _form(known[key])))
    mistakes += [
        Mistake(name, "nothing", _form(info)) for name, info in known.items() if info.default is MISSING and name not in named
    ]
    mistakes += _refused(spec, known, values, whole=not mistakes)
    if mistakes:
        raise FaultUseError(python_name(spec), tuple(mistakes))
    return spec.settings(**values)


def duration_s(value: str | float | None, what: str = "duration") -> float | None:
    """``"30 s"`` or seconds, above zero; None stays None. FaultUseError for others."""
    if value is None:
        return None
    try:
        seconds = _number(value, "s")
    except _NoNumberError:
        seconds = math.nan
    if not seconds > 0.0:
        raise FaultUseError("chaos", (Mistake(what, repr(value), "a time above zero, such as '2 s'"),))
    return seconds


def in_words(settings: Any) -> str:
    """``rate 5000 Hz``, for reports; a fault without settings says nothing."""
    said = []
    for info in fields(settings):
        value = getattr(settings, info.name)
        if value is not None:
            name = info.name.rpartition("_")[0]
            said.append(f"{info.name} {value}" if isinstance(value, str) else f"{name} {value:g} {unit_of(info.name)}".strip())
    return ", ".join(said)


def scaled(spec: FaultSpec, settings: Any, level: float) -> Any:
    """The settings of a fault at a level of its waveform."""
    return replace(settings, **{name: level * getattr(settings, name) for name in spec.magnitude}) if level != 1.0 else settings


def together(spec: FaultSpec, *parts: Callable[[], Any]) -> list[Any]:
    """What each part gives; one FaultUseError with every mistake of all of them, before whatever else is raised."""
    given: list[Any] = []
    mistakes: list[Mistake] = []
    other: Exception | None = None
    for part in parts:
        try:
            given.append(part())
        except FaultUseError as error:
            mistakes += error.mistakes
        except Exception as error:  # noqa: BLE001  (raised below, unless the call itself is wrong)
            other = other or error
    if mistakes:
        raise FaultUseError(python_name(spec), tuple(mistakes)) from None
    if other is not None:
        raise other
    return given


def _refused(spec: FaultSpec, known: Mapping[str, Field[Any]], values: Mapping[str, Any], *, whole: bool) -> Iterator[Mistake]:
    """What the fault itself has against these values; of a part of them, what it has against each alone."""
    settings: Any = object.__new__(spec.settings)
    for name, info in known.items():
        stands_in = 0.0 if info.default is MISSING else info.default
        object.__setattr__(settings, name, values.get(name, stands_in))
    try:
        getattr(settings, "__post_init__", bool)()
    except FaultUseError as error:
        yield from (mistake for mistake in error.mistakes if whole or mistake.where in values)
    except UsageError as error:  # of somebody else's fault
        if whole:
            yield Mistake("settings", ", ".join(f"{name} = {value!r}" for name, value in values.items()), str(error))


def _full_name(name: str, value: Any, known: Mapping[str, Any]) -> str | None:
    """``rate`` for ``rate_hz``, where the value says its unit."""
    matches = _bare(name, known)
    return matches[0] if len(matches) == 1 and isinstance(value, str) else None


def _bare(name: str, known: Mapping[str, Any]) -> list[str]:
    return [key for key in known if key.rpartition("_")[0] == name]


def _unknown(name: str, value: Any, known: Mapping[str, Field[Any]]) -> Mistake:
    if bare := _bare(name, known):
        return Mistake(name, f"the number {value!r} without a unit", f"{bare[0]}={value!r}, or {name} as a text with its unit")
    return Mistake(name, "an unknown setting", nearest(name, known) if known else "no setting: this fault has none")


def _value(info: Field[Any], value: Any) -> Any:
    if info.type != "str":
        return _number(value, info.name.rpartition("_")[2])
    if not isinstance(value, str):
        raise _NoNumberError
    return value


def _form(info: Field[Any]) -> str:
    if info.type == "str":
        return "a text"
    unit = info.name.rpartition("_")[2]
    if unit == "ratio":
        return accepted("ratio")
    number = f"a number in {unit_of(info.name)}" if unit_of(info.name) else "a number"
    if unit == "k":
        return f"{number}, or a difference of temperatures such as '2 K' or '-500 mK'"
    return f"{number}, or {accepted(_QUANTITIES[unit])}" if unit in _QUANTITIES else number


def _number(value: Any, unit: str) -> float:
    if isinstance(value, str):
        return _parsed(value, unit)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or (unit == "s" and value < 0):
        raise _NoNumberError
    return float(value)


def _parsed(text: str, unit: str) -> float:
    if unit == "k":  # a difference of temperatures; the parser of units knows absolute ones only
        match = _KELVIN.fullmatch(text)
        if match is None:
            raise _NoNumberError
        return float(match[1]) * (1e-3 if match[2] else 1.0)
    if unit not in _QUANTITIES:
        raise _NoNumberError
    try:
        return parse(text, _QUANTITIES[unit])
    except UsageError:
        raise _NoNumberError from None
