"""Loss of an optical path from its transmitter to any of its elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import AttenuatorDevice, PowerMeterDevice, SwitchDevice

if TYPE_CHECKING:
    from hil.bench.model import Bench, Link

    from .parameters import Parameters
    from .timeline import State

__all__ = ["Optics"]


class Optics:
    """The paths of a bench. The delay of a fibre is left out: every place sees the pulse that leaves now."""

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

    def path_loss_db(self, link_name: str, state: State) -> float:
        """From the transmitter's output to the receiver's input."""
        return sum(self._element_loss_db(link_name, element, state) for element in self._bench.link[link_name].path)

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
            loss_db = sum(self._element_loss_db(link_name, element, state) for element in before)
            reaching_w += self._parameters.value(state, transmitter, "pilot_power_w") * float(10.0 ** (-loss_db / 10.0))
        return reaching_w * self._parameters.value(state, meter, "tap_ratio")

    def blinding_w(self, link_name: str, state: State) -> float:
        """An eavesdropper's continuous light at the end of the path."""
        return self._eavesdropper_w(link_name, self._bench.link[link_name].path, state)

    def _eavesdropper_w(self, link_name: str, elements: tuple[str, ...], state: State) -> float:
        """Her light behind these first elements of a path: it enters where the fibre ends."""
        power_w = self._parameters.value(state, link_name, "blinding_power_w")
        path = self._bench.link[link_name].path
        if not power_w or ("fibre" in path and "fibre" not in elements):
            return 0.0
        passed = elements[elements.index("fibre") + 1 :] if "fibre" in path else elements
        loss_db = sum(self._element_loss_db(link_name, element, state) for element in passed)
        return power_w * float(10.0 ** (-loss_db / 10.0))

    def _element_loss_db(self, link_name: str, element: str, state: State) -> float:
        value = self._parameters.value
        if element == "fibre":
            if self._bench.link[link_name].fibre is None:
                return 0.0
            length_km = value(state, link_name, "length_km")
            return length_km * value(state, link_name, "attenuation_db_per_km") + value(state, link_name, "excess_loss_db")
        device = self._bench.device[element]
        if isinstance(device, AttenuatorDevice):
            return max(state[element, "attenuation_db"] + value(state, element, "excess_loss_db"), 0.0)
        if isinstance(device, SwitchDevice):
            through = state[element, "channel"] == device.through_channel
            leak_db = 0.0 if through else value(state, element, "isolation_db")
            return value(state, element, "insertion_loss_db") + leak_db
        if isinstance(device, PowerMeterDevice):
            return value(state, element, "tap_loss_db")
        return 0.0
