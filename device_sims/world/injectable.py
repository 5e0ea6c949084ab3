"""What can be injected into simulated devices and links, each parameter within the bounds that physics leaves it."""

from __future__ import annotations

from dataclasses import dataclass

from hil.bench.model import (
    AttenuatorDevice,
    Background,
    DetectorDevice,
    Dispersion,
    Drift,
    Fibre,
    FreeSpace,
    LaserDevice,
    PairSourceDevice,
    Polarisation,
    PowerMeterDevice,
    PowerOutletDevice,
    ReceiverDevice,
    RepeaterNodeDevice,
    SwitchDevice,
    TemperatureControllerDevice,
    Traffic,
    TransmitterDevice,
)

from .time_of_day import OFFSET

__all__ = ["EVE", "INJECTABLE", "LOSS", "OF_LINKS", "OF_WAYS", "PER_DETECTOR", "SEGMENT", "Bounds"]


@dataclass(frozen=True)
class Bounds:
    """The physically sensible interval of a parameter, ends included."""

    low: float
    high: float


PER_DETECTOR = {
    "dark_count_rate_hz": Bounds(0.0, 1e8),
    "efficiency": Bounds(0.0, 1.0),
    "dead_time_s": Bounds(0.0, 1e-2),
    "afterpulse_probability": Bounds(0.0, 0.5),
    "afterpulse_decay_s": Bounds(1e-9, 1e-2),
    "recovery_time_s": Bounds(0.0, 1e-3),
    "jitter_sigma_s": Bounds(0.0, 1e-6),
    "latch_rate_hz": Bounds(0.0, 1e10),
    "latch_reset_s": Bounds(0.0, 10.0),
}

_TIME_OF_DAY = {OFFSET: Bounds(-1e9, 1e9)}
"""By how much the clock of a device that tells the time of day is ahead."""

_FIRMWARE = {"firmware_code": Bounds(0.0, 999_999_999.0)}
"""Another version that a transceiver tells, as :func:`hil.ports.identity.firmware_code`; 0 for its own."""

INJECTABLE: dict[type, dict[str, Bounds]] = {
    TransmitterDevice: {
        **_FIRMWARE,
        **_TIME_OF_DAY,
        "intensity_scale": Bounds(0.0, 100.0),
        "pilot_power_w": Bounds(0.0, 1.0),
        "key_basis_probability": Bounds(0.01, 0.99),
        "repeat_probability": Bounds(0.0, 0.95),
        "detuning_nm": Bounds(-20.0, 20.0),
    },
    PairSourceDevice: {
        **_TIME_OF_DAY,
        "mean_pairs": Bounds(0.0, 100.0),
        "visibility_key": Bounds(0.0, 1.0),
        "visibility_test": Bounds(0.0, 1.0),
        "pilot_power_w": Bounds(0.0, 1.0),
    },
    ReceiverDevice: {
        **PER_DETECTOR,
        **_FIRMWARE,
        **_TIME_OF_DAY,
        "counter_bits": Bounds(0.0, 63.0),
        "misalignment": Bounds(0.0, 0.5),
        "insertion_loss_db": Bounds(0.0, 100.0),
        "detector_temperature_c": Bounds(-273.0, 100.0),
        "phase_error_rad": Bounds(-100.0, 100.0),
        "efficiency_ageing": Bounds(0.0, 0.999),
        "dark_count_ageing": Bounds(0.0, 10.0),
        "efficiency_offset_s": Bounds(0.0, 1e-8),
        "blinding_threshold_w": Bounds(0.0, 1.0),
        "latching_threshold_w": Bounds(0.0, 1.0),
        "clock_offset_s": Bounds(0.0, 1e9),
        "clock_error_ppm": Bounds(-1000.0, 1000.0),
        "clock_drift_ppm_per_h": Bounds(-1e5, 1e5),
        "clock_noise": Bounds(0.0, 1e-6),
        "sync_signal": Bounds(0.0, 1.0),
    },
    AttenuatorDevice: {"excess_loss_db": Bounds(-60.0, 100.0)},
    SwitchDevice: {"insertion_loss_db": Bounds(0.0, 100.0), "isolation_db": Bounds(0.0, 200.0)},
    PowerMeterDevice: {**_TIME_OF_DAY, "tap_loss_db": Bounds(0.0, 100.0), "tap_ratio": Bounds(0.0, 1.0)},
    PowerOutletDevice: _TIME_OF_DAY,
    DetectorDevice: _TIME_OF_DAY,
    TemperatureControllerDevice: {"ambient_c": Bounds(-50.0, 100.0)},
    LaserDevice: {"ambient_c": Bounds(-50.0, 100.0), "threshold_a": Bounds(0.0, 10.0)},
    RepeaterNodeDevice: {
        "coherence_time_s": Bounds(1e-9, 1e9),
        "swap_success": Bounds(0.0, 1.0),
        "swap_fidelity": Bounds(0.25, 1.0),
    },
}
"""Parameters that can be injected, by class of device; those of a receiver's detectors also as ``<detector>.<parameter>``,
the intensity of a transmitter's settings as ``<number>.intensity_scale``."""

