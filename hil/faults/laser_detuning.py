"""The laser drifts off the receiver's filter: light is lost there, as a Gaussian filter takes it.

Where the bench has the laser's driver the set point of its cooler is moved, inside its envelope; the wavelength follows by
0.09 nm a kelvin. Else the twin's transmitter is detuned. Seen in the counts. Of a time-bin link the phase of the interferometer
would turn as well, which the twin does not model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import lit_clicks
from hil.faults._dimming import changed_light, light_back, power_ratio
from hil.faults._injection import Injection, injection
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "LaserDetuning"]

_FILTER_NM = 0.8
_NM_PER_K = 0.09
"""Of distributed-feedback lasers at 1550 nm: 0.08 to 0.10 nm a kelvin."""
_TOLD_K = 0.06
_SIXTEENTH_DB = 12.04
"""A Gaussian loses it beside its middle by its full width at half maximum, and with the square of the distance."""


@dataclass(frozen=True)
class LaserDetuning:
    """``detuning_nm``: how far the laser is off, to either side."""

    detuning_nm: float

    def __post_init__(self) -> None:
        checked(self, detuning_nm=(-2.0, 2.0))


def _where(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    lasers = [name for name in bench.devices_of_role("laser") if bench.declared(name).drives == target]
    return [(lasers[0], "setpoint_c")] if lasers else [(target, "detuning_nm")]


def _becomes(settings: LaserDetuning, parameter: str, stood: float) -> float:
    return float(stood + settings.detuning_nm / (_NM_PER_K if parameter == "setpoint_c" else 1.0))


def _factor(bench: FaultBench, settings: LaserDetuning) -> float:
    """What passes the filter of the link's fibre; of the air's, where it has one."""
    link = bench.declared(bench.device_of_role("link"))
    width_nm = _FILTER_NM
    if link.fibre is not None and link.fibre.traffic is not None:
        width_nm = link.fibre.traffic.filter_width_nm
    if link.free_space is not None and link.free_space.background is not None:
        width_nm = link.free_space.background.filter_width_nm
    return power_ratio(-_SIXTEENTH_DB * (settings.detuning_nm / width_nm) ** 2)


SPEC = injection(
    Injection(
        parameters=_where,
        becomes=_becomes,
        unless="it would take the driver of its laser as a device of the bench",
        within=_TOLD_K,
    ),
    name="laser-detuning",
    title="The laser drifts off the receiver's filter",
    settings=LaserDetuning,
    zero="A detuning of 0 nm changes nothing.",
    target_role="transmitter",
    acts_on="the set point of the transmitter's laser; without its driver, the wavelength of the twin",
    read=lambda bench, _target, _settings: lit_clicks(bench, bench.device_of_role("receiver")),
    shown=lambda bench, _target, settings, before, now: changed_light(
        bench, bench.device_of_role("receiver"), before, now, _factor(bench, settings)
    ),
    healed=lambda bench, _target, settings, during, after: light_back(
        bench, bench.device_of_role("receiver"), during, after, _factor(bench, settings)
    ),
    ranges={
        "detuning_nm": Range(
            0.1, 0.8, "to a channel of the 100 GHz grid (ITU-T G.694.1) beside: 8 to 10 K at 0.08 to 0.10 nm per kelvin"
        )
    },
    magnitude=("detuning_nm",),
)
