"""Roles: what a test may ask of a device, whatever its make.

A driver implements one role. Every setter checks the envelope of the bench file before anything is encoded
(:class:`~hil.errors.EnvelopeError`), writes, and reads back; there is no raw write. Lengths of time are seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.channel_map import ChannelMap
    from hil.ports.detections import (
        DetectionRecords,
        PairSourceDeclaration,
        Preparations,
        ReceiverCounters,
        ReceiverHistory,
        SourceDeclaration,
        TagRecords,
        TimeTags,
    )
    from hil.ports.identity import Capabilities, Identity
    from hil.ports.repeater import PairRecords, SwapCounts
    from hil.ports.secret import SecretBytes

__all__ = [
    "AdjustableDetector",
    "Attenuator",
    "BlackBoxTransceiver",
    "Instrument",
    "Laser",
    "OpticalSwitch",
    "PairSource",
    "PowerMeter",
    "PowerOutlet",
    "Receiver",
    "Recording",
    "RepeaterNode",
    "SinglePhotonDetector",
    "TemperatureController",
    "TimeStamper",
    "TimeTagger",
    "Transmitter",
]


@runtime_checkable
class Instrument(Protocol):
    """Life cycle that all roles share. ``name`` is the device's name in the bench file."""

    name: str
    capabilities: Capabilities

    def open(self) -> None:
        """Connect and resynchronise; DeviceUnreachableError at once when nothing answers."""
        ...

    def close(self) -> None:
        """Let go of the port; a second call does nothing."""
        ...

    def identity(self) -> Identity:
        """Ask the device who it is."""
        ...

    def park(self) -> None:
        """Bring the device to its safe state; idempotent, and safe to call from any state."""
        ...


class PowerMeter(Instrument, Protocol):
    """Optical power meter."""

    def power_w(self) -> float:
        """One reading in watts; below its floor the reading is noise."""
        ...

    def wavelength_nm(self) -> float: ...
    def set_wavelength_nm(self, wavelength_nm: float) -> None: ...


class Attenuator(Instrument, Protocol):
    """Variable optical attenuator."""

    def attenuation_db(self) -> float: ...
    def set_attenuation_db(self, attenuation_db: float) -> None: ...


class OpticalSwitch(Instrument, Protocol):
    """1xN optical switch; channels count from 1."""

    def channel(self) -> int: ...
    def select(self, channel: int) -> None: ...


class TemperatureController(Instrument, Protocol):
    """Heater or thermo-electric cooler of one stage, in degrees Celsius."""

    def temperature_c(self) -> float: ...
    def setpoint_c(self) -> float: ...
    def set_setpoint_c(self, setpoint_c: float) -> None: ...
    def enabled(self) -> bool: ...
    def set_enabled(self, *, enabled: bool) -> None: ...


class Laser(Instrument, Protocol):
    """Driver of a laser diode and its thermo-electric cooler."""

    def emitting(self) -> bool: ...
    def set_emitting(self, *, emitting: bool) -> None:
        """Laser current on or off; refused while its cooler is off, where the device has one."""
        ...

    def current_a(self) -> float:
        """The set current, whether it flows or not."""
        ...

    def set_current_a(self, current_a: float) -> None: ...
    def temperature_c(self) -> float: ...
    def setpoint_c(self) -> float: ...
    def set_setpoint_c(self, setpoint_c: float) -> None: ...


class SinglePhotonDetector(Instrument, Protocol):
    """Control unit of one single-photon detector."""

    def counts(self, gate_s: float) -> int:
        """Clicks in the next ``gate_s`` seconds."""
        ...

    def biased(self) -> bool: ...
    def set_biased(self, *, biased: bool) -> None: ...


class AdjustableDetector(SinglePhotonDetector, Protocol):
    """A control unit whose bias and cooler can be set, both inside the envelope."""

    def bias_v(self) -> float: ...
    def set_bias_v(self, bias_v: float) -> None: ...
    def temperature_c(self) -> float: ...
    def setpoint_c(self) -> float: ...
    def set_setpoint_c(self, setpoint_c: float) -> None: ...


class TimeTagger(Instrument, Protocol):
    """Counter or time tagger; inputs count from 1."""

    def singles(self, gate_s: float) -> tuple[int, ...]:
        """Clicks at each input in the next ``gate_s`` seconds."""
        ...

    def coincidences(self, gate_s: float) -> dict[tuple[int, int], int]:
        """Coincidences of the pairs of inputs that it counts, in the next ``gate_s`` seconds."""
        ...


class TimeStamper(TimeTagger, Protocol):
    """A time tagger that tells when each click was (feature ``time-tags``)."""

    def time_tags(self, gate_s: float) -> TagRecords:
        """Every click of the next ``gate_s`` seconds by the tagger's own clock, from 0 at the beginning.

        Its records' ``detector`` is the input less one. Clicks that the device says it lost are counted in ``lost``.
        """
        ...


