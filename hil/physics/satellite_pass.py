"""A satellite on a circular orbit, as a ground station sees it over a resting, round Earth.

Source: W. J. Larson, J. R. Wertz, "Space Mission Analysis and Design", 3rd ed. (1999), chapter 5. The Earth's turning, which
changes a low pass by some percent, is left out; so is refraction.
"""

from __future__ import annotations

import math

__all__ = ["air_mass", "elevation_deg", "slant_range_km"]

_EARTH_KM = 6371.0
_EARTH_KM3_PER_S2 = 398_600.4418


def slant_range_km(altitude_km: float, elevation_deg: float) -> float:
    """Distance to the satellite: the positive root of d² + 2 R d sin(elevation) = 2 R h + h²."""
    half = _EARTH_KM * math.sin(math.radians(elevation_deg))
    return math.sqrt(half**2 + 2.0 * _EARTH_KM * altitude_km + altitude_km**2) - half


def elevation_deg(altitude_km: float, max_elevation_deg: float, since_culmination_s: float) -> float:
    """Elevation at a time from culmination, from the satellite's place in space."""
    orbit_km = _EARTH_KM + altitude_km
    nearest_km = slant_range_km(altitude_km, max_elevation_deg)
    tilt = math.asin(nearest_km * math.cos(math.radians(max_elevation_deg)) / orbit_km)
    turned = since_culmination_s * math.sqrt(_EARTH_KM3_PER_S2 / orbit_km**3)
    east, north = orbit_km * math.sin(turned), orbit_km * math.cos(turned) * math.sin(tilt)
    up = orbit_km * math.cos(turned) * math.cos(tilt) - _EARTH_KM
    return math.degrees(math.atan2(up, math.hypot(east, north)))


def air_mass(elevation_deg: float) -> float:
    """Air on the way over that towards the zenith, for flat layers: 1 / sin(elevation); within 1 % above 20 degrees."""
    return 1.0 / math.sin(math.radians(elevation_deg))
