"""Waveforms of faults as tests write them: ``"ramp 20 s"``, ``"burst 2 s every 10 s"``, ``"replay incident.csv"``."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import FaultUseError, Mistake
from hil.ports.waveform import FORMS, Burst, Ramp, RandomWalk, Replay, Step
from hil.testbed.injection._fault_settings import duration_s

if TYPE_CHECKING:
    from typing import Any

    from hil.ports.spec import FaultSpec
    from hil.ports.waveform import Waveform

__all__ = ["magnitudes_given", "waveform_of"]

_WAVEFORMS = f"{', '.join(list(FORMS.values())[:-1])} or {FORMS['replay']}"


def waveform_of(spec: FaultSpec, given: str | Waveform | None, seed: int) -> Waveform:
    """The waveform a test asks for in words; FaultUseError for others, and for a fault that is a step and nothing else."""
    if given is None:
        return Step()
    waveform = _waveform(given, seed) if isinstance(given, str) else given
    if not hasattr(waveform, "next_change_s"):
        raise _refusal(given, _WAVEFORMS)
    if not isinstance(waveform, Step) and not spec.magnitude:
        raise _refusal(given, "'step': this fault has nothing that could be there by half")
    return waveform


def magnitudes_given(spec: FaultSpec, settings: Any, waveform: Waveform) -> None:
    """FaultUseError where the waveform scales a setting that is not given."""
    missing = [name for name in spec.magnitude if getattr(settings, name) is None]
    if missing and not isinstance(waveform, Step):
        raise _refusal(str(waveform), f"'step', or {missing[0]}, which it would scale")


def _waveform(text: str, seed: int) -> Waveform:
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if word not in FORMS or (word == "step") == bool(rest):
        raise _refusal(text, FORMS.get(word, _WAVEFORMS))
    if word == "ramp":
        return Ramp(_time_s(text, rest, word))
    if word == "random-walk":
        return RandomWalk(_time_s(text, rest, word), seed)
    if word == "burst":
        on, every, period = rest.partition(" every ")
        on_s, every_s = (_time_s(text, part if every else "", word) for part in (on, period))
        if on_s >= every_s:
            raise _refusal(text, f"a burst shorter than the time from one to the next, such as {FORMS['burst']}")
        return Burst(on_s, every_s)
    return _recording(text, Path(rest)) if word == "replay" else Step()


def _time_s(text: str, part: str, word: str) -> float:
    try:
        seconds = duration_s(part)
    except FaultUseError:
        raise _refusal(text, f"a time above zero with its unit in it, such as {FORMS[word]}") from None
    assert seconds is not None
    return seconds


def _recording(text: str, path: Path) -> Replay:
    """A CSV file with the columns ``time_s`` (rising, from 0 on) and ``level`` (0 to 1)."""
    form = "a CSV file with the columns time_s (rising, from 0 on) and level (0 to 1, one above 0)"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(float(row["time_s"]), float(row["level"])) for row in csv.DictReader(file)]
    except OSError as error:
        raise _refusal(text, f"{form}; {path.absolute()} cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError) as error:
        raise _refusal(text, f"{form}; {path}: {error}") from None
    times_s, levels = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    if not rows or times_s[0] < 0.0 or any(one >= other for one, other in pairwise(times_s)):
        raise _refusal(text, f"{form}; {path} has no row, or times that do not rise")
    if not all(0.0 <= level <= 1.0 for level in levels) or not max(levels):
        raise _refusal(text, f"{form}; {path} has other levels")
    return Replay(times_s, levels, path.name)


def _refusal(given: object, expected: str) -> FaultUseError:
    return FaultUseError("chaos", (Mistake("waveform", repr(given), expected),))
