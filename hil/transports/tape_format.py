"""What a tape is: a file of JSON lines for each instrument, a header first, then what was said, in order.

Bytes stand as text of the same code points (Latin-1), so that a dialogue can be read with any editor and nothing is lost. ``n``
counts over the whole bench: sorted by it, the entries of all tapes of a folder are the order in which things happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hil.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FORMAT",
    "Entry",
    "Exchange",
    "Header",
    "Opened",
    "PortEntry",
    "Pushed",
    "Redacted",
    "Section",
    "Tape",
    "as_bytes",
    "as_text",
    "encoded",
    "read_tape",
    "read_tapes",
]

FORMAT = 2


class PortEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One port of the instrument; terminators as far as they were seen until it had said who it is."""

    resource: str
    reopens_clean: bool
    write_terminator: str = ""
    read_terminator: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="header"):
    """First line of a tape; ``recorded`` is an ISO date and time, ``redactions`` what was left out and why."""

    format: int
    framework: str
    recorded: str
    bench: str
    bench_hash: str
    device: str
    role: str
    driver: str
    simulated: bool
    clock: Literal["virtual", "system"]
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    ports: tuple[PortEntry, ...] = ()
    redactions: tuple[str, ...] = ()


class Section(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="section"):
    """Here a test begins, or its end, or the opening or closing of the bench."""

    n: int
    name: str


class Opened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="open"):
    """A port was opened; ``refused`` says why it was not."""

    n: int
    t_s: float
    port: int = 0
    refused: str = ""


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="exchange"):
    """One message and all that came to it until the next.

    ``receive``: what came, with null where a read got nothing in time; what stands after a null came late. ``lost``: the
    connection ended. ``times``: so often it was asked in a row, answered the same; ``repeatable``: asking again does no harm.
    ``loop``: the number of the first exchange of the round that this one belongs to, which was said ``rounds`` times, each time
    the same (:mod:`hil.transports.tape_loops`); 0 outside of any. The exchanges of a round stand one after the other.
    """

    n: int
    t_s: float
    send: str
    receive: tuple[str | None, ...] = ()
    port: int = 0
    lost: bool = False
    times: int = 1
    repeatable: bool = False
    loop: int = 0
    rounds: int = 1


class Pushed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="push"):
    """What the instrument said unasked, so many seconds of bench time after its port was opened."""

    n: int
    t_s: float
    after_s: float
    data: str
    port: int = 0


class Redacted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="redacted"):
    """An exchange whose bytes are not on the tape, because they hold key material; only how many there were."""

    n: int
    t_s: float
    port: int = 0
    sent: int = 0
    received: int = 0


Entry = Section | Opened | Exchange | Pushed | Redacted

_LINE = msgspec.json.Decoder(Header | Entry)


class Tape(msgspec.Struct, frozen=True):
    """A tape that was read."""

    header: Header
    entries: tuple[Entry, ...]


def as_text(data: bytes) -> str:
    """Bytes as a tape has them."""
    return data.decode("latin-1")


def as_bytes(text: str) -> bytes:
    """Bytes that a tape's text stands for."""
    return text.encode("latin-1")


def encoded(line: Header | Entry) -> bytes:
    """One line of a tape."""
    return msgspec.json.encode(line) + b"\n"


def read_tape(file: Path) -> Tape:
    """One instrument's tape; UsageError, with the line, for what is none. A last line that was cut short is left out.

    Entries of two ports may stand in the file in the order in which they ended; here they are in that of their beginning.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{file}: no tape can be read there ({error.strerror})") from None
    header: Header | None = None
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        try:
            found = _LINE.decode(line) if line else None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if number == len(lines) and header is not None:
                break
            raise UsageError(f"{file}: line {number} is no line of a tape ({error})") from None
        if isinstance(found, Header):
            header = header or found
        elif found is not None:
            entries.append(found)
    if header is None or not lines[0].startswith(b'{"kind":"header"'):
        raise UsageError(f"{file}: expected a tape, whose first line is its header")
    if header.format != FORMAT:
        raise UsageError(f"{file}: a tape of format {header.format}; this version reads format {FORMAT}: record it again")
    return Tape(header, tuple(sorted(entries, key=lambda entry: entry.n)))


def read_tapes(folder: Path) -> dict[str, Tape]:
    """All tapes of a folder by device, in the order of their first entries; UsageError where there is none."""
    tapes = [read_tape(file) for file in sorted(folder.glob("*.jsonl"))]
    if not tapes:
        raise UsageError(f"{folder}: no tape there; expected files DEVICE.jsonl as --hil-tape=record leaves them")
    tapes.sort(key=lambda tape: tape.entries[0].n if tape.entries else 0)
    return {tape.header.device: tape for tape in tapes}
