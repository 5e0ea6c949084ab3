"""Files that every run on this machine shares, whoever started it: leases, journals of undos, quarantines.

They lie in one folder, can be written by every user as the bench is shared too, and stay once made: removing a file that
somebody has locked would let a second one lock its successor.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["SharedFile", "shared_path", "state_folder"]

_FAR = 1 << 30


def state_folder() -> Path:
    """``HIL_STATE_DIR``, else ``/var/tmp``, which outlives a restart of the machine, else the folder for temporary files."""
    if told := os.environ.get("HIL_STATE_DIR"):
        folder = Path(told).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    lasting = Path("/var/tmp")  # noqa: S108  (files here are opened without following links)
    return lasting if os.access(lasting, os.W_OK) else Path(tempfile.gettempdir())


def shared_path(folder: Path, what: str, suffix: str) -> Path:
    """The file about ``what`` (an address, several) with that suffix."""
    return folder / f"hil-{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}.{suffix}"


class SharedFile:
    """One such file, open for reading and writing; everything written is on the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.fdopen(_open(path), "r+b", buffering=0)
        self._locked = False

    def lock(self) -> bool:
        """Whether nobody else has it. The system gives it back when this process ends, however that comes about."""
        self._locked = _lock(self._file.fileno())
        return self._locked

    def read(self) -> bytes:
        """All of it."""
        self._file.seek(0)
        return self._file.read()

    def overwrite(self, text: bytes) -> None:
        """From its beginning, in one write, filled up with spaces over what was longer: readers see the old or the new."""
        before = os.fstat(self._file.fileno()).st_size
        self._file.seek(0)
        self._file.write(text.ljust(before))

    def append(self, line: bytes) -> None:
        """A line at its end, and wait until the disk has it; OSError, and nothing of it is there, where it does not fit."""
        size = self._file.seek(0, os.SEEK_END)
        left = memoryview(line + b"\n")
        try:
            while left:  # a disk that gets full takes a part, and refuses the rest
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError:
            with suppress(OSError):
                self._file.truncate(size)
            raise

    def clear(self) -> None:
        """Nothing is left in it."""
        self.shorten(0)

    def shorten(self, size: int) -> None:
        """So many bytes of it are left."""
        self._file.truncate(size)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Give the lock back; a second call does nothing."""
        if not self._file.closed:
            if self._locked:
                _unlock(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path) -> int:
    """The file for reading and writing by every user of this machine, as they share the bench."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, flags)  # not to be created: systems refuse that for a file of another user in /tmp
    except FileNotFoundError:
        handle = os.open(path, flags | os.O_CREAT, 0o666)
        path.chmod(0o666)
        return handle


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        # a byte far behind the text: Windows lets nobody read what is locked
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        with suppress(OSError):
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
