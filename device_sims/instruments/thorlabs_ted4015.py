"""Simulated Thorlabs TED4015 TEC controller: its USBTMC command set over a TCP stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._nameplate import declared_as, serial_number
from ._scpi import COMMON_TREE, ScpiSession
from ._scpi_tree import Tree
from ._thorlabs_4000 import Cooled, cooler_tree

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "ThorlabsTed4015"]

FIRMWARE = "1.8.0"


class ThorlabsTed4015(Cooled):
    """One controller of a bench."""

    def __init__(self, world: World, device: str) -> None:
        super().__init__(f"Thorlabs,TED4015,{serial_number(world, device, 'M')},{FIRMWARE}", world, device)

    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the tree."""
        return _TREE.find(words, query=query)(self, parameters, now_ns)


_TREE: Tree[Cooled] = Tree({**COMMON_TREE, **cooler_tree()})


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, TemperatureControllerDevice)
    controller = ThorlabsTed4015(world, device)
    return (Endpoint("control", "tcp", lambda: ScpiSession(controller)),)


SPEC = TwinSpec(
    name="thorlabs-ted4015", roles=("temperature-controller",), title="Thorlabs TED4015 TEC controller (SCPI)", build=_build
)
