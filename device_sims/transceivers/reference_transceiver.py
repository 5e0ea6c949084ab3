"""Simulated transmitter, pair source and receiver of docs/reference/transceiver-protocol.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.device_sims.spec import Endpoint, TwinSpec

from ._control import ControlSession
from ._data import DataSession
from ._device import SimulatedTransceiver

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC"]


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    transceiver = SimulatedTransceiver(world, device)
    return (
        Endpoint("control", "tcp", lambda: ControlSession(transceiver)),
        Endpoint("data", "tcp", lambda: DataSession(transceiver)),
    )


SPEC = TwinSpec(
    name="reference-transceiver",
    roles=("transmitter", "pair-source", "receiver"),
    title="Reference decoy-state BB84 transceiver, or source and receivers of photon pairs",
    build=_build,
)
