"""What changes by itself along one link: weather, drift, polarisation, fading, passes, maintenance, daylight.

Everything is a function of (seed, link, time) in one state of the bench, so that any window may be asked on its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi
from typing import TYPE_CHECKING

import numpy as np

from hil.seeds import derive

from .air import caught, elevations_rad, pass_windows, ranges_km
from .bursts import Bursts
from .calendar import Windows
from .fading import Fading
from .wander import WIDEST, walk, walk_step_s, wander

if TYPE_CHECKING:
    import numpy.typing as npt

    from hil.bench.model import Link

    from .parameters import Parameters
    from .timeline import State

    Times = npt.NDArray[np.float64]

__all__ = ["Change", "Surroundings", "exchanged"]

_DAY_S = 86_400.0
_ENDLESS_S = 2.0**24
_POINTS = 8
_BOTH = np.ones(2)
_UNSEEN_RAD2 = 1e-6


@dataclass(frozen=True)
class Change:
    """One receiver's surroundings at n times.

    ``gain`` of the light over its brightest, shape (n,); misalignment that ``adds`` to the receiver's, shape (n,); the share
    of each basis' light that is ``rotated`` into the wrong state, shape (n, 2); and how much there is of each kind of
    background beyond its least, shape (n, 2): thermal dark counts, daylight.
    """

    gain: Times
    adds: Times
    rotated: Times
    excess: Times


class Surroundings:
    """Those of the link that ends at one receiver; ``detector_doubling_k`` is the receiver's."""

    def __init__(
        self, name: str, link: Link, seed: int, parameters: Parameters, *, polarised: bool, detector_doubling_k: float
    ) -> None:
        self._name, self._link, self._seed = name, link, seed
        self._doubling_k = detector_doubling_k
        self._parameters = parameters
        self._polarised = polarised
        self._works = [(work, Windows(work.first_s, work.lasts_s, work.every_s)) for work in link.maintenance]
        air = link.free_space
        self._pass = None if air is None or air.orbit is None else pass_windows(air.orbit)
        sky = None if air is None else air.background
        self._daylight = None if sky is None else Windows(sky.sunrise_s, sky.sunset_s - sky.sunrise_s, _DAY_S)

    @property
    def still(self) -> bool:
        """Whether nothing is declared that changes by itself."""
        link = self._link
        turning = link.fibre is not None and link.fibre.polarisation is not None and self._polarised
        return link.drift is None and not link.maintenance and link.free_space is None and not turning

    def still_in(self, state: State) -> bool:
        """Whether in this state nothing turns the polarisation either."""
        return self.still and not (self._polarised and (self._value(state, "rotation_rad") or self._bursts(state)))

    def outside_k(self, state: State, times_s: Times) -> Times:
        """Temperature of the site over its mean."""
        drift = self._link.drift
        if drift is None:
            return np.zeros(times_s.shape)
        daily = self._value(state, "day_night_k") * np.cos((times_s - drift.warmest_s) * (2.0 * pi / _DAY_S))
        weather_k = self._value(state, "weather_k")
        if weather_k == 0.0:
            return daily
        result: Times = daily + weather_k * wander(times_s, drift.weather_scale_s, self._key("weather"))
        return result

    def ground_k(self, state: State, times_s: Times) -> Times:
        """Temperature of the laid fibre over its mean."""
        drift = self._link.drift
        return (0.0 if drift is None else drift.fibre_coupling) * self.outside_k(state, times_s)

    def widest_k(self, state: State) -> float:
        """The largest size of the same."""
        if self._link.drift is None:
            return 0.0
        return self._value(state, "day_night_k") + WIDEST * self._value(state, "weather_k")

    def dark_factors(self, state: State) -> tuple[float, float]:
        """Thermal dark counts at their least and their most, over what is declared."""
        drift = self._link.drift
        if drift is None:
            return 1.0, 1.0
        octaves = drift.detector_coupling * self.widest_k(state) / self._doubling_k
        return float(2.0**-octaves), float(2.0**octaves)

    def peak_gain(self, state: State) -> float:
        """The brightest moment over what is declared."""
        laser_db = 0.0 if self._link.drift is None else WIDEST * self._value(state, "laser_db")
        fading = self._fading(state)
        return float(10.0 ** (laser_db / 10.0)) * (1.0 if fading is None else fading.peak)

    def change(self, state: State, times_s: Times) -> Change:
        """What all of it comes to at these times."""
        fading = self._fading(state)
        gain = self._slow_gain(state, times_s)
        if fading is not None:
            gain = gain * fading.at(times_s)
        return self._changed(state, times_s, gain / self.peak_gain(state))

    def mean_change(self, state: State, cells: npt.NDArray[np.int64], step_s: float) -> Change:
        """The same on the average over cells of time ``step_s`` long."""
        fading = self._fading(state)
        fast = fading is not None and fading.coherence_time_s < step_s / 10.0
        points = (np.arange(_POINTS) + 0.5) / _POINTS
        times_s = ((cells[:, None] + points) * step_s).ravel()
        gain = self._slow_gain(state, times_s)
        if fading is not None:
            gain = gain * (np.repeat(fading.mean_over(cells, step_s), _POINTS) if fast else fading.at(times_s))
        parts = self._changed(state, times_s, gain / self.peak_gain(state), burst=False)
        middle = {name: getattr(parts, name) for name in ("gain", "adds", "rotated", "excess")}
        found = Change(**{name: one.reshape(cells.size, _POINTS, *one.shape[1:]).mean(axis=1) for name, one in middle.items()})
        if (bursts := self._bursts(state)) is None:
            return found
        inside = bursts.mean(cells.astype(np.float64) * step_s, cells.astype(np.float64) * step_s + step_s)
        return replace(found, rotated=exchanged(found.rotated, inside[:, None] * _BOTH))

    def smooth(self, state: State, from_s: float, to_s: float, step_s: float) -> bool:
        """Whether a line through points ``step_s`` apart says all about this stretch of time."""
        windows = [window for _, window in self._works]
        windows += [window for window in (self._pass, self._daylight) if window is not None]
        if self._bursts(state) is not None:
            return False
        if any(window.changes(from_s, to_s) for window in windows):
            return False
        return step_s <= self._finest_s(state)

    def _finest_s(self, state: State) -> float:
        finest = [60.0]
        if (fading := self._fading(state)) is not None:
            finest.append(fading.coherence_time_s / 50.0)
        fibre = self._link.fibre
        if fibre is not None and (turning := fibre.polarisation) is not None and self._polarised:
            if turning.feedback_bandwidth_hz > 0.0:
                finest.append(1.0 / (2.0 * pi * turning.feedback_bandwidth_hz) / 50.0)
            else:
                # between points the walk strays by a variance of rate² times a quarter of their distance at most
                unseen_s = _UNSEEN_RAD2 / max(self._value(state, "drift_rad_per_s"), 1e-12) ** 2
                finest.append(max(walk_step_s(turning.feedback_every_s or _ENDLESS_S), unseen_s))
        return min(finest)

    def _changed(self, state: State, times_s: Times, gain: Times, *, burst: bool = True) -> Change:
        drift = self._link.drift
        adds = np.zeros(times_s.shape)
        excess = np.zeros((times_s.size, 2))
        if drift is not None:
            outside_k = self.outside_k(state, times_s)
            days = self._since_recalibration_s(times_s) / _DAY_S
            adds = self._value(state, "misalignment_per_k") * np.abs(outside_k)
            adds = adds + self._value(state, "misalignment_per_day") * days
            least, most = self.dark_factors(state)
            if most > least:
                factor = 2.0 ** (drift.detector_coupling * outside_k / self._doubling_k)
                excess[:, 0] = (factor - least) / (most - least)
        if self._daylight is not None:
            # only windows from the first day on are numbered; earlier times have none
            excess[:, 1] = self._daylight.inside(times_s)
        rotated = self._rotated(state, times_s)
        if burst and (bursts := self._bursts(state)) is not None:
            rotated = exchanged(rotated, bursts.at(times_s)[:, None] * _BOTH)
        return Change(gain, adds, rotated, excess)

    def _slow_gain(self, state: State, times_s: Times) -> Times:
        gain = np.ones(times_s.shape)
        drift, air = self._link.drift, self._link.free_space
        if drift is not None:
            loss_db = self._value(state, "loss_db_per_k") * np.abs(self.outside_k(state, times_s))
            loss_db = loss_db + self._value(state, "laser_loss_per_day_db") * self._since_recalibration_s(times_s) / _DAY_S
            if (laser_db := self._value(state, "laser_db")) > 0.0:
                loss_db = loss_db - laser_db * wander(times_s, drift.laser_scale_s, self._key("laser"))
            gain = gain * 10.0 ** (-loss_db / 10.0)
        if air is not None and air.orbit is not None:
            assert self._pass is not None
            up = self._pass.inside(times_s)
            # below its least elevation nothing is asked of the formulas
            elevation = np.maximum(elevations_rad(air.orbit, times_s), np.radians(air.orbit.min_elevation_deg))
            highest = np.radians(np.array([air.orbit.max_elevation_deg]))
            gain = gain * np.where(up, self._reach(state, elevation) / self._reach(state, highest), 0.0)
        for _, window in self._works:
            gain = np.where(window.inside(times_s), 0.0, gain)
        return gain

    def _reach(self, state: State, elevation: Times) -> Times:
        """Transmittance at an elevation, but for the optics."""
        air = self._link.free_space
        assert air is not None
        assert air.orbit is not None
        divergence, jitter = self._value(state, "divergence_urad"), self._value(state, "pointing_jitter_urad")
        share = caught(air, ranges_km(air.orbit, elevation), divergence_urad=divergence, jitter_urad=jitter)
        result: Times = share * 10.0 ** (-self._value(state, "atmosphere_loss_db") / np.sin(elevation) / 10.0)
        return result

    def _rotated(self, state: State, times_s: Times) -> Times:
        if not self._polarised:
            return np.zeros((times_s.size, 2))
        turned = np.full((times_s.size, 2), np.sin(self._value(state, "rotation_rad") / 2.0) ** 2)
        turning = None if self._link.fibre is None else self._link.fibre.polarisation
        if turning is None:
            return turned
        rate = self._value(state, "drift_rad_per_s")
        angles = []
        for basis in ("key", "test"):
            key = self._key(f"polarisation {basis}")
            if turning.feedback_bandwidth_hz > 0.0:
                time_s = 1.0 / (2.0 * pi * turning.feedback_bandwidth_hz)
                angles.append(rate * (time_s / 2.0) ** 0.5 * wander(times_s, time_s, key))
            else:
                angles.append(rate * walk(times_s, turning.feedback_every_s or _ENDLESS_S, key))
        return exchanged(np.sin(np.stack(angles, axis=1) / 2.0) ** 2, turned)

    def _bursts(self, state: State) -> Bursts | None:
        rate, lasts_s, every_s = (self._value(state, name) for name in ("burst_rate_rad_per_s", "burst_s", "burst_every_s"))
        return Bursts(rate, min(lasts_s, every_s), every_s) if self._polarised and rate and lasts_s else None

    def _since_recalibration_s(self, times_s: Times) -> Times:
        last = np.zeros(times_s.shape)
        for work, window in self._works:
            if work.work == "recalibration":
                last = np.maximum(last, window.last_end_s(times_s))
        return times_s - last

    def _fading(self, state: State) -> Fading | None:
        air = self._link.free_space
        if air is None or air.fading == "none":
            return None
        if air.fading == "log-normal":
            index = self._value(state, "scintillation_index")
            return Fading.log_normal(self._seed, self._name, index, air.coherence_time_s)
        return Fading.gamma_gamma(self._seed, self._name, self._value(state, "rytov_variance"), air.coherence_time_s)

    def _value(self, state: State, parameter: str) -> float:
        return self._parameters.value(state, self._name, parameter)

    def _key(self, component: str) -> int:
        return derive(self._seed, component, self._name)


def exchanged(one: Times, other: Times) -> Times:
    """Share of the light in the wrong state after two independent chances to get there."""
    result: Times = one * (1.0 - other) + (1.0 - one) * other
    return result
