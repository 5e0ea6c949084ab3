"""A run's end of the connection to its guardian: how that is started or found, told, and let go.

The guardian of this machine is a process in a session of its own: it does not hear of Ctrl-C, nor does a CI system find it
among its orphans. A run in a container uses one on the lab host, ``hil guard --listen``. Either is told every undo before
anything moves; when this process ends without having taken them back, or hangs, it makes the bench safe.
"""

from __future__ import annotations

import faulthandler
import hmac
import itertools
import json
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any, Self

import msgspec

from hil.errors import BenchError
from hil.testbed.guard.greeting import connect, greeted
from hil.testbed.guard.lease import LEASE_S
from hil.testbed.guard.steady import Owed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from hil.bench.model import Bench
    from hil.ports.spec import Undo
    from hil.testbed.guard.steady import Steady

__all__ = ["HUNTED_BY", "Guardian", "status"]

logger = logging.getLogger("hil.testbed")

HUNTED_BY = ("BUILD_ID", "JENKINS_NODE_COOKIE", "RUNNER_TRACKING_ID")
"""Environment variables by which CI systems find and end the processes a job left behind."""
_START_S = 60.0
"""It may first have to wait for another guardian, and heal what was left."""
_ANSWER_S = 5.0
_END_S = 30.0
_BEATS = 8
"""Heartbeats within a lease."""
_LONGEST_BEAT_S = 1.0


