"""What Thorlabs' 4000 series of laser and TEC controllers shares: the cooler's part of the tree, and its temperature units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._scpi import ScpiDevice, no_parameters
from ._scpi_values import Number, switched

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

    from ._scpi_tree import Handler

__all__ = ["Cooled", "cooler_tree"]

_COLDEST_C, _HOTTEST_C = -55.0, 150.0
_CELSIUS = {"C": 1.0, "CEL": 1.0}


class Cooled(ScpiDevice):
    """An instrument with a thermo-electric cooler whose stage the world knows."""

    def __init__(self, identity: str, world: World, device: str) -> None:
        super().__init__(identity)
        self.world, self.device = world, device
        self.low_c, self.high_c = _COLDEST_C, _HOTTEST_C

    def restore(self) -> None:
        """Limits as at power-up."""
        self.low_c, self.high_c = _COLDEST_C, _HOTTEST_C


_SETPOINT: Number[Cooled] = Number(
    lambda tec, _: tec.world.setpoint_c(tec.device),
    lambda tec, value, now_ns: tec.world.set_setpoint_c(tec.device, value, now_ns),
    lambda tec: (tec.low_c, tec.high_c, 25.0),
    _CELSIUS,
)
_LOW: Number[Cooled] = Number(
    lambda tec, _: tec.low_c,
    lambda tec, value, _: setattr(tec, "low_c", value),
    lambda tec: (_COLDEST_C, tec.high_c, _COLDEST_C),
    _CELSIUS,
)
_HIGH: Number[Cooled] = Number(
    lambda tec, _: tec.high_c,
    lambda tec, value, _: setattr(tec, "high_c", value),
    lambda tec: (tec.low_c, _HOTTEST_C, _HOTTEST_C),
    _CELSIUS,
)


def _measured(tec: Cooled, parameters: list[str], now_ns: int) -> str:
    no_parameters(parameters)
    return f"{tec.world.temperature_c(tec.device, now_ns):.6E}"


def cooler_tree(number: str = "") -> dict[str, Handler[Cooled]]:
    """The cooler's commands, at the source and output of this number."""
    return {
        **_SETPOINT.under(f"SOURce{number}:TEMPerature[:SPOint]"),
        **_LOW.under(f"SOURce{number}:TEMPerature:LIMit:LOW"),
        **_HIGH.under(f"SOURce{number}:TEMPerature:LIMit:HIGH"),
        **switched(
            f"OUTPut{number}[:STATe]",
            lambda tec: tec.world.heater_enabled(tec.device),
            lambda tec, on, now_ns: tec.world.set_heater_enabled(tec.device, now_ns, enabled=on),
        ),
        "MEASure[:SCALar]:TEMPerature?": _measured,
        f"SENSe{number}:TEMPerature:DATA?": _measured,
    }
