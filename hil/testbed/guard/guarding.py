"""A guardian at work: ``python -m hil.testbed.guard.guarding``, started by :class:`hil.testbed.guard.guardian.Guardian`.

Lines of JSON come in (the bench and its holder first, then what to hold and to release, and heartbeats) and are confirmed, all
but heartbeats. When the connection ends without a goodbye, when the holder's process does (a child of it may keep the pipe
open), or when its test shows no sign of life for longer than its lease, the bench is made safe: dark, every undo carried out,
last in, first out, and parked.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import IO, Any

import msgspec

from hil.bench.model import Bench
from hil.clock import SystemClock
from hil.errors import BenchError, HilError
from hil.ports.spec import Undo
from hil.testbed.guard import quarantine
from hil.testbed.guard.holder import Holder
from hil.testbed.guard.journal import Journal, journals_of, owing
from hil.testbed.guard.lease import Lease
from hil.testbed.guard.shared_file import state_folder
from hil.testbed.guard.steady import Steady
from hil.testbed.guard.ward import Outcome, Ward, guarded

__all__ = ["Session", "guard", "main"]

logger = logging.getLogger("hil.guardian")

_PATIENCE_S = 20.0
"""How long the guardian of a run that just died may still be at work."""
_STALE_PATIENCE_S = 1.0
_TICK_S = 0.1


class Session:
    """One holder, its devices, and what is held for it, from the first line it says.

    ``elsewhere``: the holder may be on another machine, or in a container: its devices are leased here, on its behalf.
    """

    def __init__(self, hello: dict[str, Any], *, elsewhere: bool = False, holder: int | None = None) -> None:
        self._bench = msgspec.convert(hello["bench"], Bench)
        self._addresses = guarded(self._bench, hello["simulated"])
        self._run = str(hello["run"])
        self._lease_s = float(hello["lease_s"])
        self._folder = state_folder()
        self._stack = ExitStack()
        self._alive_s = time.monotonic()
        self.holder = Holder(holder)
        self.tidings: list[str] = []
        with ExitStack() as stack:
            self._lease = Lease.take(self._bench.bench.name, self._addresses, lease_s=0.0) if elsewhere else None
            if self._lease is not None:
                stack.callback(self._lease.close)
            self._journal = Journal.take(self._folder, self._addresses, SystemClock(), _PATIENCE_S)
            stack.callback(self._journal.close)
            self._heal_stale()
            if not hello["clear"]:
                self._refuse_quarantined()
            self._ward = Ward(self._bench, self._addresses)
            self._journal.begin(self._bench.bench.name, self._run, self._addresses, hello["bench"])
            stack.callback(self.holder.close)
            self._stack = stack.pop_all()

    # --- what it is told ----------------------------------------------------------------------------------------------

    def obey(self, words: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a line, None for a heartbeat."""
        if "beat" in words:
            self._alive_s = time.monotonic() - float(words["beat"])
            return None
        try:
            return self._carry_out(words)
        except OSError as error:  # a full disk, say: what is not on it is not confirmed
            return {"error": f"its journal cannot be written: {error}"}

    def _carry_out(self, words: dict[str, Any]) -> dict[str, Any]:
        if "release" in words:
            self._journal.release(words["release"], seen=words["seen"])
            return {"owed": self.owed}
        if "settled" in words:
            self._settle(words["settled"])
            return {"owed": self.owed}
        if "quarantine" in words:
            self._impose([(name, words["quarantine"]) for name in words["devices"]])
            return {}
        if "clear" in words:
            self._clear()
            return {}
        return self._hold(words)

    @property
    def owed(self) -> list[Any]:
        """Looks at a steady state that this bench owes, of whatever run."""
        return [msgspec.to_builtins(each) for _, each in owing(self._folder, self._addresses.values())]

    @property
    def silent_s(self) -> float:
        """How long the holder's test has shown no sign of life."""
        return time.monotonic() - self._alive_s

    @property
    def overdue(self) -> bool:
        """Whether that is longer than its lease."""
        return self.silent_s > self._lease_s

    def _hold(self, words: dict[str, Any]) -> dict[str, Any]:
        undos = [Undo(**each) for each in words["undos"]]
        steady = msgspec.convert(words["steady"], Steady | None)
        if strangers := [undo.device for undo in undos if undo.device not in self._ward]:
            return {"error": f"it does not guard {strangers[0]}"}
        self._journal.hold(words["hold"], words["fault"], undos, steady)
        return {}

    # --- its end ------------------------------------------------------------------------------------------------------

    def leave(self) -> bool:
        """The holder said goodbye: what it still holds is healed and the bench parked again; whether all is well."""
        return self._make_safe() if self._journal.held else self._close(Outcome())

    def rescue(self) -> bool:
        """The holder is gone, or hung: end it, and make its bench safe; whether all is well."""
        self.holder.end()
        if self._lease is not None:
            self._lease.close()  # as the holder's own would have ended with it: who comes next waits for the journal
        return self._make_safe()

    def _make_safe(self) -> bool:
        started_s = time.monotonic()
        outcome = self._ward.make_safe(self._journal.held.values())
        logger.info("safe after %.3f s, with %d troubles", time.monotonic() - started_s, len(outcome.troubles))
        self._impose(outcome.troubles)
        return self._close(outcome)

    def _close(self, outcome: Outcome) -> bool:
        if not outcome.troubles:
            self._journal.finish()
        self._stack.close()
        return not outcome.troubles

    def _impose(self, troubles: list[tuple[str, str]]) -> None:
        known = [(name, self._addresses[name], why) for name, why in troubles if name in self._addresses]
        quarantine.impose(self._folder, self._bench.bench.name, self._run, known)

    # --- what others left ---------------------------------------------------------------------------------------------

    def _heal_stale(self) -> None:
        """Everything that an earlier run left broken and nobody healed."""
        self._heal(self._journal)
        for path in journals_of(self._folder, self._addresses.values()):
            if path != self._journal.path:
                other = Journal.at(path, SystemClock(), _PATIENCE_S)
                try:
                    self._heal(other)
                finally:
                    other.close()

    def _heal(self, journal: Journal) -> None:
        owner = journal.owner
        if owner is None or not journal.held:
            return
        bench = msgspec.convert(owner.document, Bench)
        beyond = {name: address for name, address in owner.addresses.items() if address not in self._addresses.values()}
        with Lease.take(owner.bench, beyond):
            ward = Ward(bench, owner.addresses, patience_s=_STALE_PATIENCE_S)
            outcome = ward.make_safe(journal.held.values())
        left = "; ".join(map(str, journal.held.values()))
        words = f"bench {owner.bench} was left broken by {owner.run}: {left}"
        if outcome.troubles:
            said = [(name, owner.addresses[name], f"{words}; {why}") for name, why in outcome.troubles]
            quarantine.impose(self._folder, owner.bench, owner.run, said)
            self.tidings.append(f"{words}; NOT healed: {'; '.join(f'{name} {why}' for name, why in outcome.troubles)}")
            return
        journal.finish()
        later = "; whether the steady state is back is looked at before the next test" if journal.owed else ""
        self.tidings.append(f"{words}; healed: {', '.join(outcome.healed)}{later}")

    def _clear(self) -> None:
        """The bench was parked and seen so: whatever could not be healed before, or be seen to be, is forgotten."""
        quarantine.clear(self._folder, self._addresses)
        for _, each in owing(self._folder, self._addresses.values()):
            self._settle(each.key)
        for path in journals_of(self._folder, self._addresses.values()):
            if path != self._journal.path:
                other = Journal.at(path, SystemClock(), _PATIENCE_S)
                other.forget()
                other.close()

    def _settle(self, key: str) -> None:
        """A look that was owed was taken; whichever journal has it."""
        for path, each in owing(self._folder, self._addresses.values()):
            if each.key == key:
                journal = self._journal if path == self._journal.path else Journal.at(path, SystemClock(), _PATIENCE_S)
                journal.settle(key)
                if journal is not self._journal:
                    journal.tidy()
                    journal.close()

    def _refuse_quarantined(self) -> None:
        if found := quarantine.in_force(self._folder, self._addresses):
            raise BenchError(
                "; ".join(map(str, found))
                + ". Look at the device, then run `hil safe --clear --bench ...`, which parks everything, sees that it is so,"
                " and gives it back"
            )


