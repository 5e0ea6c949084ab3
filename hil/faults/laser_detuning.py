"""The laser drifts off the receiver's filter: light is lost there, as a Gaussian filter takes it.

The twin's transmitter is detuned. A real one would take a driver that tunes its laser, which no driver here does. Seen in the
counts. Of a time-bin link the interferometer's phase would turn as well, which the twin does not model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._clicks import lit_clicks
from hil.faults._dimming import changed_light, light_back, power_ratio
from hil.faults._injection import Injection, checked, injection
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "LaserDetuning"]

_FILTER_NM = 0.8
_SIXTEENTH_DB = 12.04
"""A Gaussian loses it beside its middle by its full width at half maximum, and with the square of the distance."""


@dataclass(frozen=True)
class LaserDetuning:
    """``detuning_nm``: how far the laser is off, to either side."""

    detuning_nm: float

    def __post_init__(self) -> None:
        checked(self, detuning_nm=(-2.0, 2.0))


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
        parameters=lambda _bench, target: [(target, "detuning_nm")],
        becomes=lambda settings, _parameter, stood: float(stood + settings.detuning_nm),
        unless="it would take a driver that tunes its laser",
    ),
    name="laser-detuning",
    title="The laser drifts off the receiver's filter (twins only)",
    settings=LaserDetuning,
    zero="A detuning of 0 nm changes nothing.",
    target_role="transmitter",
    acts_on="the wavelength of a transmitter's twin, against the filter of its receiver",
    read=lambda bench, _target, _settings: lit_clicks(bench, bench.device_of_role("receiver")),
    shown=lambda bench, _target, settings, before, now: changed_light(
        bench, bench.device_of_role("receiver"), before, now, _factor(bench, settings)
    ),
    healed=lambda bench, _target, settings, during, after: light_back(
        bench, bench.device_of_role("receiver"), during, after, _factor(bench, settings)
    ),
    ranges={
        "detuning_nm": Range(
            -0.8, 0.8, "a channel of the 100 GHz grid (ITU-T G.694.1) either way: 8 to 10 K at 0.08 to 0.10 nm per kelvin"
        )
    },
    magnitude=("detuning_nm",),
)
