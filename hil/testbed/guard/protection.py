"""What a bench with real devices gets before they are touched: a lease on them, and a guardian that makes them safe."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.testbed.guard.greeting import token_of
from hil.testbed.guard.guardian import Guardian
from hil.testbed.guard.lease import LEASE_S, Lease
from hil.testbed.guard.ward import guarded

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import ExitStack

    from hil.bench.model import Bench
    from hil.record.folder import RunFolder
    from hil.testbed.guard.pulse import Pulse

__all__ = ["GuardSettings", "in_container", "lease_devices", "start_guardian", "unfit_here"]

OWN = "local"
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_VARIABLES = ("KUBERNETES_SERVICE_HOST", "container")


@dataclass(frozen=True)
class GuardSettings:
    """Which guardian a run wants, and how long its test may show no sign of life.

    ``address``: of a listening one (``unix:/run/hil.sock``, ``tcp://127.0.0.1:7440``); ``local`` for one of this machine, in
    a container too; empty for one of this machine, under which nothing real may be broken from inside a container.
    """

    address: str = ""
    token_file: str = ""
    lease_s: float = LEASE_S

    @property
    def listening(self) -> bool:
        """Whether it is one that listens."""
        return self.address not in {"", OWN}

    @property
    def token(self) -> bytes:
        """What shows to a listening one that this run may use it; UsageError without one."""
        if not self.token_file:
            raise UsageError(
                f"guardian at {self.address}: give the file with its token with --hil-guard-token (HIL_GUARD_TOKEN)"
            )
        return token_of(Path(self.token_file))

    @classmethod
    def of_environment(cls) -> GuardSettings:
        """As ``HIL_GUARD`` and ``HIL_GUARD_TOKEN`` have it."""
        return cls(os.environ.get("HIL_GUARD", ""), os.environ.get("HIL_GUARD_TOKEN", ""))


def in_container() -> bool:
    """Whether this process, and with it a guardian of its own, may vanish as one container."""
    return any(mark.exists() for mark in _MARKS) or any(name in os.environ for name in _VARIABLES)


def unfit_here(settings: GuardSettings) -> str:
    """Why nothing real may be broken under a guardian of this machine; empty where it may."""
    if settings.address or not in_container():
        return ""
    return (
        "this process is in a container, and a guardian in it would end with it. Run `hil guard --listen` on the host that has"
        " the devices and give its address with --hil-guard (HIL_GUARD), or say --hil-guard=local if the container cannot be"
        " ended without this machine"
    )


def lease_devices(
    bench: Bench, simulated: Collection[str], stack: ExitStack, settings: GuardSettings | None = None
) -> Lease | None:
    """Lease every real device until the stack is closed; BenchError names who else holds one.

    A guardian that listens leases them itself, on the host that has them: then there is nothing to be leased here.
    """
    settings = settings or GuardSettings.of_environment()
    addresses = guarded(bench, simulated)
    if not addresses or settings.listening:
        return None
    lease = Lease.take(bench.bench.name, addresses, lease_s=settings.lease_s)
    stack.callback(lease.close)
    return lease


def start_guardian(
    bench: Bench,
    simulated: Collection[str],
    folder: RunFolder | None,
    stack: ExitStack,
    *,
    settings: GuardSettings,
    pulse: Pulse,
    lease: Lease | None,
    clear: bool = False,
) -> Guardian | None:
    """A guardian until the stack is closed, where there is a real device; else None.

    What earlier runs left broken is healed when this returns; BenchError for what is quarantined, unless it is to be cleared.
    """
    if not guarded(bench, simulated):
        return None
    run = f"run {folder.path.name}" if folder else ""
    if settings.listening:
        guardian = Guardian.connect(
            settings.address, settings.token, bench, simulated, run=run, lease_s=settings.lease_s, clear=clear
        )
    else:
        log = folder.path / "guardian.log" if folder else None
        unfit = unfit_here(settings)
        guardian = Guardian.start(bench, simulated, log=log, run=run, lease_s=settings.lease_s, clear=clear, unfit=unfit)
    stack.callback(guardian.close)
    guardian.beats(lambda: pulse.silent_s, settings.lease_s, *([lease.beat] if lease is not None else []))
    return guardian