class PowerOutlet(Instrument, Protocol):
    """One outlet of a power distribution unit."""

    def powered(self) -> bool: ...
    def set_powered(self, *, powered: bool) -> None: ...


class Transmitter(Instrument, Protocol):
    """Prepares decoy-state BB84 pulses. Its settings are a pure function of the pulse index."""

    def emitting(self) -> bool: ...
    def set_emitting(self, *, emitting: bool) -> None: ...

    def source(self) -> SourceDeclaration:
        """What the device says it sends: pulse rate, intensities and how often each."""
        ...

    def device_time_ns(self) -> int:
        """The device's own clock: nanoseconds since its power-up."""
        ...

    def pulse_index(self) -> int:
        """Index of the pulse that leaves now."""
        ...

    def prepare(self, indices: npt.NDArray[np.int64]) -> Preparations:
        """Basis, bit and intensity of the pulses of these indices (L3 only)."""
        ...

    def calibrations_s(self) -> npt.NDArray[np.float64]:
        """Bench times, in seconds, at which the device calibrated itself."""
        ...


class PairSource(Instrument, Protocol):
    """Sends one photon of each entangled pair to either receiver of its link; it prepares nothing and knows no outcome."""

    def emitting(self) -> bool: ...
    def set_emitting(self, *, emitting: bool) -> None: ...

    def source(self) -> PairSourceDeclaration:
        """What the device says it sends: pulse rate, pairs in a pulse, and the law of their number."""
        ...

    def device_time_ns(self) -> int:
        """The device's own clock: nanoseconds since its power-up."""
        ...

    def pulse_index(self) -> int:
        """Index of the pulse that leaves now."""
        ...

    def calibrations_s(self) -> npt.NDArray[np.float64]:
        """Bench times, in seconds, at which the device calibrated itself."""
        ...


class Receiver(Instrument, Protocol):
    """Single-photon receiver: several detectors, counters, and a data plane of detection records."""

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names of its detectors, in the order of their numbers in a record."""
        ...

    def counters(self) -> ReceiverCounters:
        """Clicks per detector since power-up, with the live time they were counted in."""
        ...

    def stage_temperature_c(self) -> float:
        """Temperature of its optics stage, in degrees Celsius, as the receiver measures it."""
        ...

    def device_time_ns(self) -> int:
        """The device's own clock: nanoseconds since its power-up."""
        ...

    def biased(self) -> bool:
        """Whether its detectors have their bias; without it nothing clicks."""
        ...

    def set_biased(self, *, biased: bool) -> None: ...

    def start(self) -> int:
        """Begin a block of detections now; the pulse index, or the tick of a receiver with tags, that it begins at."""
        ...

    def stop(self) -> DetectionRecords | TagRecords:
        """End the block and read its detections: tags from a receiver that declares ``timing = "tags"``."""
        ...

    def history(self, from_s: float, to_s: float) -> ReceiverHistory:
        """The device's own one-minute log between two bench times."""
        ...


class BlackBoxTransceiver(Instrument, Protocol):
    """A transceiver that shows only delivered keys and telemetry (L0)."""

    def telemetry(self) -> dict[str, float]:
        """What the box claims: ``qber_ratio``, ``key_rate_bps``, ``sifted_bits``, ``counts_hz``, ``temperature_c``."""
        ...

    def take_keys(self) -> tuple[tuple[str, SecretBytes], ...]:
        """Keys made since the last call, each with its ID, oldest first. Destructive."""
        ...


class Recording(Instrument, Protocol):
    """Time tags of both parties from a file: a bench without devices. The parties share one tick."""

    @property
    def tick_s(self) -> float:
        """Length of one tick in seconds."""
        ...

    @property
    def duration_s(self) -> float:
        """From the first event to the last, in seconds."""
        ...

    @property
    def channels(self) -> ChannelMap:
        """Whose each channel is, in which setting and with which result."""
        ...

    def alice(self) -> TimeTags: ...
    def bob(self) -> TimeTags: ...


class RepeaterNode(Instrument, Protocol):
    """A node of a repeater chain: an end, which has pairs, or one between, which swaps."""

    def device_time_ns(self) -> int:
        """The device's own clock: nanoseconds since its power-up."""
        ...

    def repeating(self) -> bool:
        """Whether the node takes part. A chain makes pairs while all of its nodes do."""
        ...

    def set_repeating(self, *, repeating: bool) -> None: ...

    def pairs(self, first: int = 0) -> PairRecords:
        """Pairs from number ``first`` on, as this end knows them; MissingCapabilityError at a node between."""
        ...

    def swaps(self) -> SwapCounts:
        """Swaps since the chain began; MissingCapabilityError at an end."""
        ...
