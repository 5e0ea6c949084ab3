"""Simulated Thorlabs PM100D optical power meter, SCPI over a TCP stream as its sibling PM103E speaks it.

Settings are the instrument's, shared by all connections. At power-up and after ``*RST``: automatic range, watts, no averaging,
no zero offset, no correction, and the wavelength the bench file declares. Its clock goes on, whatever is reset.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hil.device_sims.spec import Endpoint, TwinSpec
from hil.device_sims.world.time_of_day import time_of_day

from ._nameplate import serial_number
from ._pm100d import Meter
from ._pm100d_commands import PM100D_TREE
from ._power_meter import PowerReading
from ._scpi import ScpiSession

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

    from ._scpi_tree import Tree

__all__ = ["SPEC", "ThorlabsPm100d"]

FIRMWARE = "2.4.0"


class ThorlabsPm100d(Meter):
    """One meter of a bench."""

    def __init__(
        self,
        world: World,
        device: str,
        model: str = "PM100D",
        firmware: str = FIRMWARE,
        tree: Tree[Meter] = PM100D_TREE,
    ) -> None:
        identity = f"Thorlabs,{model},{serial_number(world, device, 'P')},{firmware}"
        super().__init__(identity, PowerReading(world, device), partial(time_of_day, world, device))
        self._tree = tree

    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the tree."""
        return self._tree.find(words, query=query)(self, parameters, now_ns)


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    meter = ThorlabsPm100d(world, device)
    return (Endpoint("control", "tcp", lambda: ScpiSession(meter)),)


SPEC = TwinSpec(
    name="thorlabs-pm100d", roles=("power-meter",), title="Thorlabs PM100D optical power meter (SCPI)", build=_build
)