LOSS = Bounds(0.0, 200.0)

OF_LINKS: dict[type, dict[str, Bounds]] = {
    Fibre: {
        "excess_loss_db": LOSS,
        "length_km": Bounds(0.0, 2000.0),
        "attenuation_db_per_km": Bounds(0.0, 100.0),
        "temperature_c": Bounds(-60.0, 100.0),
        "splice_loss_db": LOSS,
        "connector_loss_db": LOSS,
    },
    Dispersion: {"dispersion_ps_per_nm_km": Bounds(-1000.0, 1000.0), "line_width_nm": Bounds(0.0, 100.0)},
    Traffic: {"launch_power_w": Bounds(0.0, 10.0), "raman_per_km_nm": Bounds(0.0, 1e-6)},
    Polarisation: {"drift_rad_per_s": Bounds(0.0, 1000.0)},
    FreeSpace: {
        "range_km": Bounds(0.0, 1e6),
        "divergence_urad": Bounds(1e-3, 1e5),
        "pointing_jitter_urad": Bounds(0.0, 1e5),
        "atmosphere_loss_db": LOSS,
        "optics_loss_db": LOSS,
        "excess_loss_db": LOSS,
        "scintillation_index": Bounds(0.0, 4.0),
        "rytov_variance": Bounds(0.0, 100.0),
    },
    Background: {
        "day_radiance_w_per_m2_sr_nm": Bounds(0.0, 1e3),
        "night_radiance_w_per_m2_sr_nm": Bounds(0.0, 1e3),
    },
    Drift: {
        "day_night_k": Bounds(0.0, 100.0),
        "weather_k": Bounds(0.0, 30.0),
        "misalignment_per_k": Bounds(0.0, 0.5),
        "misalignment_per_day": Bounds(0.0, 0.5),
        "loss_db_per_k": Bounds(0.0, 10.0),
        "laser_db": Bounds(0.0, 3.0),
        "laser_loss_per_day_db": Bounds(0.0, 10.0),
    },
}
"""Parameters of a link's tables that can be injected; its passive elements have ``<element>.loss_db``."""

SEGMENT = {
    **{key: OF_LINKS[Fibre][key] for key in ("length_km", "attenuation_db_per_km", "excess_loss_db")},
    "attempt_rate_hz": Bounds(1e-3, 1e12),
    "pair_probability": Bounds(0.0, 1.0),
    "efficiency": Bounds(0.0, 1.0),
    "fidelity": Bounds(0.25, 1.0),
}
"""Of the elementary links of a repeater chain, as ``segment1.<parameter>`` of the link, counted from its end a."""

EVE = {
    "intercept_fraction": Bounds(0.0, 1.0),
    "splitting_fraction": Bounds(0.0, 1.0),
    "time_shift_s": Bounds(0.0, 1e-8),
    "late_fraction": Bounds(0.0, 1.0),
    "blinding_power_w": Bounds(0.0, 1.0),
}
"""What an eavesdropper does on a link, which is injected on the link's name."""

OF_WAYS = {
    "rotation_rad": Bounds(-100.0, 100.0),
    "burst_rate_rad_per_s": Bounds(0.0, 1e8),
    "burst_s": Bounds(0.0, 10.0),
    "burst_every_s": Bounds(1e-3, 1e6),
}
"""What turns the polarisation on the way to a receiver, beyond what its controller holds back, by an angle on the Poincaré
sphere all the time, and in bursts that begin at every whole multiple of a time."""
