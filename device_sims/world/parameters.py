"""What a simulated device is really like: declared values, what the bench says is actually so, and injections."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from hil.bench import actual_of
from hil.bench.model import (
    AttenuatorDevice,
    Background,
    DetectorDevice,
    Dispersion,
    Drift,
    Eve,
    Fibre,
    FreeSpace,
    LaserDevice,
    Polarisation,
    ReceiverDevice,
    Traffic,
    TransmitterDevice,
)
from hil.errors import UnknownNameError, UsageError

from .injectable import EVE, INJECTABLE, LOSS, OF_LINKS, OF_WAYS, PER_DETECTOR, SEGMENT
from .time_of_day import OFFSET
from .ways import ways

if TYPE_CHECKING:
    from hil.bench.model import Bench, Device, Link

    LinkTable = Fibre | Dispersion | Traffic | Polarisation | FreeSpace | Background | Drift

    from .injectable import Bounds
    from .timeline import Key, State

__all__ = ["BREAKDOWN", "Parameters", "traffic_of"]

BREAKDOWN = 0.9
"""Of a detector's declared bias. Above it efficiency and dark counts grow in proportion, as of InGaAs diodes at a few volts
of excess bias they nearly do (J. Zhang et al., Light: Science & Applications 4, e286 (2015))."""


_ENOUGH = 0.5
"""Of its declared strength a synchronisation signal is still followed."""

_NOT_DECLARED = {
    "intensity_scale": 1.0,
    "excess_loss_db": 0.0,
    "phase_error_rad": 0.0,
    "repeat_probability": 0.0,
    "detuning_nm": 0.0,
    "burst_every_s": 1.0,
    "sync_signal": 1.0,
    "firmware_code": 0.0,
    OFFSET: 0.0,
    "counter_bits": 0.0,
}
_NM_PER_K = 0.09
"""By which a laser's wavelength grows with its temperature: 0.08 to 0.10 nm/K of distributed-feedback lasers at 1550 nm."""
_NO_TRAFFIC = Traffic(launch_power_w=0.0)
_NOBODY = Eve()


