"""What a declared channel loses and adds, beside its instruments: fibre, air, passive parts, stray light."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.physics.dispersion import broadened_s, window_shares
from hil.physics.free_space import beam_radius_m, captured, pointing_efficiency, sky_power_w
from hil.physics.polarisation_drift import error_at_bandwidth, error_between_realignments
from hil.physics.raman import photon_rate_hz, scattered_w
from hil.physics.satellite_pass import air_mass, slant_range_km

if TYPE_CHECKING:
    from hil.bench.model import Fibre, FreeSpace, Link

__all__ = ["fibre_loss_db", "free_space_loss_db", "polarisation_error", "raman_photons_hz", "sky_photons_hz", "slot_shares"]


def fibre_loss_db(fibre: Fibre) -> float:
    """Loss of a laid fibre with its splices and connectors; dispersion apart."""
    points = fibre.splices * fibre.splice_loss_db + fibre.connectors * fibre.connector_loss_db
    return fibre.length_km * fibre.attenuation_db_per_km + fibre.excess_loss_db + points


def slot_shares(fibre: Fibre | None, pulse_rate_hz: float) -> tuple[float, float]:
    """Share of a pulse in its own detection window and in each neighbour's; (1, 0) without dispersion."""
    if fibre is None or fibre.dispersion is None:
        return 1.0, 0.0
    spread = fibre.dispersion
    width_s = broadened_s(spread.pulse_width_s, spread.dispersion_ps_per_nm_km, spread.line_width_nm, fibre.length_km)
    return window_shares(width_s, spread.window_s, 1.0 / pulse_rate_hz)


def raman_photons_hz(fibre: Fibre | None) -> float:
    """Photons per second at the fibre's end that its classical traffic scatters."""
    if fibre is None or fibre.traffic is None:
        return 0.0
    traffic, loss_db = fibre.traffic, fibre_loss_db(fibre)
    coefficient, along = traffic.raman_per_km_nm, traffic.direction == "co"
    power_w = scattered_w(traffic.launch_power_w, fibre.length_km, loss_db, coefficient, traffic.filter_width_nm, along=along)
    return photon_rate_hz(power_w, traffic.wavelength_nm)


def polarisation_error(fibre: Fibre | None) -> float:
    """Mean error ratio that the wandering polarisation adds under its controller; one half without any, in the long run."""
    if fibre is None or fibre.polarisation is None or fibre.polarisation.drift_rad_per_s == 0.0:
        return 0.0
    turning = fibre.polarisation
    if turning.feedback_bandwidth_hz > 0.0:
        return error_at_bandwidth(turning.drift_rad_per_s, turning.feedback_bandwidth_hz)
    if turning.feedback_every_s > 0.0:
        return error_between_realignments(turning.drift_rad_per_s, turning.feedback_every_s)
    return 0.5


def free_space_loss_db(air: FreeSpace) -> float:
    """Mean loss over fading and pointing; of a satellite, at the culmination of its pass."""
    elevation_deg = 90.0 if air.orbit is None else air.orbit.max_elevation_deg
    range_m = 1e3 * (air.range_km if air.orbit is None else slant_range_km(air.orbit.altitude_km, elevation_deg))
    radius_m = beam_radius_m(air.transmit_aperture_m, air.divergence_urad * 1e-6, range_m)
    share = captured(radius_m, air.receive_aperture_m)
    share *= pointing_efficiency(radius_m, air.pointing_jitter_urad * 1e-6, range_m)
    return -10.0 * math.log10(share) + air.atmosphere_loss_db * air_mass(elevation_deg) + air.optics_loss_db


def sky_photons_hz(link: Link) -> float:
    """Photons of the night sky per second behind the receiver's telescope."""
    air = link.free_space
    if air is None or air.background is None:
        return 0.0
    sky = air.background
    view_rad, radiance = sky.field_of_view_urad * 1e-6, sky.night_radiance_w_per_m2_sr_nm
    power_w = sky_power_w(radiance, view_rad, air.receive_aperture_m, sky.filter_width_nm)
    return photon_rate_hz(power_w, sky.wavelength_nm) * math.pow(10.0, -air.optics_loss_db / 10.0)
