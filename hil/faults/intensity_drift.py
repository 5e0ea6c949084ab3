"""The transmitter's light drifts, all intensities alike: a laser ages, a modulator's bias wanders.

Where the bench has the laser's driver its current is moved, inside its envelope: light grows in proportion to what is above the
threshold. Else the twin's intensities are scaled. Seen in the counts. Proofs take the intensities for granted: no key is to be
trusted while they are off.
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

__all__ = ["SPEC", "IntensityDrift"]


@dataclass(frozen=True)
class IntensityDrift:
    """``drift_db``: by how much the light grows, or shrinks where it is negative."""

    drift_db: float

    def __post_init__(self) -> None:
        checked(self, drift_db=(-20.0, 10.0))


def _where(bench: FaultBench, target: str) -> list[tuple[str, str]]:
    lasers = [name for name in bench.devices_of_role("laser") if bench.declared(name).drives == target]
    if lasers:
        return [(lasers[0], "current_a")]
    return [(target, f"{number}.intensity_scale") for number in range(len(bench.declared(target).intensities))]


def _threshold_a(bench: FaultBench, device: str, parameter: str) -> float:
    return float(bench.declared(device).threshold_a) if parameter == "current_a" else 0.0


SPEC = injection(
    Injection(
        parameters=_where,
        becomes=lambda settings, _parameter, stood: float(stood * power_ratio(settings.drift_db)),
        unless="it would take the driver of its laser as a device of the bench",
        within=1e-5,
        above=_threshold_a,
    ),
    name="intensity-drift",
    title="The transmitter's light drifts",
    settings=IntensityDrift,
    zero="A drift of 0 dB changes nothing.",
    target_role="transmitter",
    acts_on="the current of the transmitter's laser; without its driver, the intensities of the twin",
    read=lambda bench, _target, _settings: lit_clicks(bench, bench.device_of_role("receiver")),
    shown=lambda bench, _target, settings, before, now: changed_light(
        bench, bench.device_of_role("receiver"), before, now, power_ratio(settings.drift_db)
    ),
    healed=lambda bench, _target, settings, during, after: light_back(
        bench, bench.device_of_role("receiver"), during, after, power_ratio(settings.drift_db)
    ),
    ranges={"drift_db": Range(-3.0, -0.2, "down to half of the light, a common end of life of a laser; our choice")},
    magnitude=("drift_db",),
)
