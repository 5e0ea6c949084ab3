"""Tapes as tables for people: what was said to whom and when, and where two recordings differ."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hil.transports.tape_format import Exchange, Opened, Pushed, Redacted, Section, as_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hil.transports.tape_format import Entry, Header, Tape

__all__ = ["differences", "show"]

_LONGEST = 60
_COMPARED = ("driver", "vendor", "model", "serial", "firmware", "bench", "bench_hash", "ports", "redactions")


def show(tapes: Mapping[str, Tape]) -> None:
    """The headers, then everything in the order of the bench."""
    console = Console(highlight=False, soft_wrap=not Console().is_terminal)
    heads = Table("device", "identity", "driver", "what", "recorded", "redacted", box=None, pad_edge=False)
    for tape in tapes.values():
        heads.add_row(*map(Text, _head(tape.header)))
    console.print(heads)
    console.print()
    table = Table("n", "time", "device", "sent", "received", "", box=None, pad_edge=False)
    rounds = {name: _rounds(tape) for name, tape in tapes.items()}
    for name, entry in sorted(_all(tapes), key=lambda pair: pair[1].n):
        table.add_row(*map(Text, (str(entry.n), *_row(name, entry, rounds[name].get(entry.n, "")))))
    console.print(table)


def differences(a: Mapping[str, Tape], b: Mapping[str, Tape]) -> list[str]:
    """In words: devices of one side alone, what changed in the headers, and each exchange that changed, with its position.

    Positions count the exchanges of a device from 1; times do not count, nor do numbers of the bench.
    """
    lines = [f"{name}: only on the {'first' if name in a else 'second'}" for name in sorted(set(a) ^ set(b))]
    for name in (name for name in a if name in b):
        for field in _COMPARED:
            old, new = getattr(a[name].header, field), getattr(b[name].header, field)
            if field == "ports":
                old, new = (tuple((port.write_terminator, port.read_terminator) for port in ports) for ports in (old, new))
            if old != new:
                lines.append(f"{name}: {field} {old!r} became {new!r}")
        lines += _changed(name, a[name], b[name])
    return lines


def _changed(name: str, a: Tape, b: Tape) -> Iterator[str]:
    old, new = ([entry for entry in tape.entries if isinstance(entry, Exchange)] for tape in (a, b))
    sections_old, sections_new = _sections(a), _sections(b)
    for kind, i, i_end, j, j_end in SequenceMatcher(None, _said(old), _said(new), autojunk=False).get_opcodes():
        if kind == "equal":
            for offset in range(i_end - i):
                yield from _answers(f"{name}: exchange {i + offset + 1}", old[i + offset], new[j + offset])
            continue
        for offset in range(max(i_end - i, j_end - j)):
            left = old[i + offset] if i + offset < i_end else None
            right = new[j + offset] if j + offset < j_end else None
            there = left or right
            assert there is not None
            section = (sections_old if left else sections_new)[there.n]
            number = (i if left else j) + offset + 1
            yield f"{name}: exchange {number} ({section}): {_sent(left)} became {_sent(right)}"


def _said(exchanges: list[Exchange]) -> list[tuple[int, str]]:
    return [(entry.port, entry.send) for entry in exchanges]


def _answers(where: str, old: Exchange, new: Exchange) -> Iterator[str]:
    if old.receive != new.receive or old.lost != new.lost:
        yield f"{where}, {_short(old.send)}: answer {_received(old)} became {_received(new)}"
    elif old.times != new.times:
        yield f"{where}, {_short(old.send)}: asked {old.times} times, then {new.times}"
    if old.rounds != new.rounds and (old.n == old.loop or new.n == new.loop):  # a round's first speaks for all of it
        yield f"{where}, {_short(old.send)}: rounds that begin so: {old.rounds}, then {new.rounds}"


def _sections(tape: Tape) -> dict[int, str]:
    found, name = {}, ""
    for entry in tape.entries:
        if isinstance(entry, Section):
            name = entry.name
        found[entry.n] = name
    return found


def _all(tapes: Mapping[str, Tape]) -> Iterator[tuple[str, Entry]]:
    """Every entry; a section, which all tapes have, once."""
    known: set[str] = set()
    for name, tape in tapes.items():
        for entry in tape.entries:
            if isinstance(entry, Section):
                if entry.name in known:
                    continue
                known.add(entry.name)
            yield name, entry


def _head(header: Header) -> tuple[str, ...]:
    identity = " ".join(filter(None, (header.vendor, header.model, header.serial, header.firmware)))
    what = "a twin" if header.simulated else "real"
    return header.device, identity, header.driver, what, header.recorded, "; ".join(header.redactions) or "–"


def _rounds(tape: Tape) -> dict[int, str]:
    """Of each exchange in a loop: how many rounds there were, and which of a round's questions it is."""
    loops: dict[int, list[Exchange]] = {}
    for entry in tape.entries:
        if isinstance(entry, Exchange) and entry.loop:
            loops.setdefault(entry.loop, []).append(entry)
    return {
        entry.n: f"{entry.rounds} rounds, {place} of {len(members)}"
        for members in loops.values()
        for place, entry in enumerate(members, start=1)
    }


def _row(name: str, entry: Entry, rounds: str) -> tuple[str, ...]:
    if isinstance(entry, Section):
        return "", "", f"── {entry.name}", "", ""
    where = f"{name}:{entry.port}" if entry.port else name
    time = f"{entry.t_s:.6g} s"
    if isinstance(entry, Opened):
        return time, where, "(opened)" if not entry.refused else f"(not opened: {entry.refused})", "", ""
    if isinstance(entry, Pushed):
        return time, where, "", _short(entry.data), f"unasked, {entry.after_s:g} s after opening"
    if isinstance(entry, Redacted):
        return time, where, f"(redacted, {entry.sent} bytes)", f"({entry.received} bytes)", "key material"
    often = [f"{entry.times} times"] if entry.times > 1 else []
    return time, where, _short(entry.send), _received(entry), "; ".join([*often, *filter(None, [rounds])])


def _sent(entry: Exchange | None) -> str:
    return "nothing" if entry is None else _short(entry.send)


def _received(entry: Exchange) -> str:
    parts = [_short(part) if part is not None else "(silence)" for part in entry.receive]
    return " ".join([*parts, *(["(connection lost)"] if entry.lost else [])]) or "–"


def _short(text: str) -> str:
    """As Python shows bytes, without the b; long ones cut."""
    shown = repr(as_bytes(text))[2:-1]
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(text)} bytes)"
