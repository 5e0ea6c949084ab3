"""A port that plays a written conversation: byte for byte what a driver must send, and what it gets back.

For driver tests, our own and anyone's: no device, no socket, no time.
"""

from __future__ import annotations

from typing import Literal

from hil.transports.port import unreachable

__all__ = ["ScriptedPort", "Turn"]

Turn = tuple[Literal[">", "<", "silence", "hangup"], bytes]
"""``(">", bytes)`` the driver must send; ``("<", bytes)`` the device answers; ``("silence", b"")`` one read times out;
``("hangup", b"")`` the connection ends."""


class ScriptedPort:
    """Plays ``turns`` strictly in order; AssertionError on anything else. Call :meth:`finish` at the end.

    A timeout takes no time: ``("silence", b"")``, or the end of what the device says, ends a read at once.
    """

    def __init__(self, turns: list[Turn], *, device: str = "scripted", reopens_clean: bool = True) -> None:
        self.device = device
        self.resource = f"script of {device}"
        self.reopens_clean = reopens_clean
        self.opened = 0
        self.is_open = False
        self._turns = list(turns)
        self._played = 0

    def open(self, timeout_s: float) -> None:  # noqa: ARG002  (nothing to wait for)
        """Count how often it was opened."""
        self.opened += 1
        self.is_open = True

    def close(self) -> None:
        """Remember that it is closed."""
        self.is_open = False

    def send(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002
        """Compare with what the script expects next."""
        kind, expected = self._next()
        if kind != ">" or bytes(data) != expected:
            raise AssertionError(f"turn {self._played}: sent {bytes(data)!r}, the script has {kind} {expected!r}")

    def receive(self, count: int, timeout_s: float, stop: bytes) -> bytes:  # noqa: ARG002
        """The device's next bytes."""
        if not self._turns or self._turns[0][0] == ">":
            return b""
        kind, data = self._next()
        if kind == "hangup":
            raise unreachable(self, "the script hangs up")
        if len(data) > count:
            self._turns.insert(0, ("<", data[count:]))
        return data[:count]

    def waiting(self) -> bool:
        """Nothing comes unasked: what the device says next is its answer."""
        return False

    def finish(self) -> None:
        """AssertionError when part of the script was not played."""
        if self._turns:
            raise AssertionError(f"{self.device}: {len(self._turns)} turns left over, next {self._turns[0]!r}")

    def _next(self) -> Turn:
        if not self._turns:
            raise AssertionError(f"{self.device}: the script ended after {self._played} turns")
        self._played += 1
        return self._turns.pop(0)
