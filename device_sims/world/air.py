"""Light through the air: how much of a beam a telescope catches, fixed or from a satellite, and what it sees of the sky."""

from __future__ import annotations

from math import acos, cos, pi, radians, sin, sqrt
from typing import TYPE_CHECKING

import numpy as np

from .calendar import Windows

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Background, FreeSpace, Orbit

__all__ = ["HC_JM", "caught", "elevations_rad", "pass_windows", "ranges_km", "sky_photons_hz"]

_EARTH_KM = 6371.0
_EARTH_KM3_PER_S2 = 398_600.4418
HC_JM = 1.98644586e-25


def ranges_km(orbit: Orbit, elevation_rad: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance of a satellite seen at an elevation: shape (n,)."""
    radius = _EARTH_KM + orbit.altitude_km
    sine = np.sin(elevation_rad)
    result: npt.NDArray[np.float64] = np.sqrt(radius**2 - (_EARTH_KM * np.cos(elevation_rad)) ** 2) - _EARTH_KM * sine
    return result


def elevations_rad(orbit: Orbit, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Elevation over the horizon (negative below it) over a resting Earth: shape (n,)."""
    radius = _EARTH_KM + orbit.altitude_km
    since = times_s - orbit.culmination_s
    if orbit.every_s > 0.0:
        since = since - np.maximum(np.round(since / orbit.every_s), 0.0) * orbit.every_s
    # one pass: what is half an orbit away is below the horizon
    angle = np.clip(_motion_per_s(orbit) * since, -pi, pi)
    cosine = cos(_central_angle(orbit, radians(orbit.max_elevation_deg))) * np.cos(angle)
    result: npt.NDArray[np.float64] = np.arctan2(cosine - _EARTH_KM / radius, np.sqrt(np.maximum(1.0 - cosine**2, 1e-18)))
    return result


def pass_windows(orbit: Orbit) -> Windows:
    """When the satellite stands above its least elevation."""
    nearest, farthest = (_central_angle(orbit, radians(deg)) for deg in (orbit.max_elevation_deg, orbit.min_elevation_deg))
    if farthest <= nearest:
        return Windows(orbit.culmination_s, 0.0)
    half_s = acos(cos(farthest) / cos(nearest)) / _motion_per_s(orbit)
    return Windows(orbit.culmination_s - half_s, 2.0 * half_s, orbit.every_s)


def caught(
    air: FreeSpace, distance_km: npt.NDArray[np.float64], *, divergence_urad: float, jitter_urad: float
) -> npt.NDArray[np.float64]:
    """Share of a Gaussian beam that falls on the receiver's aperture, at the mean of its pointing: shape (n,)."""
    start_m = air.transmit_aperture_m / 2.0
    square = start_m**2 + (divergence_urad * 1e-3 * distance_km) ** 2
    jitter_m = jitter_urad * 1e-3 * distance_km
    geometric = -np.expm1(-(air.receive_aperture_m**2) / (2.0 * square))
    result: npt.NDArray[np.float64] = geometric * square / (square + 4.0 * jitter_m**2)
    return result


def sky_photons_hz(sky: Background, aperture_m: float, radiance: float) -> float:
    """Photons of the sky per second behind telescope and filter."""
    solid = pi / 4.0 * (sky.field_of_view_urad * 1e-6) ** 2
    power_w = radiance * solid * pi / 4.0 * aperture_m**2 * sky.filter_width_nm
    return power_w * sky.wavelength_nm * 1e-9 / HC_JM


def _motion_per_s(orbit: Orbit) -> float:
    return sqrt(_EARTH_KM3_PER_S2 / (_EARTH_KM + orbit.altitude_km) ** 3)


def _central_angle(orbit: Orbit, elevation_rad: float) -> float:
    """Angle at the Earth's centre between station and satellite."""
    ratio = _EARTH_KM / (_EARTH_KM + orbit.altitude_km)
    return acos(min(ratio * cos(elevation_rad), 1.0)) - elevation_rad if sin(elevation_rad) < 1.0 else 0.0
