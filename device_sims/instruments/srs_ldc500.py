"""Simulated SRS LDC500-series laser diode and TEC controller (LDC501), over its LAN port.

Laser, photodiode and cooler stand at the bench file's operating point. The monitor photodiode sees light in proportion to the
current above the threshold; in constant-power mode the current follows the photodiode's set point up to its limit. A current
limit drags the set point down with it. The cooler's current grows with the set point's distance from ambient.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.bench.model import LaserDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._four_letters import ErrorCodes, FourLetterSession, Word, choice, number
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

__all__ = ["SPEC", "SrsLdc500"]

FIRMWARE = "1.34"
_RANGES_MA = {"LOW": 250.0, "HIGH": 500.0}
_SLOPE_MW_PER_MA = 0.05
_DIODE_V, _DIODE_OHM = 0.9, 5.0
_TEC_A_PER_K, _TEC_OHM = 0.02, 2.0
_OFF_ON = ("OFF", "ON")
_RESISTANCE_LIMITS = ("TRMN", "TRMX")


class SrsLdc500:
    """One controller: what is set besides what the world knows."""

    def __init__(self, world: World, device: str) -> None:
        declared = declared_as(world, device, LaserDevice)
        self._world, self._device, self._declared = world, device, declared
        self._kept = {
            "SILM": declared.limit_a * 1e3,
            "SVLM": 5.0,
            "PILM": 2000.0,
            "PWLM": 50.0,
            "RESP": 10.0,
            "BIAS": 0.0,
            "TCUR": 0.0,
            "TILM": 3.0,
            "TVLM": 6.0,
            "TMIN": -20.0,
            "TMAX": 80.0,
            "TRTH": 10.0,
            "TRMN": 1.0,
            "TRMX": 100.0,
            "SIPD": 0.0,
            "SWPD": 0.0,
        }
        self._chosen = {"SMOD": 0, "RNGE": 1, "MODU": 0, "SIBW": 1, "PDMW": 1, "TMOD": 1, "TSNR": 0, "TEON": 1}
        self.errors = ErrorCodes()
        self.words = self._laser() | self._photodiode() | self._cooler() | self._common()

    def session(self) -> FourLetterSession:
        """A connection."""
        return FourLetterSession(self.words, self.errors)

    # --- the words ----------------------------------------------------------------------------------------------------

    def _common(self) -> dict[str, Word]:
        serial = serial_number(self._world, self._device, "")
        identity = f"Stanford_Research_Systems,LDC501,s/n{serial},ver{FIRMWARE}"
        return {
            "*IDN": Word(lambda _: identity),
            "*CLS": Word(tell=self._clear),
            "LEXE": Word(lambda _: self.errors.take_execution()),
            "LCME": Word(lambda _: self.errors.take_command()),
        }

    def _laser(self) -> dict[str, Word]:
        return {
            "ILOC": Word(lambda _: "CLOSED"),
            "LDON": Word(lambda _: _OFF_ON[self._lasing], choice(*_OFF_ON), self._switch_laser),
            "SMOD": self._choice("SMOD", "CC", "CP", then=self._follow),
            "SILD": Word(lambda _: _shown(self._set_ma), number(0.0, lambda: self._kept["SILM"]), self._set_current),
            "SILM": Word(lambda _: _shown(self._kept["SILM"]), number(0.0, self._range_ma), self._limit_current),
            "RILD": Word(lambda _: _shown(self._flowing_ma)),
            "RVLD": Word(lambda _: _shown(_DIODE_V + _DIODE_OHM * self._flowing_ma / 1e3 if self._lasing else 0.0)),
            "SVLM": self._number("SVLM", 0.1, 10.0),
            "RNGE": self._choice("RNGE", "LOW", "HIGH", then=self._drag),
            "MODU": self._choice("MODU", *_OFF_ON),
            "SIBW": self._choice("SIBW", "LOW", "HIGH"),
        }

    def _photodiode(self) -> dict[str, Word]:
        return {
            "PDMW": self._choice("PDMW", *_OFF_ON),
            "BIAS": self._number("BIAS", 0.0, 5.0),
            "RIPD": Word(lambda _: _shown(self._power_mw * self._kept["RESP"])),
            "SIPD": self._number("SIPD", 0.0, lambda: self._kept["PILM"], then=self._follow),
            "PILM": self._number("PILM", 0.0, 5000.0),
            "RESP": self._number("RESP", 1e-3, 1e4, then=self._follow),
            "CALP": Word(parse=number(1e-6, 1e4), tell=self._calibrate),
            "RWPD": Word(lambda _: _shown(self._power_mw)),
            "SWPD": self._number("SWPD", 0.0, lambda: self._kept["PWLM"], then=self._follow),
            "PWLM": self._number("PWLM", 0.0, 5000.0),
        }

    def _cooler(self) -> dict[str, Word]:
        world, device = self._world, self._device
        between = number(lambda: self._kept["TMIN"], lambda: self._kept["TMAX"])
        return {
            "TEON": Word(lambda _: f"{world.heater_enabled(device):d}", choice(*_OFF_ON), self._switch_cooler),
            "TMOD": self._choice("TMOD", "CC", "CT"),
            "TSNR": Word(
                lambda _: str(self._chosen["TSNR"]), choice(*map(str, range(6))), lambda value, _: self._choose("TSNR", value)
            ),
            "TEMP": Word(
                lambda _: _shown(world.setpoint_c(device)),
                between,
                lambda value, now_ns: world.set_setpoint_c(device, value, now_ns),
            ),
            "TTRD": Word(lambda now_ns: _shown(world.temperature_c(device, now_ns))),
            "TRAW": Word(lambda now_ns: _shown(_thermistor_kohm(world.temperature_c(device, now_ns)))),
            "TIRD": Word(lambda _: _shown(self._cooling_a)),
            "TVRD": Word(lambda _: _shown(self._cooling_a * _TEC_OHM)),
            "TCUR": self._number("TCUR", lambda: -self._kept["TILM"], lambda: self._kept["TILM"]),
            "TILM": self._number("TILM", -4.5, 4.5),
            "TVLM": self._number("TVLM", -8.5, 8.5),
            "TMIN": self._number("TMIN", -55.0, lambda: self._kept["TMAX"]),
            "TMAX": self._number("TMAX", lambda: self._kept["TMIN"], 150.0),
            "TRTH": self._number("TRTH", 1e-3, 1e3),
            **{name: self._number(name, 1e-3, 1e3) for name in _RESISTANCE_LIMITS},
        }

    # --- what is measured ---------------------------------------------------------------------------------------------

    @property
    def _lasing(self) -> bool:
        return self._world.beside.lasing(self._device)

    @property
    def _set_ma(self) -> float:
        return self._world.beside.current_a(self._device) * 1e3

    @property
    def _flowing_ma(self) -> float:
        return self._set_ma if self._lasing else 0.0

    @property
    def _power_mw(self) -> float:
        above_ma = self._flowing_ma - self._world.injected(self._device, "threshold_a") * 1e3
        return max(above_ma, 0.0) * _SLOPE_MW_PER_MA

    @property
    def _cooling_a(self) -> float:
        away_k = self._world.injected(self._device, "ambient_c") - self._world.setpoint_c(self._device)
        return _TEC_A_PER_K * away_k if self._world.heater_enabled(self._device) else 0.0

    # --- what is done -------------------------------------------------------------------------------------------------

    def _range_ma(self) -> float:
        return _RANGES_MA[("LOW", "HIGH")[self._chosen["RNGE"]]]

    def _switch_laser(self, on: int, now_ns: int) -> None:
        self._world.beside.set_lasing(self._device, now_ns, lasing=bool(on))

    def _switch_cooler(self, on: int, now_ns: int) -> None:
        self._world.set_heater_enabled(self._device, now_ns, enabled=bool(on))

    def _set_current(self, current_ma: float, now_ns: int) -> None:
        self._world.beside.set_current_a(self._device, current_ma / 1e3, now_ns)

    def _limit_current(self, limit_ma: float, now_ns: int) -> None:
        self._kept["SILM"] = limit_ma
        if self._set_ma > limit_ma:
            self._set_current(limit_ma, now_ns)

    def _drag(self, now_ns: int) -> None:
        self._limit_current(min(self._kept["SILM"], self._range_ma()), now_ns)

    def _follow(self, now_ns: int) -> None:
        """In constant-power mode the current is what gives the photodiode's set point."""
        if not self._chosen["SMOD"]:
            return
        power_mw = self._kept["SWPD"] if self._chosen["PDMW"] else self._kept["SIPD"] / self._kept["RESP"]
        wanted_ma = self._world.injected(self._device, "threshold_a") * 1e3 + power_mw / _SLOPE_MW_PER_MA
        self._set_current(min(wanted_ma, self._kept["SILM"]), now_ns)

    def _calibrate(self, power_mw: float, _now_ns: int) -> None:
        """The photodiode's present current is said to be so much light."""
        self._kept["RESP"] = self._power_mw * self._kept["RESP"] / power_mw if self._power_mw else self._kept["RESP"]

    def _clear(self, _now_ns: int) -> None:
        self.errors.execution = self.errors.command = 0

    def _choose(self, name: str, value: int) -> None:
        self._chosen[name] = value

    def _choice(self, name: str, *tokens: str, then: Callable[[int], None] | None = None) -> Word:
        def tell(value: int, now_ns: int) -> None:
            self._chosen[name] = value
            if then is not None:
                then(now_ns)

        return Word(lambda _: tokens[self._chosen[name]], choice(*tokens), tell)

    def _number(
        self,
        name: str,
        low: Callable[[], float] | float,
        high: Callable[[], float] | float,
        then: Callable[[int], None] | None = None,
    ) -> Word:
        def tell(value: float, now_ns: int) -> None:
            self._kept[name] = value
            if then is not None:
                then(now_ns)

        return Word(lambda _: _shown(self._kept[name]), number(low, high), tell)


def _shown(value: float) -> str:
    return f"{value:.6g}"


def _thermistor_kohm(temperature_c: float) -> float:
    """A 10 kohm thermistor with B = 3892 K, by the B-parameter equation."""
    return 10.0 * math.exp(3892.0 * (1.0 / (temperature_c + 273.15) - 1.0 / 298.15))


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    controller = SrsLdc500(world, device)
    return (Endpoint("control", "tcp", controller.session),)


SPEC = TwinSpec(name="srs-ldc500", roles=("laser",), title="SRS LDC501 laser diode and TEC controller", build=_build)
