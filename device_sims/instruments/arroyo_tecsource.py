r"""Simulated Arroyo TECSource 5305 temperature controller (serial 38400 over USB).

Commands end with ``\r``, ``\n`` or both, answers with ``\r\n``: ``TEC:T 25`` sets, ``TEC:SET:T?`` tells what was set and
``TEC:T?`` what the sensor reads. ``TEC:INC`` and ``TEC:DEC`` move the set point by steps of ``TEC:STEP`` tenths of a
degree, as open drivers use them. Current and voltage of the cooler are those of a stage that needs 0.05 A a degree from
ambient. ``ERR?`` tells the numbers of all errors since it was asked last; 123 for a command it does not know and 201 for
a value out of range, others are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import TemperatureControllerDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._nameplate import declared_as, serial_number
from ._scpi import ScpiDevice, ScpiSession, integer, no_parameters
from ._scpi_tree import ScpiError, Tree
from ._scpi_values import Number, one, switched

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

    from ._scpi_tree import Handler

__all__ = ["SPEC", "ArroyoTecsource"]

FIRMWARE = "1.70"
_COLDEST_C, _HOTTEST_C = -99.0, 199.0
_MOST_A = 5.0
_AMPERES_PER_KELVIN, _OHMS = 0.05, 2.0
_TENTH_C = 0.1
_ERRORS = {-113: 123, -114: 123, -222: 201}


class ArroyoTecsource(ScpiDevice):
    """One controller: limits, step and gains of its front panel; the stage is the world's."""

    def __init__(self, world: World, device: str) -> None:
        declared = declared_as(world, device, TemperatureControllerDevice)
        super().__init__(f"Arroyo 5305 {serial_number(world, device, '53')} V{FIRMWARE}")
        self.world, self.device = world, device
        self.ambient_c = declared.ambient_c
        self.restore()

    def restore(self) -> None:
        """``*RST``: limits, step and gains; the set point stays."""
        self.low_c, self.high_c, self.limit_a, self.step = _COLDEST_C, _HOTTEST_C, _MOST_A, 1
        self.gains = [8.0, 0.1, 0.0]

    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the tree."""
        return _TREE.find(words, query=query)(self, parameters, now_ns)

    def current_a(self, now_ns: int) -> float:
        """What flows through the cooler."""
        if not self.world.heater_enabled(self.device):
            return 0.0
        wanted_a = _AMPERES_PER_KELVIN * (self.ambient_c - self.world.temperature_c(self.device, now_ns))
        return max(-self.limit_a, min(self.limit_a, wanted_a))

    def move(self, steps: int, now_ns: int) -> None:
        """The set point goes by so many steps, if it may."""
        wanted_c = round(self.world.setpoint_c(self.device) + _TENTH_C * self.step * steps, 3)
        if not self.low_c <= wanted_c <= self.high_c:
            raise ScpiError(-222)
        self.world.set_setpoint_c(self.device, wanted_c, now_ns)

    def take_errors(self) -> str:
        """``ERR?``."""
        taken = [str(_ERRORS.get(code, 100 - code % 100)) for code in self.errors]
        self.errors.clear()
        return ",".join(taken) or "0"


def _shown(value: float) -> str:
    return f"{value:.3f}"


_SETPOINT: Number[ArroyoTecsource] = Number(
    lambda tec, _: tec.world.setpoint_c(tec.device),
    lambda tec, value, now_ns: tec.world.set_setpoint_c(tec.device, round(value, 3), now_ns),
    lambda tec: (tec.low_c, tec.high_c, 25.0),
    {},
    _shown,
)


def _kept(name: str, low: float, high: float) -> Number[ArroyoTecsource]:
    return Number(
        lambda tec, _: getattr(tec, name),
        lambda tec, value, _: setattr(tec, name, value),
        lambda _: (low, high, high),
        {},
        _shown,
    )


def _tell(read: Callable[[ArroyoTecsource, int], object]) -> Handler[ArroyoTecsource]:
    def handler(tec: ArroyoTecsource, parameters: list[str], now_ns: int) -> str:
        no_parameters(parameters)
        return str(read(tec, now_ns))

    return handler


def _steps(sign: int) -> Handler[ArroyoTecsource]:
    def handler(tec: ArroyoTecsource, parameters: list[str], now_ns: int) -> None:
        tec.move(sign * (integer(parameters, 9999) if parameters else 1), now_ns)

    return handler


def _set_step(tec: ArroyoTecsource, parameters: list[str], _now_ns: int) -> None:
    step = integer(parameters, 9999)
    if not step:
        raise ScpiError(-222)
    tec.step = step


def _set_gains(tec: ArroyoTecsource, parameters: list[str], _now_ns: int) -> None:
    try:
        gains = [float(each) for each in parameters if len(each) < 16 and "_" not in each]
    except ValueError:
        raise ScpiError(-120) from None
    if len(gains) != 3 or len(parameters) != 3:
        raise ScpiError(-109)
    if not all(0.0 <= gain <= 1000.0 for gain in gains):
        raise ScpiError(-222)
    tec.gains = gains


def _set_mode(_tec: ArroyoTecsource, parameters: list[str], _now_ns: int) -> None:
    """The stage is regulated by temperature and by nothing else."""
    if parameters and one(parameters) != "T":
        raise ScpiError(-222)


def _set_radix(_tec: ArroyoTecsource, parameters: list[str], _now_ns: int) -> None:
    """Numbers are told in decimals and in nothing else."""
    if one(parameters) != "DEC":
        raise ScpiError(-222)


_TREE: Tree[ArroyoTecsource] = Tree(
    {
        "ERRors?": _tell(lambda tec, _: tec.take_errors()),
        "RADix": _set_radix,
        "TEC:T": _SETPOINT.set,
        "TEC:T?": _tell(lambda tec, now_ns: _shown(tec.world.temperature_c(tec.device, now_ns))),
        "TEC:SET:T?": _SETPOINT.ask,
        **switched(
            "TEC:OUTput",
            lambda tec: tec.world.heater_enabled(tec.device),
            lambda tec, on, now_ns: tec.world.set_heater_enabled(tec.device, now_ns, enabled=on),
        ),
        "TEC:ITE?": _tell(lambda tec, now_ns: _shown(tec.current_a(now_ns))),
        "TEC:V?": _tell(lambda tec, now_ns: _shown(_OHMS * tec.current_a(now_ns))),
        "TEC:MODE?": _tell(lambda _tec, _now_ns: "T"),
        "TEC:MODE": _set_mode,
        "TEC:MODE:T": _set_mode,
        **_kept("low_c", _COLDEST_C, _HOTTEST_C).under("TEC:LIMit:TLO"),
        **_kept("high_c", _COLDEST_C, _HOTTEST_C).under("TEC:LIMit:THI"),
        **_kept("limit_a", 0.0, _MOST_A).under("TEC:LIMit:ITE"),
        "TEC:PID": _set_gains,
        "TEC:PID?": _tell(lambda tec, _: ",".join(f"{gain:g}" for gain in tec.gains)),
        "TEC:STEP": _set_step,
        "TEC:STEP?": _tell(lambda tec, _: tec.step),
        "TEC:INC": _steps(1),
        "TEC:DEC": _steps(-1),
    }
)


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    controller = ArroyoTecsource(world, device)
    return (Endpoint("control", "pty", lambda: ScpiSession(controller, b"\r\n"), baud_rate=38_400),)


SPEC = TwinSpec(
    name="arroyo-tecsource", roles=("temperature-controller",), title="Arroyo TECSource 5305 (serial)", build=_build
)
