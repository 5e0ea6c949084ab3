"""The twin of a bench: its simulated devices, served to this process on loopback sockets and ptys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import KmeDevice
from hil.testbed.opening import Address

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from hil.bench.model import Bench
    from hil.clock import Clock
    from hil.device_sims.host import TwinHost

__all__ = ["start_twins", "twin_addresses"]


def start_twins(
    bench: Bench, devices: Collection[str], seed: int, clock: Clock, *, epoch: datetime | None = None
) -> TwinHost | None:
    """Serve the twins of these devices until closed; None where none is simulated.

    ``epoch``: the date at the clock's zero, for those that tell the time of day; a fixed one where it is not said. Key
    management entities are made afresh for each test that asks for them, and not here.
    """
    served = [name for name in bench.device if name in devices and not isinstance(bench.device[name], KmeDevice)]
    if not served:
        return None
    from hil.device_sims.host import TwinHost

    return TwinHost(bench, served, seed, clock) if epoch is None else TwinHost(bench, served, seed, clock, epoch=epoch)


def twin_addresses(host: TwinHost | None) -> dict[str, Address]:
    """Where each twin answers."""
    if host is None:
        return {}
    return {name: Address(where.resource, where.data_resource) for name, where in host.addresses.items()}
