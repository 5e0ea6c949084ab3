"""What has to be undone on real devices, on the disk before anything moves, and until it is undone.

A journal is one file for each set of real addresses, in the folder that all runs share. Its first line says whose it is and
holds the bench as data, so that anybody can heal it later; then a line for each fault that is held or released. Every line is
on the disk before its fault acts. A last line without an end was never confirmed, so nothing was moved for it.

What was undone in the dark is owed a look at the steady state, before the next test gets the bench: such a line outlives its
run, and the next owner's stands behind it.

The guardian of a run has its journal locked for as long as it lives. A journal with undos that nobody has locked is stale: the
bench was left broken.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import msgspec

from hil.errors import BenchError
from hil.ports.spec import Undo  # noqa: TC001  (msgspec resolves annotations at run time)
from hil.testbed.guard.shared_file import SharedFile, shared_path
from hil.testbed.guard.steady import Owed, Steady

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hil.clock import Clock

__all__ = ["Held", "Journal", "Owner", "broken", "journals_of", "owing"]

_SUFFIX = "journal"
_POLL_S = 0.05


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose journal it is: first line of its file. ``document`` is the bench as data, ``guardian`` a process number."""

    bench: str
    run: str
    addresses: dict[str, str]
    since: float
    guardian: int
    document: dict[str, Any]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The undos of one fault; ``since`` is Unix time, ``fault`` the fault and its target in words.

    ``steady``: how its link stood before it, or before the first of those that it came into, where anybody looked.
    """

    hold: int
    fault: str
    since: float
    undos: tuple[Undo, ...]
    steady: Steady | None = None

    def __str__(self) -> str:
        return f"{self.fault} since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self.since))}"


class Journal:
    """One journal file, locked by its guardian."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = SharedFile(path)
        self.owner: Owner | None = None
        self.held: dict[int, Held] = {}
        self.owed: dict[str, Owed] = {}

    @classmethod
    def take(cls, folder: Path, addresses: Mapping[str, str], clock: Clock, patience_s: float) -> Self:
        """The journal of these real devices (name -> address), as it was left.

        A guardian that still works on it is waited for; BenchError when it does not come to an end.
        """
        return cls.at(shared_path(folder, "\n".join(sorted(addresses.values())), _SUFFIX), clock, patience_s)

    @classmethod
    def at(cls, path: Path, clock: Clock, patience_s: float) -> Self:
        """The journal in that file; as :meth:`take`."""
        journal = cls(path)
        until_ns = clock.now_ns() + round(patience_s * 1e9)
        while not journal._file.lock():
            if clock.now_ns() >= until_ns:
                journal.close()
                raise BenchError(
                    f"the guardian of another run still works on these devices after {patience_s:g} s (journal {path});"
                    " wait until it is done, or look at the bench and end it"
                )
            clock.sleep(_POLL_S)
        journal._read()
        return journal

    def begin(self, bench: str, run: str, addresses: Mapping[str, str], document: dict[str, Any]) -> None:
        """A run's guardian takes it over; what was held in it is gone, what is owed stays."""
        if not self.owed:
            self._file.clear()
        self.held.clear()
        owner = Owner(
            bench=bench,
            run=run,
            addresses=dict(addresses),
            since=time.time(),
            guardian=os.getpid(),
            document=document,
        )
        self.owner = owner
        self._file.append(msgspec.json.encode(owner))

    def hold(self, number: int, fault: str, undos: Sequence[Undo], steady: Steady | None = None) -> None:
        """The undos of one fault, on the disk when this returns."""
        held = Held(hold=number, fault=fault, since=time.time(), undos=tuple(undos), steady=steady)
        self._file.append(msgspec.json.encode(held))
        self.held[number] = held

    def release(self, number: int, *, seen: bool = True) -> None:
        """One fault is healed; unless that was ``seen`` in the steady state too, a look at that is owed."""
        held = self.held.pop(number, None)
        if held is not None:
            if not seen:
                self._owe(held)
            self._file.append(msgspec.json.encode({"release": number}))

    def finish(self) -> None:
        """Everything was undone and read back: nothing of it stays on the disk but what is owed."""
        for number in list(self.held):
            self.release(number, seen=False)
        self.tidy()

    def tidy(self) -> None:
        """Where nothing is held or owed any more, nothing stays on the disk."""
        if not self.held and not self.owed:
            self._file.clear()

    def settle(self, key: str) -> None:
        """The steady state is back, and was seen so."""
        if self.owed.pop(key, None) is not None:
            self._file.append(msgspec.json.encode({"settled": key}))

    def forget(self) -> None:
        """Somebody has looked at the bench: nothing stays on the disk."""
        self.held.clear()
        self.owed.clear()
        self._file.clear()

    def close(self) -> None:
        """Give it back as it stands."""
        self._file.close()

    def _owe(self, held: Held) -> None:
        steady, owner = held.steady, self.owner
        if steady is None or not steady.tells or owner is None:
            return
        owed = Owed(
            bench=owner.bench,
            run=owner.run,
            faults=(str(held),),
            moved=tuple(dict.fromkeys(undo.device for undo in held.undos)),
            addresses={name: owner.addresses[name] for name in steady.devices if name in owner.addresses},
            steady=steady,
        )
        before = self.owed.get(owed.key)
        self.owed[owed.key] = owed if before is None else before.with_more(owed)
        self._file.append(msgspec.json.encode({"owed": self.owed[owed.key]}))

    def _read(self) -> None:
        text = self._file.read()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):  # a line that was cut short would take the next one with it
            self._file.shorten(whole)
        self.owner, self.held, self.owed = _parsed(text)


