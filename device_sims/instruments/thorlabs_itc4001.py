"""Simulated Thorlabs ITC4001 laser diode and TEC controller: its USBTMC command set over a TCP stream.

Laser on output 1, cooler on output 2. The laser stays off while the cooler is off, as the instrument's protection has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import LaserDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._nameplate import declared_as, serial_number
from ._scpi import COMMON_TREE, ScpiSession, no_parameters
from ._scpi_tree import ScpiError, Tree
from ._scpi_values import Number, switched
from ._thorlabs_4000 import Cooled, cooler_tree

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

    from ._scpi_tree import Handler

__all__ = ["SPEC", "ThorlabsItc4001"]

FIRMWARE = "1.8.0"
_MOST_A = 1.0
_AMPERES = {"A": 1.0, "MA": 1e-3, "UA": 1e-6}
_DIODE_V, _DIODE_OHM = 0.9, 5.0


class ThorlabsItc4001(Cooled):
    """One controller of a bench."""

    def __init__(self, world: World, device: str) -> None:
        super().__init__(f"Thorlabs,ITC4001,{serial_number(world, device, 'M')},{FIRMWARE}", world, device)
        self.limit_a = self._declared_limit_a = declared_as(world, device, LaserDevice).limit_a

    def restore(self) -> None:
        """Limits as at power-up."""
        super().restore()
        self.limit_a = self._declared_limit_a

    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the tree."""
        return _TREE.find(words, query=query)(self, parameters, now_ns)

    def switch_laser(self, now_ns: int, *, on: bool) -> None:
        """Refused without the cooler."""
        if on and not self.world.heater_enabled(self.device):
            raise ScpiError(-221)
        self.world.beside.set_lasing(self.device, now_ns, lasing=on)

    def flowing_a(self) -> float:
        """The laser current that flows."""
        beside = self.world.beside
        return beside.current_a(self.device) if beside.lasing(self.device) else 0.0


_CURRENT: Number[ThorlabsItc4001] = Number(
    lambda itc, _: itc.world.beside.current_a(itc.device),
    lambda itc, value, now_ns: itc.world.beside.set_current_a(itc.device, value, now_ns),
    lambda itc: (0.0, itc.limit_a, 0.0),
    _AMPERES,
)
_LIMIT: Number[ThorlabsItc4001] = Number(
    lambda itc, _: itc.limit_a,
    lambda itc, value, _: setattr(itc, "limit_a", value),
    lambda _: (0.0, _MOST_A, _MOST_A),
    _AMPERES,
)


def _current(itc: ThorlabsItc4001, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    return f"{itc.flowing_a():.6E}"


def _voltage(itc: ThorlabsItc4001, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    flowing_a = itc.flowing_a()
    return f"{_DIODE_V + _DIODE_OHM * flowing_a if flowing_a else 0.0:.6E}"


_LASER_TREE: dict[str, Handler[ThorlabsItc4001]] = {
    **_CURRENT.under("SOURce:CURRent[:LEVel][:AMPLitude]"),
    **_LIMIT.under("SOURce:CURRent:LIMit[:AMPLitude]"),
    **switched(
        "OUTPut[:STATe]",
        lambda itc: itc.world.beside.lasing(itc.device),
        lambda itc, on, now_ns: itc.switch_laser(now_ns, on=on),
    ),
    "MEASure[:SCALar]:CURRent?": _current,
    "SENSe3:CURRent:DATA?": _current,
    "MEASure[:SCALar]:VOLTage?": _voltage,
    "SENSe4:VOLTage:DATA?": _voltage,
}

_TREE: Tree[ThorlabsItc4001] = Tree({**COMMON_TREE, **cooler_tree("2"), **_LASER_TREE})


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    controller = ThorlabsItc4001(world, device)
    return (Endpoint("control", "tcp", lambda: ScpiSession(controller)),)


SPEC = TwinSpec(
    name="thorlabs-itc4001", roles=("laser",), title="Thorlabs ITC4001 laser diode and TEC controller (SCPI)", build=_build
)