def guard(incoming: IO[bytes], outgoing: IO[bytes], hello: dict[str, Any], *, elsewhere: bool, holder: int | None) -> bool:
    """Guard until the holder is gone; whether all is well then."""
    try:
        session = Session(hello, elsewhere=elsewhere, holder=holder)
    except (HilError, OSError) as error:
        _answer(outgoing, {"seq": hello["seq"], "error": str(error)})
        return False
    _preload()
    ready = {"seq": hello["seq"], "ready": os.getpid(), "tidings": session.tidings, "owed": session.owed}
    _answer(outgoing, ready | hello.get("answer", {}))
    inbox: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_hear, args=(incoming, inbox), daemon=True).start()
    session.holder.watch(lambda: inbox.put(None))
    while True:
        try:
            line = inbox.get(timeout=_TICK_S)
        except queue.Empty:
            if not session.overdue:
                continue
            logger.warning("the test shows no sign of life for %.1f s: its process is ended", session.silent_s)
            _answer(outgoing, {"end": f"no sign of life for {session.silent_s:.1f} s"})
            return session.rescue()
        if line is None:
            logger.warning("the holder is gone without a goodbye")
            return session.rescue()
        words = json.loads(line)
        if "bye" in words:
            well = session.leave()
            _answer(outgoing, {"seq": words["seq"]})
            return well
        if (answer := session.obey(words)) is not None:
            _answer(outgoing, answer | {"seq": words["seq"]})


def main() -> int:
    """Guard the process at the other end of standard input; 0 when nothing was left to heal or all of it was healed."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # whoever ends the holder must not end the guardian
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    first = sys.stdin.buffer.readline()
    if not first:
        return 0
    hello = json.loads(first)
    return 0 if guard(sys.stdin.buffer, sys.stdout.buffer, hello, elsewhere=False, holder=int(hello["holder"])) else 1


def _answer(outgoing: IO[bytes], words: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):  # the holder is gone, which the connection will say
        outgoing.write(msgspec.json.encode(words) + b"\n")
        outgoing.flush()


def _hear(incoming: IO[bytes], inbox: queue.Queue[bytes | None]) -> None:
    with suppress(OSError, ValueError):
        for line in incoming:
            inbox.put(line)
    inbox.put(None)


def _preload() -> None:
    """Import what opening a device would import, while there is time."""
    with suppress(ImportError):
        import pyvisa

        pyvisa.ResourceManager("@py").close()


if __name__ == "__main__":
    sys.exit(main())
