"""The events a run writes as it goes: which kinds there are, what each may say, how a file of them is read back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from hil.record import model
from hil.record._plain import plain
from hil.verdict import Outcome  # noqa: TC001  (msgspec resolves annotations at run time)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KINDS", "STAGE", "Event", "LatencyEvent", "TestEvent", "checked", "read_events"]

STAGE = "block: "
"""Operations whose name begins so are stages of the key pipeline: one duration a block."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class TestEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of one test."""

    outcome: Outcome
    reason: str = ""
    duration_s: float = 0.0
    title: str = ""
    phase: str = "call"
    wrong_use: bool = False


class LatencyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Durations of one operation, in seconds."""

    operation: str
    durations_s: tuple[float, ...]
    link: str = ""


KINDS: dict[str, type[msgspec.Struct]] = {
    "block": model.BlockEntry,
    "device": model.DeviceEntry,
    "fault": model.FaultEntry,
    "gameday": model.GamedayEntry,
    "key": model.KeyEntry,
    "latency": LatencyEvent,
    "note": model.NoteEntry,
    "plot": model.PlotEntry,
    "rule": model.DeclaredRule,
    "table": model.TableEntry,
    "test": TestEvent,
    "verdict": model.VerdictEntry,
}
"""Kind -> the fields its data may have."""

_ONLY_IN_EVENTS = {"block": {"ledger", "by_intensity", "chsh"}}
_FINGERPRINTS = {"block": "key_fingerprints", "key": "fingerprints"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an events file; ``seq`` counts within the file, ``wall_s`` is Unix time."""

    seq: int
    wall_s: float
    kind: str
    case: str
    data: dict[str, Any]


def checked(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The data as plain JSON values that fit the kind.

    ValueError for an unknown kind or a fingerprint that is none; TypeError, naming the field, for a field the kind does not
    have, a value of the wrong type, and whatever could be key material.
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of event is called {kind!r}; there are: {', '.join(KINDS)}")
    known = set(KINDS[kind].__struct_fields__) - {"case"} | _ONLY_IN_EVENTS.get(kind, set())
    if unknown := sorted(set(data) - known):
        raise TypeError(f"event {kind}: no field {', '.join(unknown)}; it has: {', '.join(sorted(known))}")
    values: dict[str, Any] = plain(data, kind)
    for text in values.get(_FINGERPRINTS.get(kind, ""), ()):
        if not isinstance(text, str) or not _FINGERPRINT.fullmatch(text):
            raise ValueError(
                f"event {kind}: a key is recorded by its SHA-256 fingerprint (64 hexadecimal digits) or not at all"
            )
    try:
        msgspec.convert(values, KINDS[kind])
    except msgspec.ValidationError as error:
        raise TypeError(f"event {kind}: {error}") from None
    return values


def read_events(file: Path) -> tuple[list[Event], list[str]]:
    """The events of a file and, in words, every line that could not be read (a worker that died leaves its last one cut)."""
    events: list[Event] = []
    problems: list[str] = []
    lines = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            events.append(msgspec.json.decode(line, type=Event))
        except msgspec.DecodeError:
            cut = number == len(lines)
            why = "is cut short: its worker died while writing" if cut else "cannot be read"
            problems.append(f"{file.name}: line {number} {why}; what it said is lost")
    return events, problems
