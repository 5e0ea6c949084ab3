"""Who may use the real devices of a bench on this machine: one process at a time, all of its devices or none.

Each device has a lock file by its address, so that two bench files that name one device exclude each other. The operating
system holds the lock and lets go of it when its holder dies, however that comes about; the file says who that is.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from hil.errors import BenchError
from hil.testbed.guard.shared_file import SharedFile, shared_path, state_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEASE_S", "Holder", "Lease", "holders"]

logger = logging.getLogger("hil.testbed")

_SUFFIX = "lease"

LEASE_S = 120.0
"""How long a test may show no sign of life, unless said otherwise."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a device, as written into its lock file; ``since`` and ``alive`` are Unix times.

    ``alive``: its test's last sign of life, written anew with each heartbeat; ``lease_s``: how long it may be silent,
    zero for the guard of a run elsewhere, which judges that itself.
    """

    bench: str
    device: str
    address: str
    pid: int
    command: str
    since: float
    alive: float
    lease_s: float

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} ({self.command}) with bench {self.bench} since {when}"

    @property
    def file(self) -> str:
        """The name of its lock file."""
        return shared_path(Path(), self.address, _SUFFIX).name

    @property
    def silent_s(self) -> float:
        """How long its test has shown no sign of life."""
        return max(time.time() - self.alive, 0.0)

    @property
    def hung(self) -> bool:
        """Whether it has been silent for longer than it said it could be."""
        return 0.0 < self.lease_s < self.silent_s


class Lease:
    """The lock files of some devices, held until :meth:`close`."""

    def __init__(self) -> None:
        self._files: list[tuple[SharedFile, Holder]] = []

    @classmethod
    def take(cls, bench: str, addresses: Mapping[str, str], *, folder: Path | None = None, lease_s: float = LEASE_S) -> Self:
        """Lease these devices (name -> address), or none: BenchError names who holds one of them.

        What a process that died had leased is taken over, and that is logged.
        """
        folder = folder or state_folder()
        lease = cls()
        try:
            # in one order for everybody, so that two that want the same do not each get half
            for device, address in sorted(addresses.items(), key=lambda item: item[1]):
                lease._add(shared_path(folder, address, _SUFFIX), bench, device, address, lease_s)
        except BaseException:
            lease.close()
            raise
        return lease

    def beat(self, silent_s: float) -> None:
        """Write down that the test was alive so many seconds ago."""
        alive = time.time() - silent_s
        for file, holder in self._files:
            with suppress(OSError, ValueError):  # a full disk ends no run, and the lease may just be closing
                file.overwrite(msgspec.json.encode(msgspec.structs.replace(holder, alive=alive)))

    def close(self) -> None:
        """Give every device back; a second call does nothing."""
        while self._files:
            file, _ = self._files.pop()
            with suppress(OSError):
                file.clear()
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, path: Path, bench: str, device: str, address: str, lease_s: float) -> None:
        file = SharedFile(path)
        if not file.lock():
            who = _holder(file.read()) or "its holder has not said who it is"
            file.close()
            raise BenchError(f"{device} at {address} is in use: {who}. Wait until that is done, or end it")
        try:
            if (before := _holder(file.read())) is not None:
                logger.warning("%s: taken over from %s, which ended without giving it back", device, before)
            now = time.time()
            holder = Holder(
                bench=bench,
                device=device,
                address=address,
                pid=os.getpid(),
                command=Path(sys.argv[0]).name or "python",
                since=now,
                alive=now,
                lease_s=lease_s,
            )
            file.clear()
            file.overwrite(msgspec.json.encode(holder))
        except BaseException:
            file.close()
            raise
        self._files.append((file, holder))


def holders(addresses: Mapping[str, str], *, folder: Path | None = None) -> list[Holder]:
    """Who has one of these devices leased at present."""
    found = []
    for address in addresses.values():
        path = shared_path(folder or state_folder(), address, _SUFFIX)
        if not path.exists():
            continue
        with SharedFile(path) as file:
            if not file.lock() and (holder := _holder(file.read())) is not None:
                found.append(holder)
    return found


def _holder(text: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(text, type=Holder)
    except msgspec.MsgspecError:
        return None
