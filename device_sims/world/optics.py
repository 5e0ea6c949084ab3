"""Loss and stray light of an optical path from its transmitter to any of its elements."""

from __future__ import annotations

from math import erf, expm1, log, log10, sqrt
from typing import TYPE_CHECKING

import numpy as np

from hil.bench import actual_of
from hil.bench.model import AttenuatorDevice, PowerMeterDevice, SwitchDevice, TransmitterDevice

from .air import HC_JM, caught, ranges_km, sky_photons_hz

if TYPE_CHECKING:
    from hil.bench.model import Bench, Fibre, Link

    from .parameters import Parameters
    from .timeline import State

__all__ = ["Optics"]

_FWHM = 2.0 * sqrt(2.0 * log(2.0))


class Optics:
    """The paths of a bench. Samplers leave the delay out: every place sees the pulse that leaves now."""

    def __init__(self, bench: Bench, parameters: Parameters) -> None:
        self._bench = bench
        self._parameters = parameters

    def link_through(self, device: str) -> tuple[str, Link] | None:
        """The link whose path holds this device, with its name."""
        return next(((name, link) for name, link in self._bench.link.items() if device in link.path), None)

    def link_to(self, receiver: str) -> tuple[str, Link] | None:
        """The link that ends at this receiver, with its name."""
        links = self._bench.link.items()
        return next(((name, link) for name, link in links if link.parties.get("b") == receiver and link.path is not None), None)

    def path_loss_db(self, link_name: str, state: State, *, after: str = "") -> float:
        """From the transmitter's output to the receiver's input, or from behind an element on.

        That of the air is its mean over fading, at the culmination of a pass.
        """
        path = self._bench.link[link_name].path
        elements = path[path.index(after) + 1 :] if after else path
        return sum(self._element_loss_db(link_name, element, state) for element in elements)

    def tap_power_w(self, meter: str, state: State) -> float:
        """Pilot light on the sensor of a power meter: what is left of it before its tap, times the tap's ratio."""
        found = self.link_through(meter)
        if found is None:
            return 0.0
        link_name, link = found
        transmitter = link.parties["a"]
        before = link.path[: link.path.index(meter)]
        reaching_w = self._eavesdropper_w(link_name, before, state)
        if state.get((transmitter, "emitting")):
            loss_db = sum(self._element_loss_db(link_name, element, state, spread=False) for element in before)
            reaching_w += self._parameters.value(state, transmitter, "pilot_power_w") * float(10.0 ** (-loss_db / 10.0))
        return reaching_w * self._parameters.value(state, meter, "tap_ratio")

    def blinding_w(self, link_name: str, state: State) -> float:
        """An eavesdropper's continuous light at the end of the path."""
        return self._eavesdropper_w(link_name, self._bench.link[link_name].path, state)

    def _eavesdropper_w(self, link_name: str, elements: tuple[str, ...], state: State) -> float:
        """Her light behind these first elements of a path: it enters where the fibre or the air ends."""
        power_w = self._parameters.value(state, link_name, "blinding_power_w")
        path = self._bench.link[link_name].path
        behind = max((path.index(channel) + 1 for channel in ("fibre", "free-space") if channel in path), default=0)
        if not power_w or len(elements) < behind:
            return 0.0
        loss_db = sum(self._element_loss_db(link_name, element, state) for element in elements[behind:])
        return power_w * float(10.0 ** (-loss_db / 10.0))

    def range_km(self, link_name: str, state: State) -> float:
        """Length of a link's way through the air; that of a satellite pass is at its culmination."""
        link = self._bench.link[link_name]
        assert link.free_space is not None
        if link.free_space.orbit is None:
            return self._parameters.value(state, link_name, "range_km")
        highest = np.radians([link.free_space.orbit.max_elevation_deg])
        return float(ranges_km(link.free_space.orbit, highest)[0])

    def shares_in_windows(self, link_name: str, state: State) -> tuple[float, float]:
        """Share of a pulse in its own detection window, and in each of the two beside it; all in its own without dispersion."""
        link = self._bench.link[link_name]
        if link.fibre is None or link.fibre.dispersion is None:
            return 1.0, 0.0
        declared, value = link.fibre.dispersion, self._parameters.value
        coefficient = value(state, link_name, "dispersion_ps_per_nm_km")
        broadening_s = 1e-12 * coefficient * value(state, link_name, "line_width_nm") * value(state, link_name, "length_km")
        sigma = sqrt(declared.pulse_width_s**2 + broadening_s**2) / _FWHM * sqrt(2.0)
        half_s, period_s = declared.window_s / 2.0, 1.0 / self._pulse_rate_hz(link)
        own = erf(half_s / sigma)
        beside = (erf((period_s + half_s) / sigma) - erf((period_s - half_s) / sigma)) / 2.0
        return own, beside

    def stray_share(self, link_name: str, state: State) -> float:
        """Of the light in any detection window, that which belongs to a neighbour."""
        own, beside = self.shares_in_windows(link_name, state)
        return 2.0 * beside / (own + 2.0 * beside)

    def raman_photons_hz(self, link_name: str, state: State) -> float:
        """Photons per second at the receiver's input that the fibre's classical traffic scatters there.

        Losses at points of the fibre count as spread over its length.
        """
        fibre = self._bench.link[link_name].fibre
        if fibre is None or fibre.traffic is None:
            return 0.0
        value, traffic = self._parameters.value, fibre.traffic
        length_km = value(state, link_name, "length_km")
        absorbed = self._fibre_loss_db(link_name, fibre, state) * log(10.0) / 10.0
        if traffic.direction == "co":
            effective_km = length_km * float(np.exp(-absorbed))
        else:
            effective_km = length_km * (-expm1(-2.0 * absorbed) / (2.0 * absorbed) if absorbed > 0.0 else 1.0)
        scattered = value(state, link_name, "raman_per_km_nm") * traffic.filter_width_nm * effective_km
        power_w = value(state, link_name, "launch_power_w") * scattered
        behind_db = self.path_loss_db(link_name, state, after="fibre")
        return power_w * float(10.0 ** (-behind_db / 10.0)) * traffic.wavelength_nm * 1e-9 / HC_JM

    def sky_photons_hz(self, link_name: str, state: State) -> tuple[float, float]:
        """Photons of the sky per second at the receiver's input, by night and by day."""
        air = self._bench.link[link_name].free_space
        if air is None or air.background is None:
            return 0.0, 0.0
        behind_db = self.path_loss_db(link_name, state, after="free-space")
        behind_db += self._parameters.value(state, link_name, "optics_loss_db")
        night, day = (
            sky_photons_hz(
                air.background,
                air.receive_aperture_m,
                self._parameters.value(state, link_name, f"{time}_radiance_w_per_m2_sr_nm"),
            )
            * float(10.0 ** (-behind_db / 10.0))
            for time in ("night", "day")
        )
        return night, day

    def _pulse_rate_hz(self, link: Link) -> float:
        sender = self._bench.device[link.parties["a"]]
        assert isinstance(sender, TransmitterDevice)
        return actual_of(sender).get("pulse_rate_hz", sender.pulse_rate_hz)

    def _fibre_loss_db(self, link_name: str, fibre: Fibre, state: State) -> float:
        value = self._parameters.value
        length_km = value(state, link_name, "length_km")
        loss_db = length_km * value(state, link_name, "attenuation_db_per_km") + value(state, link_name, "excess_loss_db")
        points = ((fibre.splices, "splice_loss_db"), (fibre.connectors, "connector_loss_db"))
        return loss_db + sum(count * value(state, link_name, loss) for count, loss in points if count)

    def _air_loss_db(self, link_name: str, link: Link, state: State) -> float:
        air, value = link.free_space, self._parameters.value
        if air is None:
            return 0.0
        divergence, jitter = (value(state, link_name, name) for name in ("divergence_urad", "pointing_jitter_urad"))
        distance = np.array([self.range_km(link_name, state)])
        share = float(caught(air, distance, divergence_urad=divergence, jitter_urad=jitter)[0])
        masses = 1.0 if air.orbit is None else 1.0 / float(np.sin(np.radians(air.orbit.max_elevation_deg)))
        loss_db = -10.0 * log10(max(share, 1e-300)) + masses * value(state, link_name, "atmosphere_loss_db")
        return loss_db + value(state, link_name, "optics_loss_db")

    def _element_loss_db(self, link_name: str, element: str, state: State, *, spread: bool = True) -> float:
        value, link = self._parameters.value, self._bench.link[link_name]
        if element == "fibre":
            if link.fibre is None:
                return 0.0
            own, beside = self.shares_in_windows(link_name, state) if spread else (1.0, 0.0)
            lost_db = 0.0 if own == 1.0 else -10.0 * log10(max(own + 2.0 * beside, 1e-300))
            return self._fibre_loss_db(link_name, link.fibre, state) + lost_db
        if element == "free-space":
            return self._air_loss_db(link_name, link, state)
        if element in link.element:
            return value(state, link_name, f"{element}.loss_db")
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
