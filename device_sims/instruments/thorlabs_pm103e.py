"""Simulated Thorlabs PM103E optical power meter: the PM100D's commands over its LAN socket (port 2000 on the real one).

Without the handheld one's calendar: no open driver knows one of it.

A client that says nothing for 120 s is dropped, as on the real one; what it had set stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.device_sims.spec import Endpoint, TwinSpec

from ._pm100d_commands import PM103E_TREE
from ._scpi import ScpiSession
from .thorlabs_pm100d import ThorlabsPm100d

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC"]

FIRMWARE = "1.4.0"
_IDLE_S = 120.0


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    meter = ThorlabsPm100d(world, device, "PM103E", FIRMWARE, PM103E_TREE)
    return (Endpoint("control", "tcp", lambda: ScpiSession(meter), idle_s=_IDLE_S),)


SPEC = TwinSpec(
    name="thorlabs-pm103e", roles=("power-meter",), title="Thorlabs PM103E optical power meter (SCPI over LAN)", build=_build
)