class Parameters:
    """True values of the parameters of a bench's devices and fibres, for any state of its timeline.

    A fibre goes by the name of its link (``metro``), or of its arm (``metro.a``); ``fibre`` will do for the only link.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._base: State = {}
        for name, device in bench.device.items():
            for parameter in INJECTABLE.get(type(device), {}):
                self._base[name, parameter] = _true_value(device, parameter)
        self._lasers = {name: device for name, device in bench.device.items() if isinstance(device, LaserDevice)}
        self._units: dict[tuple[str, str], list[str]] = {}
        for name, device in bench.device.items():
            if isinstance(device, DetectorDevice):
                self._units.setdefault((device.of, device.channel), []).append(name)
        self._ways = {way.name: way.link for way in ways(bench)}
        for name, link in self._ways.items():
            if not link.entangled:
                self._base |= {(name, parameter): float(getattr(link.eve or _NOBODY, parameter)) for parameter in EVE}
            for table in _tables(link):
                actual = actual_of(table)
                for parameter in OF_LINKS[type(table)]:
                    declared = getattr(table, parameter, _NOT_DECLARED.get(parameter, 0.0))
                    self._base[name, parameter] = float(actual.get(parameter, declared))
            self._base |= {(name, parameter): _NOT_DECLARED.get(parameter, 0.0) for parameter in OF_WAYS}
            for part, element in link.element.items():
                self._base[name, f"{part}.loss_db"] = float(actual_of(element).get("loss_db", element.loss_db))
            for number, segment in enumerate(link.segments, 1):
                actual = actual_of(segment)
                self._base |= {
                    (name, f"segment{number}.{parameter}"): float(actual.get(parameter, getattr(segment, parameter)))
                    for parameter in SEGMENT
                }

    def value(self, state: State, device: str, parameter: str) -> float:
        """The true value: injected, else actual, else declared; a detector without its own has its receiver's."""
        key = (device, parameter)
        if key in state:
            return state[key]
        if "." in parameter and key not in self._base:
            return self.value(state, device, parameter.partition(".")[2])
        return self._base[key]

    def everything(self, state: State) -> dict[Key, float]:
        """The true value of every parameter that can be injected, and all that was set."""
        names = [*self._bench.device, *self._ways]
        known = {(name, parameter) for name in names for parameter in self._injectable(name)[1]}
        return {**{key: self.value(state, *key) for key in known}, **state}

    def light(self, state: State, emitter: str) -> float:
        """How much brighter than declared a transmitter or pair source is for what its lasers do: 1 at their operating points.

        Light grows in proportion to the current above the threshold, the law of a laser diode.
        """
        factor = 1.0
        for name, laser in self._lasers.items():
            if laser.drives == emitter:
                above_a = state[name, "current_a"] - self.value(state, name, "threshold_a")
                factor *= max(above_a, 0.0) / (laser.current_a - laser.threshold_a) if state[name, "lasing"] else 0.0
        return factor

    def detuning_nm(self, state: State, emitter: str) -> float:
        """How far a transmitter's light is off its wavelength: as injected, and as its lasers are off their set points.

        The wavelength follows a set point at once.
        """
        off_nm = self.value(state, emitter, "detuning_nm")
        for name, laser in self._lasers.items():
            if laser.drives == emitter:
                off_nm += _NM_PER_K * (state[name, "setpoint_c"] - laser.setpoint_c)
        return off_nm

    def mean_pairs(self, state: State, source: str) -> float:
        """Pairs in a pulse of a pair source, which grow in proportion to its pump's light."""
        return self.value(state, source, "mean_pairs") * self.light(state, source)

    def synchronised(self, state: State, receiver: str) -> bool:
        """Whether a receiver gets the signal that tells it when pulses come."""
        return self.value(state, receiver, "sync_signal") >= _ENOUGH

    def excess_bias(self, state: State, receiver: str, detector: str) -> float:
        """Bias above breakdown that the control units of a detector, where it has any, give it, relative to the declared."""
        share = 1.0
        for name in self._units.get((receiver, detector), ()):
            declared_v = self._detector(name).bias_v
            above_v = state[name, "bias_v"] - BREAKDOWN * declared_v
            share *= max(above_v, 0.0) / ((1.0 - BREAKDOWN) * declared_v) if state[name, "biased"] else 0.0
        return share

    def warmer_k(self, state: State, receiver: str, detector: str) -> float:
        """By how much the coolers of its control units hold a detector above their declared set points."""
        units = self._units.get((receiver, detector), ())
        return sum(state[name, "setpoint_c"] - self._detector(name).setpoint_c for name in units)

    def _detector(self, name: str) -> DetectorDevice:
        unit = self._bench.device[name]
        assert isinstance(unit, DetectorDevice)
        return unit

    def injection(self, device: str, parameter: str, value: float, state: State) -> dict[Key, float | None]:
        """The change of state that an injection is; a whole receiver's value replaces those of its single detectors.

        UsageError for an unknown parameter (naming the known ones) or a value outside its bounds.
        """
        key, bounds = self.lookup(device, parameter)
        if not (isfinite(value) and bounds.low <= value <= bounds.high):
            raise UsageError(f"{device}: {parameter} = {value} is impossible; expected {bounds.low:g} to {bounds.high:g}")
        changes: dict[Key, float | None] = dict.fromkeys(
            (other for other in state if other[0] == key[0] and other[1].endswith(f".{key[1]}")), None
        )
        changes[key] = float(value)
        return changes

    def lookup(self, device: str, parameter: str) -> tuple[Key, Bounds]:
        """Where a parameter is kept, and its bounds; UsageError names the injectable ones for an unknown one."""
        name, known = self._injectable(device)
        if parameter not in known:
            raise UsageError(f"{device}: no parameter {parameter!r} to inject; injectable: {', '.join(known) or 'none'}")
        return (name, parameter), known[parameter]

    def _injectable(self, name: str) -> tuple[str, dict[str, Bounds]]:
        device = self._bench.device.get(name)
        if device is not None:
            known = dict(INJECTABLE.get(type(device), {}))
            if isinstance(device, TransmitterDevice):
                bounds = known["intensity_scale"]
                known |= {f"{number}.intensity_scale": bounds for number in range(len(device.intensities))}
            for detector in device.detectors if isinstance(device, ReceiverDevice) else ():
                known |= {f"{detector}.{parameter}": bounds for parameter, bounds in PER_DETECTOR.items()}
            return name, known
        found = next(iter(self._ways)) if name == "fibre" and len(self._ways) == 1 else name
        if found in self._ways:
            link = self._ways[found]
            numbers = range(1, len(link.segments) + 1)
            if numbers:
                return found, {
                    f"segment{number}.{parameter}": bounds for number in numbers for parameter, bounds in SEGMENT.items()
                }
            of_tables = {name: bounds for table in _tables(link) for name, bounds in OF_LINKS[type(table)].items()}
            parts = {f"{part}.loss_db": LOSS for part in link.element}
            return found, of_tables | OF_WAYS | parts | ({} if link.entangled else EVE)
        everything = ", ".join([*self._bench.device, *self._ways])
        raise UnknownNameError(f"no device or link {name!r} on bench {self._bench.bench.name!r}; known: {everything}")


def traffic_of(fibre: Fibre) -> Traffic:
    """Classical light in a fibre: none where none is declared, which can be injected all the same."""
    return _NO_TRAFFIC if fibre.traffic is None else fibre.traffic


def _tables(link: Link) -> list[LinkTable]:
    """The tables of a link that have parameters."""
    fibre, air = link.fibre, link.free_space
    found: list[LinkTable | None] = [fibre, air, link.drift]
    if fibre is not None:
        found += [fibre.dispersion, traffic_of(fibre), fibre.polarisation]
    if air is not None:
        found.append(air.background)
    return [table for table in found if table is not None]


def _true_value(device: Device, parameter: str) -> float:
    """Declared value, or what the bench says is actually so; an attenuator's true loss differs by its excess loss."""
    actual = actual_of(device)
    if isinstance(device, AttenuatorDevice) and parameter == "excess_loss_db":
        return actual.get("attenuation_db", device.attenuation_db) - device.attenuation_db
    default = _NOT_DECLARED.get(parameter)
    return float(actual.get(parameter, getattr(device, parameter) if default is None else default))
