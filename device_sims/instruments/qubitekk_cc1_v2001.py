"""Simulated Qubitekk CC1 coincidence counter with firmware 2.001 (serial)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.device_sims.spec import Endpoint, TwinSpec

from ._qubitekk import OLD, QubitekkCc1

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC"]


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    counter = QubitekkCc1(world, device, OLD)
    return (Endpoint("control", "pty", lambda: counter, baud_rate=19_200),)


SPEC = TwinSpec(
    name="qubitekk-cc1-v2001", roles=("time-tagger",), title="Qubitekk CC1 coincidence counter, firmware 2.001", build=_build
)
