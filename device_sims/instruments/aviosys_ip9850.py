"""Simulated Aviosys IP Power 9850 power distribution unit (HTTP); what it says is a paragraph, as QMI reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.device_sims.spec import Endpoint, TwinSpec

from ._aviosys import AviosysUnit

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC"]


def _page(text: str) -> str:
    return f"<!--CGI-DATABEG-->\n<p>\n{text}</p>\n\n<!--CGI-DATAEND-->\n"


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    unit = AviosysUnit(world, device, _page)
    return (Endpoint("control", "http", unit.session),)


SPEC = TwinSpec(
    name="aviosys-ip9850", roles=("power-outlet",), title="Aviosys IP Power 9850 power distribution unit (HTTP)", build=_build
)
