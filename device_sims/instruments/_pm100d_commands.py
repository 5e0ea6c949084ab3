"""The command trees of the simulated Thorlabs PM100D and PM103E; that of the handheld one has a calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._scpi import COMMON_TREE, integer, no_parameters, three
from ._scpi_tree import ScpiError, Tree
from ._scpi_values import Number, number_with_unit, one, switch, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._pm100d import Meter
    from ._scpi_tree import Handler

__all__ = ["PM100D_TREE", "PM103E_TREE"]

_AS_SHOWN = 1e-6
"""By how much at most a number changes when it is shown and read."""


def _kept(name: str, limits: Callable[[Meter], tuple[float, float, float]], units: dict[str, float]) -> Number[Meter]:
    """A number that is an attribute of the meter."""
    return Number(lambda meter, _: getattr(meter, name), lambda meter, value, _: setattr(meter, name, value), limits, units)


_WAVELENGTH = _kept(
    "wavelength_nm",
    lambda meter: (meter.reading.sensor.low_nm, meter.reading.sensor.high_nm, meter.reading.declared.wavelength_nm),
    {"NM": 1.0, "UM": 1e3},
)
_CORRECTION = _kept("correction_db", lambda _: (-60.0, 60.0, 0.0), {"DB": 1.0})
_BEAM = _kept("beam_mm", lambda _: (0.1, 100.0, 9.5), {"MM": 1.0})
_WATTS = {"W": 1.0, "MW": 1e-3, "UW": 1e-6, "NW": 1e-9}


def _set_range(meter: Meter, parameters: list[str], _now_ns: int) -> None:
    """The smallest range that holds the power asked for; automatic ranging ends."""
    wanted, ranges_w = one(parameters), meter.reading.ranges_w
    named = {"MIN": ranges_w[0], "MAX": ranges_w[-1], "DEF": ranges_w[-1]}
    power_w = named[wanted] if wanted in named else number_with_unit(wanted, _WATTS)
    if not 0.0 <= power_w <= ranges_w[-1] * (1.0 + _AS_SHOWN):
        raise ScpiError(-222)
    meter.manual_range_w = meter.reading.range_for(power_w * (1.0 - _AS_SHOWN))


def _range(meter: Meter, parameters: list[str], now_ns: int) -> str:
    named = {"MIN": meter.reading.ranges_w[0], "MAX": meter.reading.ranges_w[-1]}
    if parameters and parameters[0] not in named:
        raise ScpiError(-141)
    return f"{named[parameters[0]] if parameters else meter.range_w(now_ns):.6E}"


def _set_automatic(meter: Meter, parameters: list[str], now_ns: int) -> None:
    meter.manual_range_w = None if switch(parameters) else meter.range_w(now_ns)


def _set_unit(meter: Meter, parameters: list[str], _now_ns: int) -> None:
    meter.in_dbm = word(parameters, "W", "DBM") == "DBM"


def _set_averages(meter: Meter, parameters: list[str], _now_ns: int) -> None:
    averages = integer(parameters, 3000)
    if averages < 1:
        raise ScpiError(-222)
    meter.averages = averages


def _set_line(meter: Meter, parameters: list[str], _now_ns: int) -> None:
    hertz = integer(parameters, 60)
    if hertz not in {50, 60}:
        raise ScpiError(-222)
    meter.line_hz = hertz


def _fetch(meter: Meter, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    last = meter.last
    if last is None:
        raise ScpiError(-230)
    return last


def _configure(quantity: str, *, measure: bool, answer: bool) -> Handler[Meter]:
    def handler(meter: Meter, parameters: list[str], now_ns: int) -> str | None:
        no_parameters(parameters)
        meter.configured = quantity
        measured = meter.measure(now_ns) if measure else None
        return measured if answer else None

    return handler


def _read(meter: Meter, parameters: list[str], now_ns: int) -> str:
    no_parameters(parameters)
    return meter.measure(now_ns)


def _initiate(meter: Meter, parameters: list[str], now_ns: int) -> None:
    no_parameters(parameters)
    meter.measure(now_ns)


def _zero(meter: Meter, parameters: list[str], now_ns: int) -> None:
    no_parameters(parameters)
    meter.adjust_zero(now_ns)


def _not_of_this_sensor(_meter: Meter, _parameters: list[str], _now_ns: int) -> None:
    raise ScpiError(-221)


def _nothing(_meter: Meter, parameters: list[str], _now_ns: int) -> None:
    no_parameters(parameters)


def _tell(read: Callable[[Meter], object]) -> Handler[Meter]:
    def handler(meter: Meter, parameters: list[str], _now_ns: int) -> str | None:
        no_parameters(parameters)
        return str(read(meter))

    return handler


def _date(meter: Meter, parameters: list[str], now_ns: int) -> str:
    no_parameters(parameters)
    shown = meter.time_of_day(now_ns)
    return f"{shown.year},{shown.month},{shown.day}"


def _time(meter: Meter, parameters: list[str], now_ns: int) -> str:
    no_parameters(parameters)
    shown = meter.time_of_day(now_ns)
    return f"{shown.hour},{shown.minute},{shown.second}"


def _set_date(meter: Meter, parameters: list[str], now_ns: int) -> None:
    year, month, day = three(parameters)
    _set_clock(meter, now_ns, year=year, month=month, day=day)


def _set_time(meter: Meter, parameters: list[str], now_ns: int) -> None:
    hour, minute, second = three(parameters)
    _set_clock(meter, now_ns, hour=hour, minute=minute, second=second, microsecond=0)


def _set_clock(meter: Meter, now_ns: int, **fields: int) -> None:
    shown = meter.time_of_day(now_ns)
    try:
        meter.clock_set += shown.replace(**fields) - shown  # type: ignore[arg-type]
    except ValueError:
        raise ScpiError(-222) from None


_CLOCK: dict[str, Handler[Meter]] = {
    "SYSTem:DATE": _set_date,
    "SYSTem:DATE?": _date,
    "SYSTem:TIME": _set_time,
    "SYSTem:TIME?": _time,
}
"""SCPI-99, 21.7 and 21.19; the open driver ThorlabsPM100 has them of PM100A and PM100D (``system.date``, ``system.time``)."""

_COMMANDS: dict[str, Handler[Meter]] = {
    **COMMON_TREE,
    "SYSTem:SENSor:IDN?": _tell(lambda meter: meter.reading.sensor_identity()),
    "SYSTem:BEEPer[:IMMediate]": _nothing,
    "SYSTem:LFRequency": _set_line,
    "SYSTem:LFRequency?": _tell(lambda meter: meter.line_hz),
    "CALibration:STRing?": _tell(lambda meter: f'"{meter.reading.calibrated()}"'),
    "INITiate[:IMMediate]": _initiate,
    "ABORt": _nothing,
    "FETCh?": _fetch,
    "READ?": _read,
    "CONFigure?": _tell(lambda meter: meter.configured),
    "CONFigure[:SCALar][:POWer]": _configure("POW", measure=False, answer=False),
    "CONFigure[:SCALar]:CURRent[:DC]": _configure("CURR", measure=False, answer=False),
    "MEASure[:SCALar][:POWer]": _configure("POW", measure=True, answer=False),
    "MEASure[:SCALar][:POWer]?": _configure("POW", measure=True, answer=True),
    "MEASure[:SCALar]:CURRent[:DC]?": _configure("CURR", measure=True, answer=True),
    "MEASure[:SCALar]:ENERgy?": _not_of_this_sensor,
    "MEASure[:SCALar]:FREQuency?": _not_of_this_sensor,
    "MEASure[:SCALar]:TEMPerature?": _not_of_this_sensor,
    "[SENSe:]AVERage[:COUNt]": _set_averages,
    "[SENSe:]AVERage[:COUNt]?": _tell(lambda meter: meter.averages),
    **_CORRECTION.under("[SENSe:]CORRection[:LOSS][:INPut][:MAGNitude]"),
    **_BEAM.under("[SENSe:]CORRection:BEAMdiameter"),
    **_BEAM.under("[SENSe:]CORRection:BEAM"),
    **_WAVELENGTH.under("[SENSe:]CORRection:WAVelength"),
    "[SENSe:]CORRection:POWer[:PDIOde][:RESPonse]?": _tell(lambda meter: f"{meter.response_a_per_w():.6E}"),
    "[SENSe:]CORRection:COLLect:ZERO[:INITiate]": _zero,
    "[SENSe:]CORRection:COLLect:ZERO:ABORt": _nothing,
    "[SENSe:]CORRection:COLLect:ZERO:STATe?": _tell(lambda _: 0),
    "[SENSe:]CORRection:COLLect:ZERO:MAGNitude?": _tell(lambda meter: f"{meter.zero_w:.6E}"),
    "[SENSe:]POWer[:DC]:RANGe[:UPPer]": _set_range,
    "[SENSe:]POWer[:DC]:RANGe[:UPPer]?": _range,
    "[SENSe:]POWer[:DC]:RANGe:AUTO": _set_automatic,
    "[SENSe:]POWer[:DC]:RANGe:AUTO?": _tell(lambda meter: int(meter.manual_range_w is None)),
    "[SENSe:]POWer[:DC]:UNIT": _set_unit,
    "[SENSe:]POWer[:DC]:UNIT?": _tell(lambda meter: "DBM" if meter.in_dbm else "W"),
}

PM103E_TREE: Tree[Meter] = Tree(_COMMANDS)
PM100D_TREE: Tree[Meter] = Tree(_COMMANDS | _CLOCK)
