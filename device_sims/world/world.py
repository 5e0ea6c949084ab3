"""The world of one bench: what every simulated instrument reads and moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.bench.model import Bench
    from hil.ports.detections import DetectionRecords, Preparations, ReceiverCounters, ReceiverHistory

__all__ = ["World"]


class World:
    """State of fibre, actuators, temperatures, detectors and photons, as a function of bench time.

    Told the time (``now_ns``, integer nanoseconds, never backwards but by :meth:`reset`); thread-safe, one lock holds each
    call. ``device`` is a name of the bench file. All randomness is keyed by (seed, component, time window).
    """

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.seed = seed

    def reset(self, seed: int) -> None:
        """Back to the declared state at time zero with a new seed; injections are gone."""
        raise NotImplementedError

    # --- optical path -------------------------------------------------------------------------------------------------

    def attenuation_db(self, device: str, now_ns: int) -> float: ...
    def set_attenuation_db(self, device: str, attenuation_db: float, now_ns: int) -> None: ...
    def switch_channel(self, device: str, now_ns: int) -> int: ...
    def set_switch_channel(self, device: str, channel: int, now_ns: int) -> None: ...

    def tap_power_w(self, device: str, now_ns: int) -> float:
        """Pilot light on the sensor of this power meter, without noise or floor."""

    # --- temperature --------------------------------------------------------------------------------------------------

    def temperature_c(self, device: str, now_ns: int) -> float:
        """Temperature of the stage this controller holds (first-order relaxation, closed form)."""

    def setpoint_c(self, device: str) -> float: ...
    def set_setpoint_c(self, device: str, setpoint_c: float, now_ns: int) -> None: ...
    def heater_enabled(self, device: str) -> bool: ...
    def set_heater_enabled(self, device: str, now_ns: int, *, enabled: bool) -> None: ...

    # --- transmitter --------------------------------------------------------------------------------------------------

    def emitting(self, device: str) -> bool: ...
    def set_emitting(self, device: str, now_ns: int, *, emitting: bool) -> None: ...
    def pulse_index(self, device: str, now_ns: int) -> int: ...

    def prepare(self, device: str, indices: npt.NDArray[np.int64]) -> Preparations:
        """Settings of these pulses: a pure function of (seed, device, index)."""

    def calibrations_s(self, device: str, now_ns: int) -> npt.NDArray[np.float64]: ...

    # --- receiver -----------------------------------------------------------------------------------------------------

    def biased(self, device: str) -> bool: ...
    def set_biased(self, device: str, now_ns: int, *, biased: bool) -> None: ...
    def stage_temperature_c(self, device: str, now_ns: int) -> float: ...
    def counters(self, device: str, now_ns: int) -> ReceiverCounters: ...
    def start_block(self, device: str, now_ns: int) -> int: ...
    def stop_block(self, device: str, now_ns: int) -> DetectionRecords: ...
    def history(self, device: str, from_s: float, to_s: float, now_ns: int) -> ReceiverHistory: ...

    # --- for instruments and the control port -------------------------------------------------------------------------

    def noise(self, component: str, now_ns: int) -> np.random.Generator:
        """A generator for the reading noise of one component at one time."""

    def inject(self, device: str, parameter: str, value: float, now_ns: int) -> None:
        """Change a physical parameter of a device (``dark_count_rate_hz``, ``efficiency``, ``misalignment``, ...).

        UsageError names the injectable ones for an unknown one.
        """

    def injected(self, device: str, parameter: str) -> float:
        """The parameter's present value, injected or declared."""
