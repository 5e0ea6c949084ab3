"""A bench as data: frozen, validated objects made from one TOML file.

TOML keys carry no unit because their values do (``dead_time = "50 ns"``); the attributes here carry it (``dead_time_s``). Every
quantity is a string with its unit, parsed once; plain numbers are pure ratios and counts.

The dictionaries and tables are not to be changed once loaded.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from hil.bench.tables.auxiliaries import DetectorDevice, LaserDevice, PowerOutletDevice, TimeTaggerDevice
from hil.bench.tables.chains import Chain
from hil.bench.tables.channels import Dispersion, Element, Fibre, Polarisation, Traffic
from hil.bench.tables.classical import Classical, ClassicalEnd
from hil.bench.tables.device import Calibration
from hil.bench.tables.drift import Drift, Maintenance
from hil.bench.tables.endpoints import KmeDevice, RecordingDevice
from hil.bench.tables.free_space import Background, FreeSpace, Orbit
from hil.bench.tables.instruments import AttenuatorDevice, PowerMeterDevice, SwitchDevice, TemperatureControllerDevice
from hil.bench.tables.links import Arm, Contract, Eve, Link, Proof
from hil.bench.tables.quantities import Seconds, Table
from hil.bench.tables.receivers import ReceiverDevice
from hil.bench.tables.repeaters import RepeaterNodeDevice, Segment
from hil.bench.tables.sources import PairSourceDevice, TransmitterDevice

__all__ = [
    "Arm",
    "AttenuatorDevice",
    "Background",
    "Bench",
    "BenchInfo",
    "Calibration",
    "Chain",
    "Classical",
    "ClassicalEnd",
    "Contract",
    "DetectorDevice",
    "Device",
    "Dispersion",
    "Drift",
    "Element",
    "Eve",
    "Fibre",
    "FreeSpace",
    "KmeDevice",
    "LaserDevice",
    "Link",
    "Maintenance",
    "Orbit",
    "PairSourceDevice",
    "Polarisation",
    "PowerMeterDevice",
    "PowerOutletDevice",
    "Proof",
    "ReceiverDevice",
    "RecordingDevice",
    "RepeaterNodeDevice",
    "Segment",
    "Site",
    "SloLimit",
    "SwitchDevice",
    "TemperatureControllerDevice",
    "TimeTaggerDevice",
    "Traffic",
    "TransmitterDevice",
]


class BenchInfo(Table, frozen=True, kw_only=True):
    """``[bench]``."""

    name: str
    description: str = ""
    simulated: bool = False
    """Every address may be missing: the bench is its twins."""
    mixed: bool = False
    """Devices without an address are twins, the others are real."""


Device = (
    TransmitterDevice
    | PairSourceDevice
    | ReceiverDevice
    | AttenuatorDevice
    | SwitchDevice
    | PowerMeterDevice
    | TemperatureControllerDevice
    | LaserDevice
    | DetectorDevice
    | TimeTaggerDevice
    | PowerOutletDevice
    | KmeDevice
    | RecordingDevice
    | RepeaterNodeDevice
)


class SloLimit(Table, frozen=True, kw_only=True):
    """``[slo.X]``: a limit of this bench and how it is decided; values are in the indicator's unit, or strings with a unit."""

    max: float | str | UnsetType = UNSET
    min: float | str | UnsetType = UNSET
    confidence: Annotated[float, Meta(gt=0.5, lt=1.0)] = 0.95
    gate: bool = True
    rule: Literal["", "fixed", "sequential", "sprt"] = ""
    """``fixed`` looks once, ``sequential`` after every block, ``sprt`` as well, between the limit and ``acceptable``."""
    acceptable: float | str | UnsetType = UNSET
    """The better hypothesis of ``sprt``."""
    guard_band: float | str | UnsetType = UNSET
    """Kept clear on either side of the limit; or ``"1 U"``, multiples of the expanded uncertainty."""
    n_max: Annotated[int, Meta(ge=0)] = 0
    """Budget, in what the verdict's n counts; 0 for none."""
    duration_max_s: Seconds = field(name="duration_max", default=0.0)
    """Budget, in bench time; 0 for none."""
    insufficient_data: Literal["inconclusive", "fail"] = "inconclusive"
    """What an undecided verdict counts as."""
    conditional: bool = False
    """Whether an undecided verdict is named a conditional pass or fail."""


class Site(Table, frozen=True, kw_only=True):
    """``[site.X]``."""

    region: str = ""
    description: str = ""


class Bench(Table, frozen=True, kw_only=True):
    """A whole bench file."""

    bench: BenchInfo
    device: dict[str, Device]
    link: dict[str, Link] = {}
    chain: dict[str, Chain] = {}
    slo: dict[str, SloLimit] = {}
    site: dict[str, Site] = {}
