"""Loss and stray light of an optical path from its emitter to any of its elements."""

from __future__ import annotations

from math import erf, expm1, log, log10, sqrt
from typing import TYPE_CHECKING

import numpy as np

from hil.bench import actual_of
from hil.bench.model import AttenuatorDevice, PairSourceDevice, PowerMeterDevice, SwitchDevice, TransmitterDevice

from .air import HC_JM, caught, ranges_km, sky_photons_hz
from .parameters import traffic_of
from .ways import ways

if TYPE_CHECKING:
    from hil.bench.model import Bench, Fibre

    from .parameters import Parameters
    from .timeline import State
    from .ways import Way

__all__ = ["Optics"]

_FWHM = 2.0 * sqrt(2.0 * log(2.0))
_FILTER_NM = 0.8
"""Width of a receiver's filter where nothing declares one: a channel of the 100 GHz grid at 1550 nm (ITU-T G.694.1)."""


class Optics:
    """The paths of a bench. Samplers leave the delay out: every place sees the pulse that leaves now."""

    def __init__(self, bench: Bench, parameters: Parameters) -> None:
        self._bench = bench
        self._parameters = parameters
        self._ways = ways(bench)

    def way(self, name: str) -> Way | None:
        """The way of that name."""
        return next((way for way in self._ways if way.name == name), None)

    def way_to(self, receiver: str) -> Way | None:
        """The way that ends at this receiver."""
        return next((way for way in self._ways if way.receiver == receiver), None)

    def path_loss_db(self, way: Way, state: State, *, after: str = "") -> float:
        """From the output of the transmitter or source to the receiver's input, or from behind an element on.

        That of the air is its mean over fading, at the culmination of a pass.
        """
        elements = way.path[way.path.index(after) + 1 :] if after else way.path
        return sum(self._element_loss_db(way, element, state) for element in elements)

    def tap_power_w(self, meter: str, state: State) -> float:
        """Pilot light on the sensor of a power meter: what is left of it before its tap, times the tap's ratio."""
        way = next((way for way in self._ways if meter in way.path), None)
        if way is None:
            return 0.0
        before = way.path[: way.path.index(meter)]
        reaching_w = self._eavesdropper_w(way, before, state)
        if state.get((way.emitter, "emitting")):
            loss_db = sum(self._element_loss_db(way, element, state, spread=False) for element in before)
            sent_w = self._parameters.value(state, way.emitter, "pilot_power_w") * self._parameters.light(state, way.emitter)
            reaching_w += sent_w * float(10.0 ** (-loss_db / 10.0))
        return reaching_w * self._parameters.value(state, meter, "tap_ratio")

    def blinding_w(self, way: Way, state: State) -> float:
        """An eavesdropper's continuous light at the end of the path."""
        return self._eavesdropper_w(way, way.path, state)

    def _eavesdropper_w(self, way: Way, elements: tuple[str, ...], state: State) -> float:
        """Her light behind these first elements of a path: it enters where the fibre or the air ends."""
        if way.link.entangled:
            return 0.0
        power_w = self._parameters.value(state, way.name, "blinding_power_w")
        behind = max((way.path.index(channel) + 1 for channel in ("fibre", "free-space") if channel in way.path), default=0)
        if not power_w or len(elements) < behind:
            return 0.0
        loss_db = sum(self._element_loss_db(way, element, state) for element in elements[behind:])
        return power_w * float(10.0 ** (-loss_db / 10.0))

    def range_km(self, way: Way, state: State) -> float:
        """Length of the way through the air; that of a satellite pass is at its culmination."""
        air = way.link.free_space
        assert air is not None
        if air.orbit is None:
            return self._parameters.value(state, way.name, "range_km")
        highest = np.radians([air.orbit.max_elevation_deg])
        return float(ranges_km(air.orbit, highest)[0])

    def shares_in_windows(self, way: Way, state: State) -> tuple[float, float]:
        """Share of a pulse in its own detection window, and in each of the two beside it; all in its own without dispersion."""
        fibre = way.link.fibre
        if fibre is None or fibre.dispersion is None:
            return 1.0, 0.0
        declared, value = fibre.dispersion, self._parameters.value
        coefficient = value(state, way.name, "dispersion_ps_per_nm_km")
        broadening_s = 1e-12 * coefficient * value(state, way.name, "line_width_nm") * value(state, way.name, "length_km")
        sigma = sqrt(declared.pulse_width_s**2 + broadening_s**2) / _FWHM * sqrt(2.0)
        half_s, period_s = declared.window_s / 2.0, 1.0 / self._pulse_rate_hz(way)
        own = erf(half_s / sigma)
        beside = (erf((period_s + half_s) / sigma) - erf((period_s - half_s) / sigma)) / 2.0
        return own, beside

    def stray_share(self, way: Way, state: State) -> float:
        """Of the light in any detection window, that which belongs to a neighbour."""
        own, beside = self.shares_in_windows(way, state)
        return 2.0 * beside / (own + 2.0 * beside)

    def raman_photons_hz(self, way: Way, state: State) -> float:
        """Photons per second at the receiver's input that the fibre's classical traffic scatters there.

        Losses at points of the fibre count as spread over its length.
        """
        fibre = way.link.fibre
        if fibre is None or not self._parameters.value(state, way.name, "launch_power_w"):
            return 0.0
        value, traffic = self._parameters.value, traffic_of(fibre)
        length_km = value(state, way.name, "length_km")
        absorbed = self._fibre_loss_db(way, fibre, state) * log(10.0) / 10.0
        if traffic.direction == "co":
            effective_km = length_km * float(np.exp(-absorbed))
        else:
            effective_km = length_km * (-expm1(-2.0 * absorbed) / (2.0 * absorbed) if absorbed > 0.0 else 1.0)
        scattered = value(state, way.name, "raman_per_km_nm") * traffic.filter_width_nm * effective_km
        power_w = value(state, way.name, "launch_power_w") * scattered
        behind_db = self.path_loss_db(way, state, after="fibre")
        return power_w * float(10.0 ** (-behind_db / 10.0)) * traffic.wavelength_nm * 1e-9 / HC_JM

    def filter_loss_db(self, way: Way, state: State) -> float:
        """What the receiver's filter, a Gaussian of the declared width, takes from a laser beside its wavelength."""
        if not isinstance(self._bench.device[way.emitter], TransmitterDevice):
            return 0.0
        air, fibre = way.link.free_space, way.link.fibre
        width_nm = _FILTER_NM if fibre is None else traffic_of(fibre).filter_width_nm
        if air is not None and air.background is not None:
            width_nm = air.background.filter_width_nm
        beside = self._parameters.detuning_nm(state, way.emitter) / width_nm
        return 40.0 * log10(2.0) * beside**2

    def sky_photons_hz(self, way: Way, state: State) -> tuple[float, float]:
        """Photons of the sky per second at the receiver's input, by night and by day."""
        air = way.link.free_space
        if air is None or air.background is None:
            return 0.0, 0.0
        behind_db = self.path_loss_db(way, state, after="free-space")
        behind_db += self._parameters.value(state, way.name, "optics_loss_db")
        night, day = (
            sky_photons_hz(
                air.background,
                air.receive_aperture_m,
                self._parameters.value(state, way.name, f"{time}_radiance_w_per_m2_sr_nm"),
            )
            * float(10.0 ** (-behind_db / 10.0))
            for time in ("night", "day")
        )
        return night, day

    def _pulse_rate_hz(self, way: Way) -> float:
        sender = self._bench.device[way.emitter]
        assert isinstance(sender, TransmitterDevice | PairSourceDevice)
        return actual_of(sender).get("pulse_rate_hz", sender.pulse_rate_hz)

    def _fibre_loss_db(self, way: Way, fibre: Fibre, state: State) -> float:
        value = self._parameters.value
        length_km = value(state, way.name, "length_km")
        loss_db = length_km * value(state, way.name, "attenuation_db_per_km") + value(state, way.name, "excess_loss_db")
        points = ((fibre.splices, "splice_loss_db"), (fibre.connectors, "connector_loss_db"))
        return loss_db + sum(count * value(state, way.name, loss) for count, loss in points if count)

    def _air_loss_db(self, way: Way, state: State) -> float:
        air, value = way.link.free_space, self._parameters.value
        if air is None:
            return 0.0
        divergence, jitter = (value(state, way.name, name) for name in ("divergence_urad", "pointing_jitter_urad"))
        distance = np.array([self.range_km(way, state)])
        share = float(caught(air, distance, divergence_urad=divergence, jitter_urad=jitter)[0])
        masses = 1.0 if air.orbit is None else 1.0 / float(np.sin(np.radians(air.orbit.max_elevation_deg)))
        loss_db = -10.0 * log10(max(share, 1e-300)) + masses * value(state, way.name, "atmosphere_loss_db")
        return loss_db + value(state, way.name, "optics_loss_db") + value(state, way.name, "excess_loss_db")

    def _element_loss_db(self, way: Way, element: str, state: State, *, spread: bool = True) -> float:
        fibre = way.link.fibre
        if element == "fibre":
            if fibre is None:
                return 0.0
            own, beside = self.shares_in_windows(way, state) if spread else (1.0, 0.0)
            lost_db = 0.0 if own == 1.0 else -10.0 * log10(max(own + 2.0 * beside, 1e-300))
            return self._fibre_loss_db(way, fibre, state) + lost_db
        if element == "free-space":
            return self._air_loss_db(way, state)
        if element in way.link.element:
            return self._parameters.value(state, way.name, f"{element}.loss_db")
        return self._device_loss_db(element, state)

    def _device_loss_db(self, element: str, state: State) -> float:
        value, device = self._parameters.value, self._bench.device[element]
        if isinstance(device, AttenuatorDevice):
            return max(state[element, "attenuation_db"] + value(state, element, "excess_loss_db"), 0.0)
        if isinstance(device, SwitchDevice):
            through = state[element, "channel"] == device.through_channel
            leak_db = 0.0 if through else value(state, element, "isolation_db")
            return value(state, element, "insertion_loss_db") + leak_db
        if isinstance(device, PowerMeterDevice):
            return value(state, element, "tap_loss_db")
        return 0.0
