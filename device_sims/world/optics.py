"""Loss of an optical path from its transmitter to any of its elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.bench.model import Arm, AttenuatorDevice, PowerMeterDevice, SwitchDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.model import Bench, Fibre, Link

    from .parameters import Parameters
    from .timeline import State

__all__ = ["Optics", "Way"]


@dataclass(frozen=True)
class Way:
    """Where a receiver's light comes from, and what it goes through; ``name`` is that of the fibre's parameters."""

    name: str
    link_name: str
    link: Link
    emitter: str
    path: tuple[str, ...]
    fibre: Fibre | None


class Optics:
    """The paths of a bench. The delay of a fibre is left out: every place sees the pulse that leaves now."""

    def __init__(self, bench: Bench, parameters: Parameters) -> None:
        self._bench = bench
        self._parameters = parameters

    def way_to(self, receiver: str) -> Way | None:
        """The way that ends at this receiver."""
        return next((way for end, way in self._ways() if end == receiver), None)

    def path_loss_db(self, way: Way, state: State) -> float:
        """From the output of the transmitter or source to the receiver's input."""
        return sum(self._element_loss_db(way, element, state) for element in way.path)

    def tap_power_w(self, meter: str, state: State) -> float:
        """Pilot light on the sensor of a power meter: what is left of it before its tap, times the tap's ratio."""
        way = next((way for _, way in self._ways() if meter in way.path), None)
        if way is None or not state.get((way.emitter, "emitting")):
            return 0.0
        loss_db = sum(self._element_loss_db(way, element, state) for element in way.path[: way.path.index(meter)])
        pilot_w = self._parameters.value(state, way.emitter, "pilot_power_w")
        return pilot_w * float(10.0 ** (-loss_db / 10.0)) * self._parameters.value(state, meter, "tap_ratio")

    def _ways(self) -> Iterator[tuple[str, Way]]:
        """Every way of the bench, with the device it ends at."""
        for name, link in self._bench.link.items():
            if link.entangled:
                for party, receiver in link.parties.items():
                    arm = link.arm.get(party, Arm())
                    yield receiver, Way(f"{name}.{party}", name, link, link.source, arm.path, arm.fibre)
            elif "b" in link.parties:
                yield link.parties["b"], Way(name, name, link, link.parties["a"], link.path, link.fibre)

    def _element_loss_db(self, way: Way, element: str, state: State) -> float:
        value = self._parameters.value
        if element == "fibre":
            if way.fibre is None:
                return 0.0
            length_km = value(state, way.name, "length_km")
            return length_km * value(state, way.name, "attenuation_db_per_km") + value(state, way.name, "excess_loss_db")
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
