"""The process that heals a real bench when this one dies: how it is started, told and let go.

It runs in a session of its own and does not hear of Ctrl-C, nor does a CI system find it among its orphans. It is told every
undo before anything moves; when this process ends without having taken them back, it opens the drivers and carries them out.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import msgspec

from hil.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from hil.bench.model import Bench
    from hil.ports.spec import Undo

__all__ = ["HUNTED_BY", "Guardian"]

HUNTED_BY = ("BUILD_ID", "JENKINS_NODE_COOKIE", "RUNNER_TRACKING_ID")
"""Environment variables by which CI systems find and end the processes a job left behind."""
_START_S = 30.0
_ANSWER_S = 5.0
_END_S = 10.0


class Guardian:
    """This process's end of the pipe to its guardian; :meth:`start` makes it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lost = False
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._listen, name="hil-guardian", daemon=True)
        self._reader.start()

    @classmethod
    def start(cls, bench: Bench, devices: Collection[str], *, log: Path | None = None) -> Self:
        """Start it for these devices of the bench and wait until it is ready; what it does is appended to ``log``.

        BenchError when it does not come up.
        """
        environment = {name: value for name, value in os.environ.items() if name not in HUNTED_BY}
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)  # for drivers of anyone's
        with open(log, "ab") if log else open(os.devnull, "wb") as errors:  # noqa: PTH123
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hil.testbed.guarding"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        guardian = cls(process)
        try:
            hello = {"bench": msgspec.to_builtins(bench), "devices": sorted(devices), "holder": os.getpid()}
            guardian._tell(hello, "ready", _START_S)
        except BaseException:
            process.kill()
            guardian.close()
            raise
        return guardian

    @property
    def pid(self) -> int:
        """Process number of the guardian."""
        return self._process.pid

    def hold(self, number: int, undos: Iterable[Undo]) -> None:
        """Leave the undos of one fault with it; returns once it has them. BenchError when it does not answer."""
        told = [{"device": undo.device, "setting": undo.setting, "value": undo.value} for undo in undos]
        self._tell({"hold": number, "undos": told}, "held", _ANSWER_S)

    def release(self, number: int) -> None:
        """The fault is healed: nothing is left to undo of it."""
        self._tell({"release": number}, "released", _ANSWER_S)

    def close(self) -> None:
        """Let it go; what it still holds it heals first. A second call does nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it may be gone already
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(msgspec.json.decode(line))
        self._answers.put(None)

    def _tell(self, words: dict[str, Any], expected: str, timeout_s: float) -> None:
        assert self._process.stdin is not None
        answer = None
        try:
            if self._lost:  # a late answer must not be taken for the present one
                raise BrokenPipeError
            self._process.stdin.write(msgspec.json.encode(words) + b"\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=timeout_s)
            self._lost = answer is None
        except (OSError, ValueError, queue.Empty):
            self._lost = True
        if answer is None or expected not in answer:
            reason = (answer or {}).get("error", f"no answer within {timeout_s:g} s")
            raise BenchError(
                f"the guardian process {self.pid} did not confirm ({reason}); nothing real is moved without it."
                " Close the bench and open it again"
            )
