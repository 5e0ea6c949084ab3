"""Settings of faults as tests write them: ``delta_k=2``, ``delta="2 K"``, ``rate_hz="5 kHz"``."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.units import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.ports.spec import FaultSpec

__all__ = ["duration_s", "in_words", "settings_of"]

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
_UNITS = {
    "hz": "Hz",
    "s": "s",
    "c": "degC",
    "k": "K",
    "db": "dB",
    "km": "km",
    "w": "W",
    "ratio": "",
    "bps": "bit/s",
    "bytes": "bytes",
}
_KELVIN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(m?)K\s*")


def settings_of(spec: FaultSpec, given: Mapping[str, Any]) -> Any:
    """The fault's settings; UsageError names what is unknown, missing or in no form that is accepted."""
    word = spec.name.replace("-", "_")
    known = {info.name: info for info in fields(spec.settings)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        key = name if name in known else _full_name(name, value, known)
        if key is None or key in values:
            listed = ", ".join(known) or "none"
            raise UsageError(
                f"{word}: no setting {name!r} (or given twice, or a bare name with a bare number); known: {listed}"
            )
        values[key] = value if known[key].type == "str" else _number(f"{word}: {key}", value, key.rpartition("_")[2])
    missing = [name for name, info in known.items() if info.default is MISSING and name not in values]
    if missing:
        raise UsageError(f"{word}: {', '.join(missing)} not given; expected e.g. {word}({missing[0]}=...)")
    return spec.settings(**values)


def duration_s(value: str | float | None) -> float | None:
    """``"30 s"`` or seconds, above zero; None stays None."""
    if value is None:
        return None
    seconds = _number("duration", value, "s")
    if not seconds > 0.0:
        raise UsageError(f"duration = {value!r}: expected a time above zero, such as '2 s'")
    return seconds


def in_words(settings: Any) -> str:
    """``rate 5000 Hz``, for reports; a fault without settings says nothing."""
    said = []
    for info in fields(settings):
        value = getattr(settings, info.name)
        if value is not None:
            name, _, unit = info.name.rpartition("_")
            said.append(f"{info.name} {value}" if isinstance(value, str) else f"{name} {value:g} {_UNITS[unit]}".strip())
    return ", ".join(said)


def _full_name(name: str, value: Any, known: Mapping[str, Any]) -> str | None:
    """``rate`` for ``rate_hz``, where the value says its unit."""
    matches = [key for key in known if key.rpartition("_")[0] == name]
    return matches[0] if len(matches) == 1 and isinstance(value, str) else None


def _number(what: str, value: Any, unit: str) -> float:
    if isinstance(value, str) and unit != "bytes":
        return _kelvins(what, value) if unit == "k" else parse(value, _QUANTITIES[unit])
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or (unit == "s" and value < 0):
        raise UsageError(f"{what} = {value!r}: expected a number in {_UNITS[unit]}, or a text with its unit")
    return float(value)


def _kelvins(what: str, text: str) -> float:
    """A difference of temperatures; the parser of units knows absolute ones only."""
    match = _KELVIN.fullmatch(text)
    if match is None:
        raise UsageError(f"{what} = {text!r}: expected a difference of temperatures such as '2 K' or '-500 mK'")
    return float(match[1]) * (1e-3 if match[2] else 1.0)
