"""Settings of faults as tests write them: ``delta_k=2``, ``delta="2 K"``, ``rate_hz="5 kHz"``."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import MISSING, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.ports.waveform import Burst, Ramp, RandomWalk, Replay, Step
from hil.units import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.ports.spec import FaultSpec
    from hil.ports.waveform import Waveform

__all__ = ["duration_s", "in_words", "scaled", "settings_of", "waveform_of"]

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
    "rad": "rad",
    "nm": "nm",
    "ppm": "ppm",
    "keys": "keys",
    "counts": "counts",
    "bits": "bits",
    "number": "",
}
_WAVEFORMS = "'step', 'ramp 20 s', 'burst 2 s every 10 s', 'random-walk 1 s' or 'replay FILE.csv' (columns time_s,level)"
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


def scaled(spec: FaultSpec, settings: Any, level: float) -> Any:
    """The settings of a fault at a level of its waveform."""
    return replace(settings, **{name: level * getattr(settings, name) for name in spec.magnitude}) if level != 1.0 else settings


def waveform_of(spec: FaultSpec, settings: Any, given: str | Waveform | None, seed: int) -> Waveform:
    """The waveform a test asks for in words; UsageError for others, and for a fault that is a step and nothing else."""
    if given is None:
        return Step()
    waveform = _waveform(given, seed) if isinstance(given, str) else given
    if not hasattr(waveform, "next_change_s"):
        raise UsageError(f"waveform = {given!r}: expected {_WAVEFORMS}")
    missing = [name for name in spec.magnitude if getattr(settings, name) is None]
    if not isinstance(waveform, Step) and (missing or not spec.magnitude):
        word = spec.name.replace("-", "_")
        lacks = f"{missing[0]} is not given" if missing else "it has nothing that could be there by half"
        raise UsageError(f"{word}: waveform = {given!r}, but {lacks}; expected waveform='step'")
    return waveform


def _waveform(text: str, seed: int) -> Waveform:
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    try:
        if word == "step" and not rest:
            return Step()
        if word == "ramp":
            return Ramp(_time_s(rest))
        if word == "random-walk":
            return RandomWalk(_time_s(rest), seed)
        if word == "burst" and " every " in rest:
            on_s, every_s = (_time_s(part) for part in rest.split(" every "))
            if on_s < every_s:
                return Burst(on_s, every_s)
        if word == "replay" and rest:
            return _recording(Path(rest))
    except UsageError as error:
        raise UsageError(f"waveform = {text!r}: {error}") from None
    raise UsageError(f"waveform = {text!r}: expected {_WAVEFORMS}")


def _time_s(text: str) -> float:
    seconds = duration_s(text)
    assert seconds is not None
    return seconds


def _recording(path: Path) -> Replay:
    """A CSV file with the columns ``time_s`` (rising, from 0 on) and ``level`` (0 to 1)."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(float(row["time_s"]), float(row["level"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is no recording of levels ({error!r}); expected {_WAVEFORMS}") from None
    times_s, levels = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    if not rows or times_s[0] < 0.0 or any(one >= other for one, other in pairwise(times_s)):
        raise UsageError(f"{path}: expected one row or more with rising time_s, from 0 on")
    if not all(0.0 <= level <= 1.0 for level in levels) or not max(levels):
        raise UsageError(f"{path}: expected every level between 0 and 1, and one above 0")
    return Replay(times_s, levels, path.name)


def _full_name(name: str, value: Any, known: Mapping[str, Any]) -> str | None:
    """``rate`` for ``rate_hz``, where the value says its unit."""
    matches = [key for key in known if key.rpartition("_")[0] == name]
    return matches[0] if len(matches) == 1 and isinstance(value, str) else None


def _number(what: str, value: Any, unit: str) -> float:
    if isinstance(value, str) and (unit in _QUANTITIES or unit == "k"):
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
