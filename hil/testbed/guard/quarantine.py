"""Devices that nobody may use until somebody has looked: what could not be healed, or brought to its safe state.

A quarantine is a file by the device's address beside its lease, so that every bench file which names the device is refused.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from hil.testbed.guard.shared_file import SharedFile, shared_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Quarantine", "clear", "impose", "in_force"]

_SUFFIX = "quarantine"


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Why a device is not to be used; ``since`` is Unix time."""

    device: str
    address: str
    bench: str
    run: str
    since: float
    why: str

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.device} at {self.address} is quarantined since {when} by {self.run}: {self.why}"


def impose(folder: Path, bench: str, run: str, troubles: Iterable[tuple[str, str, str]]) -> None:
    """Quarantine devices: ``troubles`` are device, address and why. The first reason stands."""
    for device, address, why in troubles:
        with SharedFile(shared_path(folder, address, _SUFFIX)) as file:
            if not file.read().strip():
                said = Quarantine(device=device, address=address, bench=bench, run=run, since=time.time(), why=why)
                file.append(msgspec.json.encode(said))


def in_force(folder: Path, addresses: Mapping[str, str]) -> list[Quarantine]:
    """Of these devices (name -> address), those that are quarantined."""
    found = []
    for address in addresses.values():
        with suppress(OSError, msgspec.MsgspecError):
            text = shared_path(folder, address, _SUFFIX).read_bytes()
            if text.strip():
                found.append(msgspec.json.decode(text, type=Quarantine))
    return found


def clear(folder: Path, addresses: Mapping[str, str]) -> None:
    """The devices at these addresses may be used again."""
    for address in addresses.values():
        path = shared_path(folder, address, _SUFFIX)
        if path.exists():
            with SharedFile(path) as file:
                file.clear()
