"""Simulated repeater node with the firmware before 2.0: the same protocol, and swaps that keep less of a pair.

Its Bell measurement's phase correction is not calibrated between runs; what that costs is one tenth of the swap's fidelity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import RepeaterNodeDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._nameplate import declared_as
from ._repeater import repeater_ports

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC"]

FIRMWARE = "1.4.2"

_LEFT = 0.9
_WORST = 0.25


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, RepeaterNodeDevice)
    fidelity = max(_LEFT * world.injected(device, "swap_fidelity"), _WORST)
    world.inject(device, "swap_fidelity", fidelity, 0)
    return repeater_ports(world, device, FIRMWARE)


SPEC = TwinSpec(
    name="reference-repeater-1x",
    roles=("repeater-node",),
    title="Reference repeater node, firmware 1.x",
    build=_build,
)
