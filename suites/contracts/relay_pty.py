"""A relay of a serial line that is a pseudo terminal."""

from __future__ import annotations

import os
import select
import tempfile
from contextlib import suppress
from pathlib import Path

from hil.suites.contracts.relay import CHUNK, PATIENCE_S, Relay

__all__ = ["PtyRelay"]


class _Terminal:
    """An end of a pseudo terminal."""

    def __init__(self, *descriptors: int) -> None:
        self._descriptors = descriptors

    def fileno(self) -> int:
        return self._descriptors[0]

    def take(self) -> bytes:
        try:
            return os.read(self.fileno(), CHUNK)
        except OSError:
            return b""

    def give(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self.fileno(), data)

    def arrived(self) -> None:
        """The system carries it over in its own time."""
        select.select(self._descriptors[1:], [], [], PATIENCE_S)

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)


class PtyRelay(Relay):
    """A relay of one serial line, reached by a link that stays while the terminal behind it is another after a break."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = tempfile.TemporaryDirectory(prefix="hil-contract-")
        self._link = Path(self._folder.name) / "line"
        super().__init__(f"ASRL{self._link}::INSTR")

    def _listen(self) -> None:
        if self._pairs:
            return
        import tty

        master, slave = os.openpty()  # type: ignore[attr-defined, unused-ignore]
        tty.setraw(slave)  # type: ignore[attr-defined, unused-ignore]
        self._link.symlink_to(os.ttyname(slave))  # type: ignore[attr-defined, unused-ignore]
        flags = os.O_RDWR | os.O_NOCTTY  # type: ignore[attr-defined, unused-ignore]
        self._pair(_Terminal(master, slave), _Terminal(os.open(self._path, flags)))

    def _deafen(self) -> None:
        self._link.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._folder.cleanup()