class Guardian:
    """A connection to a guardian; :meth:`start` makes one to a process of its own.

    ``tidings``: in words, what earlier runs had left broken and was healed first; ``owed``: of what was healed nobody has seen
    yet that the steady state is back. ``where`` names the guardian for messages, ``unfit`` says why nothing real may be broken
    under it; empty where it may.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes], *, where: str, unfit: str = "") -> None:
        self.where = where
        self.unfit = unfit
        self.tidings: tuple[str, ...] = ()
        self.owed: tuple[Owed, ...] = ()
        self.pid = 0
        self._incoming = incoming
        self._outgoing = outgoing
        self._lost = False
        self._closed = False
        self._numbers = itertools.count(1)
        self._writing = threading.Lock()
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._ended = threading.Event()
        self._at_close = ExitStack()
        self._reader = threading.Thread(target=self._listen, name="hil-guardian", daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls,
        bench: Bench,
        simulated: Collection[str] = (),
        *,
        log: Path | None = None,
        run: str = "",
        lease_s: float = LEASE_S,
        clear: bool = False,
        unfit: str = "",
    ) -> Self:
        """Start one for the real devices of the bench and wait until it is ready; what it does is appended to ``log``.

        BenchError when it does not come up, when another's does not come to an end, and for devices in quarantine, unless it
        is there to ``clear`` that.
        """
        environment = {name: value for name, value in os.environ.items() if name not in HUNTED_BY}
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)  # for drivers of anyone's
        with open(log, "ab") if log else open(os.devnull, "wb") as errors:  # noqa: PTH123
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hil.testbed.guard.guarding"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        guardian = cls(process.stdout, process.stdin, where=f"process {process.pid}", unfit=unfit)
        guardian._at_close.callback(_reap, process)
        try:
            guardian.greet(bench, simulated, run=run, lease_s=lease_s, clear=clear)
        except BaseException:
            process.kill()
            guardian.close()
            raise
        return guardian

    @classmethod
    def connect(
        cls,
        address: str,
        token: bytes,
        bench: Bench,
        simulated: Collection[str] = (),
        *,
        run: str = "",
        lease_s: float = LEASE_S,
        clear: bool = False,
    ) -> Self:
        """Use the one that listens at this address; it leases the devices as well. BenchError where it cannot be used."""
        try:
            connection = connect(address)
        except OSError as error:
            raise BenchError(
                f"no guardian listens at {address} ({error}); start `hil guard --listen` there, or leave --hil-guard out"
            ) from error
        incoming, outgoing = connection.makefile("rb"), connection.makefile("wb")
        welcome = incoming.readline()
        guardian = cls(incoming, outgoing, where=f"at {address}")
        guardian._at_close.callback(connection.close)
        guardian._at_close.callback(_hang_up, connection)
        try:
            guardian.greet(bench, simulated, run=run, lease_s=lease_s, clear=clear, welcome=welcome, token=token)
        except BaseException:
            guardian.close()
            raise
        return guardian

    def greet(
        self,
        bench: Bench,
        simulated: Collection[str],
        *,
        run: str,
        lease_s: float,
        clear: bool,
        welcome: bytes = b"",
        token: bytes = b"",
    ) -> None:
        """Say whom it guards, and hear what it found; BenchError as :meth:`start`, and for a stranger."""
        hello = {
            "bench": msgspec.to_builtins(bench),
            "simulated": sorted(simulated),
            "holder": os.getpid(),
            "run": run or f"process {os.getpid()}",
            "lease_s": lease_s,
            "clear": clear,
        }
        expected = ""
        if token:
            try:
                hello, expected = greeted(hello, welcome, token)
            except (ValueError, KeyError):
                raise BenchError(f"who listens {self.where} is no guardian") from None
        answer = self._tell(hello, _START_S)
        if not hmac.compare_digest(str(answer.get("proof", "")), expected):
            self._lost = True
            raise BenchError(f"who listens {self.where} does not know the token of its guardian; nothing is entrusted to it")
        self.pid = answer["ready"]
        self.tidings = tuple(answer["tidings"])
        self._hear_owed(answer)

    def beats(self, silent_s: Callable[[], float], lease_s: float, *besides: Callable[[float], None]) -> None:
        """From now on tell it, several times in a lease, how long the test has been silent; ``besides`` are told as well."""

        def work() -> None:
            while not self._ended.wait(min(lease_s / _BEATS, _LONGEST_BEAT_S)):
                silent = silent_s()
                with suppress(OSError, ValueError):
                    self._write({"beat": round(silent, 3)})
                for tell in besides:
                    tell(silent)

        thread = threading.Thread(target=work, name="hil-heartbeat", daemon=True)
        thread.start()
        self._at_close.callback(thread.join)

    def hold(self, number: int, undos: Iterable[Undo], fault: str = "a fault", *, steady: Steady | None = None) -> None:
        """Leave the undos of one fault with it; returns once it has them on its disk. BenchError when it does not answer.

        ``steady``: how the link stood before, to be compared with once somebody else has healed it.
        """
        told = [{"device": undo.device, "setting": undo.setting, "value": undo.value} for undo in undos]
        self._tell({"hold": number, "undos": told, "fault": fault, "steady": msgspec.to_builtins(steady)})

    def release(self, number: int, *, seen: bool = True) -> None:
        """The fault is healed: nothing is left to undo of it; unless that was ``seen``, a look at the steady state is owed."""
        self._hear_owed(self._tell({"release": number, "seen": seen}))

    def settle(self, owed: Owed) -> None:
        """That steady state is back."""
        self._hear_owed(self._tell({"settled": owed.key}))

    def quarantine(self, devices: Iterable[str], why: str) -> None:
        """Keep every later run from these devices."""
        self._tell({"quarantine": why, "devices": sorted(devices)})

    def clear(self) -> None:
        """Give the devices of this bench back to later runs."""
        self._tell({"clear": True})

    def close(self) -> None:
        """Say goodbye; what it still holds it heals first. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._ended.set()
        try:
            if not self._lost:
                with suppress(BenchError):  # it may be gone already
                    self._tell({"bye": True}, _END_S)
        finally:
            with suppress(OSError):
                self._outgoing.close()
            self._at_close.close()
            self._reader.join()
            self._incoming.close()

    def _hear_owed(self, answer: dict[str, Any]) -> None:
        self.owed = tuple(msgspec.convert(answer.get("owed", []), list[Owed]))

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._incoming:
                words = json.loads(line)
                if "end" in words:
                    self._end_ourselves(words["end"])
                else:
                    self._answers.put(words)
        self._lost = True
        self._answers.put(None)
        if not self._closed and self.pid:
            logger.warning("the guardian (%s) is gone; nothing real is broken from here on", self.where)

    def _end_ourselves(self, why: str) -> None:
        """It takes us for hung and cannot end us from where it is: by now it moves the devices, so nothing here may."""
        logger.critical("the guardian (%s) ends this process: %s", self.where, why)
        if not faulthandler.is_enabled():
            faulthandler.enable()
        os.abort()  # which says where every thread was

    def _write(self, words: dict[str, Any]) -> None:
        with self._writing:
            self._outgoing.write(msgspec.json.encode(words) + b"\n")
            self._outgoing.flush()

    def _tell(self, words: dict[str, Any], timeout_s: float = _ANSWER_S) -> dict[str, Any]:
        """Its answer to this very question: one that was interrupted may still be answered."""
        number = next(self._numbers)
        reason = f"no answer within {timeout_s:g} s"
        until_s = time.monotonic() + timeout_s
        try:
            if self._lost:
                raise BrokenPipeError("its connection is closed")
            self._write(words | {"seq": number})
            while (answer := self._answers.get(timeout=max(until_s - time.monotonic(), 0.0))) is not None:
                if answer.get("seq") != number:
                    continue
                if "error" not in answer:
                    return answer
                raise BenchError(f"the guardian ({self.where}) refuses: {answer['error']}")
            reason = "its connection is closed"
        except (OSError, ValueError) as error:
            reason = str(error)
        except queue.Empty:
            pass
        self._lost = True
        raise BenchError(
            f"the guardian ({self.where}) did not confirm ({reason}); nothing real is moved without it."
            " Close the bench and open it again"
        )


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side may have done so
        connection.shutdown(socket.SHUT_RDWR)


def status(address: str, token: bytes) -> dict[str, Any]:
    """What a listening guardian says of itself: ``ready`` is its process, ``guards`` how many runs; BenchError as there."""
    try:
        with connect(address) as connection, connection.makefile("rb") as incoming:
            words, expected = greeted({"status": True, "seq": 1}, incoming.readline(), token)
            connection.sendall(msgspec.json.encode(words) + b"\n")
            answer: dict[str, Any] = json.loads(incoming.readline())
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"no guardian listens at {address}: {error}") from error
    if not hmac.compare_digest(str(answer.get("proof", "")), expected):
        raise BenchError(f"the guardian at {address} refuses: {answer.get('error', 'it does not know its token')}")
    return answer


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