def journals_of(folder: Path, addresses: Iterable[str]) -> list[Path]:
    """Journals that hold something and share a device with these addresses, whether anybody works on them or not."""
    wanted = set(addresses)
    return [
        path for path, owner, held, _ in _all(folder) if owner is not None and held and wanted & set(owner.addresses.values())
    ]


def owing(folder: Path, addresses: Iterable[str]) -> list[tuple[Path, Owed]]:
    """Looks at a steady state that are owed to links with any of the devices at these addresses."""
    wanted = set(addresses)
    found = [(path, each) for path, _, _, owed in _all(folder) for each in owed.values()]
    return [(path, each) for path, each in found if wanted & set(each.addresses.values())]


def broken(folder: Path, addresses: Iterable[str]) -> list[str]:
    """In words, what was left broken of the devices at these addresses, by runs whose guardian is gone too."""
    words = []
    for path in journals_of(folder, addresses):
        journal = Journal(path)
        try:
            if not journal._file.lock():  # noqa: SLF001  (its own class)
                continue
            journal._read()  # noqa: SLF001
            if journal.owner is not None:
                faults = ", ".join(map(str, journal.held.values()))
                words.append(f"bench {journal.owner.bench} was left broken by {journal.owner.run}: {faults}")
        finally:
            journal.close()
    return words


def _all(folder: Path) -> Iterator[tuple[Path, Owner | None, dict[int, Held], dict[str, Owed]]]:
    for path in sorted(folder.glob(f"hil-*.{_SUFFIX}")):
        with suppress(OSError):
            yield (path, *_parsed(path.read_bytes()))


def _parsed(text: bytes) -> tuple[Owner | None, dict[int, Held], dict[str, Owed]]:
    """Whose it is, what is held, what is owed; a line cut short counts as not written."""
    owner: Owner | None = None
    held: dict[int, Held] = {}
    owed: dict[str, Owed] = {}
    for line in text.split(b"\n")[:-1]:
        try:
            words = msgspec.json.decode(line)
            if "document" in words:
                owner = msgspec.convert(words, Owner)
                held.clear()
            elif "release" in words:
                held.pop(words["release"], None)
            elif "owed" in words:
                one = msgspec.convert(words["owed"], Owed)
                owed[one.key] = one
            elif "settled" in words:
                owed.pop(words["settled"], None)
            else:
                each = msgspec.convert(words, Held)
                held[each.hold] = each
        except msgspec.MsgspecError:
            if owner is None:  # nobody's journal
                break
    return owner, held, owed
