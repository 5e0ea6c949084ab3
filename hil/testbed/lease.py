"""Who may use the real devices of a bench on this machine: one process at a time, all of its devices or none.

Each device has a lock file by its address, so that two bench files that name one device exclude each other. The operating
system holds the lock and lets go of it when its holder dies, however that comes about; the file says who that is.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import msgspec

from hil.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Holder", "Lease"]

logger = logging.getLogger("hil.testbed")

_FAR = 1 << 30


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a device, as written into its lock file; ``since`` is Unix time."""

    bench: str
    device: str
    address: str
    pid: int
    command: str
    since: float

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} ({self.command}) with bench {self.bench} since {when}"


class Lease:
    """The lock files of some devices, held until :meth:`close`."""

    def __init__(self, files: list[IO[bytes]]) -> None:
        self._files = files

    @classmethod
    def take(cls, bench: str, addresses: Mapping[str, str], *, folder: Path | None = None) -> Self:
        """Lease these devices (name -> address), or none: BenchError names who holds one of them.

        What a process that died had leased is taken over, and that is logged.
        """
        folder = folder or Path(tempfile.gettempdir())
        lease = cls([])
        try:
            # in one order for everybody, so that two that want the same do not each get half
            for device, address in sorted(addresses.items(), key=lambda item: item[1]):
                lease._files.append(_locked(_path(folder, address), bench, device, address))
        except BaseException:
            lease.close()
            raise
        return lease

    def close(self) -> None:
        """Give every device back; a second call does nothing."""
        while self._files:
            file = self._files.pop()
            with suppress(OSError):
                file.truncate(0)
            _unlock(file)
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _path(folder: Path, address: str) -> Path:
    return folder / f"hil-{hashlib.blake2b(address.encode(), digest_size=8).hexdigest()}.lease"


def _locked(path: Path, bench: str, device: str, address: str) -> IO[bytes]:
    """The device's lock file, locked and with our name in it. The file stays: removing it would let two in."""
    file = os.fdopen(_open(path), "r+b", buffering=0)
    if not _lock(file):
        holder = _holder(file) or "its holder has not said who it is"
        file.close()
        raise BenchError(f"{device} at {address} is in use: {holder}. Wait until that is done, or end it")
    try:
        if (before := _holder(file)) is not None:
            logger.warning("%s: taken over from %s, which ended without giving it back", device, before)
        file.seek(0)
        file.truncate(0)
        command = Path(sys.argv[0]).name or "python"
        holder = Holder(bench=bench, device=device, address=address, pid=os.getpid(), command=command, since=time.time())
        file.write(msgspec.json.encode(holder))
    except BaseException:
        file.close()
        raise
    return file


def _open(path: Path) -> int:
    """The file for reading and writing by every user of this machine, as they share the bench."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags)  # not to be created: systems refuse that for a file of another user in /tmp
    except FileNotFoundError:
        handle = os.open(path, flags | os.O_CREAT, 0o666)
        path.chmod(0o666)
        return handle


def _holder(file: IO[bytes]) -> Holder | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=Holder)
    except msgspec.MsgspecError:
        return None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        # a byte far behind the text: Windows lets nobody read what is locked
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(_FAR)
        with suppress(OSError):
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
