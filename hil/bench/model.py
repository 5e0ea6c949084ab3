"""A bench as data: frozen, validated objects made from one TOML file.

TOML keys carry no unit because their values do (``dead_time = "50 ns"``); the attributes here carry it (``dead_time_s``). Every
quantity is a string with its unit, parsed once; plain numbers are pure ratios and counts.

The dictionaries and tables are not to be changed once loaded.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

__all__ = [
    "AttenuatorDevice",
    "Bench",
    "BenchInfo",
    "Calibration",
    "Contract",
    "Device",
    "Fibre",
    "KmeDevice",
    "Link",
    "PowerMeterDevice",
    "Proof",
    "ReceiverDevice",
    "RecordingDevice",
    "Site",
    "SloLimit",
    "SwitchDevice",
    "TemperatureControllerDevice",
    "TransmitterDevice",
]


def _quantity(name: str) -> Meta:
    return Meta(extra={"quantity": name})


_ABOVE_ZERO = Meta(gt=0.0)

Seconds = Annotated[float, _quantity("time")]
SomeSeconds = Annotated[Seconds, _ABOVE_ZERO]
Hertz = Annotated[float, _quantity("rate")]
SomeHertz = Annotated[Hertz, _ABOVE_ZERO]
Decibels = Annotated[float, _quantity("loss")]
DecibelsPerKm = Annotated[float, _quantity("loss per length")]
Kilometres = Annotated[float, _quantity("length")]
Watts = Annotated[float, _quantity("power")]
Celsius = Annotated[float, _quantity("temperature")]
BitsPerSecond = Annotated[float, _quantity("bit rate")]
Nanometres = Annotated[float, _quantity("wavelength"), _ABOVE_ZERO]
Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
PositiveRatio = Annotated[float, Meta(gt=0.0, le=1.0)]
Envelope = Annotated[dict[str, tuple[float | str, float | str]], Meta(extra={"settings": "interval"})]
Actual = Annotated[dict[str, float | str], Meta(extra={"settings": "value"})]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of a bench file."""


class BenchInfo(_Table, frozen=True, kw_only=True):
    """``[bench]``."""

    name: str
    description: str = ""
    simulated: bool = False
    """Every address may be missing: the bench is its twins."""
    mixed: bool = False
    """Devices without an address are twins, the others are real."""


class Calibration(_Table, frozen=True, kw_only=True):
    """``[device.X.calibration.Y]``: value of a quantity with expanded uncertainty (coverage factor ``k``) and its dates."""

    value: float
    expanded_uncertainty: float
    k: float = 2.0
    on: date
    due: date
    certificate: str = ""


class _Device(_Table, frozen=True, kw_only=True):
    """What every device may say."""

    driver: str
    twin: str = ""
    """Name of its simulated twin; empty means the one with the driver's name."""
    address: str = ""
    data_address: str = ""
    firmware: str = ""
    """A PEP 440 range its firmware version has to satisfy, checked before the first test."""
    serial: str = ""
    site: str = ""
    region: str = ""
    envelope: Envelope = {}
    """Setting to its allowed interval, with units; once loaded, SI floats by attribute name (``attenuation_db``)."""
    actual: Actual = {}
    """Twins only: what the device is really like where it differs from its declaration, by the same keys; once loaded, SI
    floats by attribute name (``dark_count_rate_hz``)."""
    chaos: Literal["", "allow"] = ""
    calibration: dict[str, Calibration] = {}


class TransmitterDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="transmitter"):
    """Decoy-state BB84 transmitter."""

    pulse_rate_hz: SomeHertz = field(name="pulse_rate")
    intensities: tuple[float, ...]
    intensity_probabilities: tuple[float, ...]
    key_basis_probability: PositiveRatio
    pilot_power_w: Watts = field(name="pilot_power", default=1e-5)
    """Bright synchronisation light launched beside the quantum signal; what a tap's power meter sees."""
    calibration_every_s: SomeSeconds = field(name="calibration_every", default=432_000.0)
    level: Literal["L0", "L1", "L2", "L3"] = "L3"


class ReceiverDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="receiver"):
    """Single-photon receiver."""

    detectors: tuple[str, ...] = ("z0", "z1", "x0", "x1")
    efficiency: PositiveRatio
    insertion_loss_db: Decibels = field(name="insertion_loss", default=0.0)
    dark_count_rate_hz: Hertz = field(name="dark_count_rate")
    """Per detector, without afterpulses, at the declared temperature."""
    dead_time_s: Seconds = field(name="dead_time")
    afterpulse_probability: Ratio = 0.0
    afterpulse_decay_s: SomeSeconds = field(name="afterpulse_decay", default=1e-6)
    misalignment: Ratio = 0.0
    basis_choice: Literal["active", "passive"] = "passive"
    key_basis_probability: PositiveRatio
    detector_temperature_c: Celsius = field(name="detector_temperature", default=-40.0)
    dark_count_doubling_k: Annotated[float, Meta(gt=0.0)] = 10.0
    """Kelvin of warming that double the dark counts."""
    misalignment_per_k: float = 0.0
    """Added misalignment per kelvin that the controlled stage is away from its set point in the bench file."""
    level: Literal["L0", "L1", "L2", "L3"] = "L3"


class AttenuatorDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="attenuator"):
    """Variable optical attenuator in the path; ``attenuation`` is its operating point, insertion loss included."""

    attenuation_db: Decibels = field(name="attenuation")


class SwitchDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="switch"):
    """Optical switch in the path: one channel passes the link, another is dark."""

    through_channel: Annotated[int, Meta(ge=1)] = 1
    dark_channel: Annotated[int, Meta(ge=1)] = 2
    insertion_loss_db: Decibels = field(name="insertion_loss", default=0.7)
    isolation_db: Decibels = field(name="isolation", default=50.0)


class PowerMeterDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="power-meter"):
    """Power meter on a tap of the path: it sees the pilot light there."""

    tap_ratio: PositiveRatio = 0.1
    tap_loss_db: Decibels = field(name="tap_loss", default=0.5)
    wavelength_nm: Nanometres = field(name="wavelength", default=1550.0)
    floor_w: Watts = field(name="floor", default=1e-10)
    max_w: Watts = field(name="maximum", default=2e-2)


class TemperatureControllerDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="temperature-controller"):
    """Holds one stage of another device at a temperature."""

    controls: str
    """Device whose stage it holds."""
    setpoint_c: Celsius = field(name="setpoint")
    time_constant_s: SomeSeconds = field(name="time_constant", default=20.0)
    ambient_c: Celsius = field(name="ambient", default=22.0)


class KmeDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="kme"):
    """Key management entity of one site (ETSI GS QKD 014)."""

    kme_id: str
    sae_id: str
    key_size: Annotated[int, Meta(ge=64, multiple_of=8)] = 256
    """Size of its keys, in bits."""
    max_keys: Annotated[int, Meta(gt=0)] = 100_000
    ca_file: str = ""
    """A real one only: PEM file of the authority that signed its certificate."""
    certificate_file: str = ""
    """A real one only: PEM file of this SAE's certificate, with which the test host authenticates itself."""
    private_key_file: str = ""


class RecordingDevice(_Device, frozen=True, kw_only=True, tag_field="role", tag="recording"):
    """A recorded time-tag file: both parties' events, channels 0 to 3 Alice's and 4 to 7 Bob's."""

    tick_s: SomeSeconds = field(name="tick")
    file: str = ""
    window_ticks: Annotated[int, Meta(ge=0)] = 4
    """Half width of the coincidence window, in ticks."""


Device = (
    TransmitterDevice
    | ReceiverDevice
    | AttenuatorDevice
    | SwitchDevice
    | PowerMeterDevice
    | TemperatureControllerDevice
    | KmeDevice
    | RecordingDevice
)


class Fibre(_Table, frozen=True, kw_only=True):
    """``[link.X.fibre]``."""

    length_km: Kilometres = field(name="length")
    attenuation_db_per_km: DecibelsPerKm = field(name="attenuation", default=0.2)
    excess_loss_db: Decibels = field(name="excess_loss", default=0.0)
    actual: Actual = {}
    """Twins only: what the laid fibre is really like (``actual = { length = "85 km" }``)."""


class Proof(_Table, frozen=True, kw_only=True):
    """``[link.X.proof]``: what the key length is computed with."""

    epsilon_secrecy: Annotated[float, Meta(gt=0.0, lt=1.0)] = 1e-9
    epsilon_correctness: Annotated[float, Meta(gt=0.0, lt=1.0)] = 1e-15
    qber_limit: Ratio = 0.08
    """Above this, nothing is released from a block."""


class Contract(_Table, frozen=True, kw_only=True):
    """``[link.X.contract]``: what the supplier promised; without it, 80 % of the predicted key rate."""

    key_rate_bps: BitsPerSecond = field(name="key_rate")


class Link(_Table, frozen=True, kw_only=True):
    """``[link.X]``: parties, and the optical path from a to b in order; ``"fibre"`` stands for the fibre itself."""

    protocol: Literal["bb84-decoy", "recorded-pairs"]
    parties: dict[Literal["a", "b"], str]
    path: tuple[str, ...] = ()
    fibre: Fibre | None = None
    block_s: SomeSeconds = field(name="block", default=1.0)
    proof: Proof = field(default_factory=Proof)
    contract: Contract | None = None
    kmes: dict[Literal["a", "b"], str] = {}
    auxiliary: tuple[str, ...] = ()
    """Devices that belong to the link without standing in its path (temperature controllers)."""


class SloLimit(_Table, frozen=True, kw_only=True):
    """``[slo.X]``: a limit of this bench; the value is in the indicator's unit, or a string with a unit."""

    max: float | str | UnsetType = UNSET
    min: float | str | UnsetType = UNSET
    confidence: Annotated[float, Meta(gt=0.5, lt=1.0)] = 0.95
    gate: bool = True


class Site(_Table, frozen=True, kw_only=True):
    """``[site.X]``."""

    region: str = ""
    description: str = ""


class Bench(_Table, frozen=True, kw_only=True):
    """A whole bench file."""

    bench: BenchInfo
    device: dict[str, Device]
    link: dict[str, Link] = {}
    slo: dict[str, SloLimit] = {}
    site: dict[str, Site] = {}
