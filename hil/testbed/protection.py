"""What a bench with real devices gets before they are touched: a lease on them, and a guardian for those that may be broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import KmeDevice, RecordingDevice
from hil.testbed.guardian import Guardian
from hil.testbed.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import ExitStack

    from hil.bench.model import Bench
    from hil.record.folder import RunFolder

__all__ = ["lease_devices", "start_guardian"]


def lease_devices(bench: Bench, simulated: Collection[str], stack: ExitStack) -> None:
    """Lease every real device until the stack is closed; BenchError names who else holds one."""
    addresses = {
        name: device.address
        for name, device in bench.device.items()
        if name not in simulated and not isinstance(device, KmeDevice | RecordingDevice) and device.address
    }
    if addresses:
        stack.callback(Lease.take(bench.bench.name, addresses).close)


def start_guardian(bench: Bench, simulated: Collection[str], folder: RunFolder | None, stack: ExitStack) -> Guardian | None:
    """A guardian until the stack is closed, where a real device may be broken on purpose; else None."""
    allowed = [name for name, device in bench.device.items() if name not in simulated and device.chaos == "allow"]
    if not allowed:
        return None
    guardian = Guardian.start(bench, allowed, log=folder.path / "guardian.log" if folder else None)
    stack.callback(guardian.close)
    return guardian
