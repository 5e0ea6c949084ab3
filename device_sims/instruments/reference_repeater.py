"""Simulated repeater node that speaks the reference repeater protocol (docs/reference/repeater-protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.device_sims.spec import Endpoint, TwinSpec

from ._repeater import repeater_ports

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC"]

FIRMWARE = "2.1.0"


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    return repeater_ports(world, device, FIRMWARE)


SPEC = TwinSpec(name="reference-repeater", roles=("repeater-node",), title="Reference repeater node", build=_build)
"""Firmware as qualified: swaps are as the bench file declares them."""
