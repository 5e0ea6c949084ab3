"""What faults may do to an opened bench: drivers for what has one, the control port for what only a twin can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError
from hil.ports.identity import firmware_code
from hil.testbed import actuators
from hil.testbed.channel.classical_channel import CLASSICAL_CHANNEL, KME_CHANNEL, SUFFIX
from hil.testbed.glimpse import Glimpses

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.clock import Clock
    from hil.ports.spec import Readings
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

__all__ = ["LINK", "TRANSCEIVER", "TestbedFaultBench", "ways_of"]

LINK = "link"
"""The role of a link's fibre, and of whoever sits on it: their parameters go by the link's name, or by an arm's."""

TRANSCEIVER = "transceiver"
"""The role of either party's device: the receiver, unless the transmitter is named."""

POWER = "power_on"
"""Whether a twin's plug is in, 0 or 1."""

_TOLD: dict[str, Callable[[Any], float]] = {
    "told_firmware_code": lambda device: firmware_code(device.identity().firmware),
    "told_counter_bits": lambda device: float(device.counters().bits),
    "uptime_s": lambda device: float(device.device_time_ns()) / 1e9,
}
"""What the device says itself, by the name of the reading."""

_BLACK_BOX_S = 2.0
"""A black box tells about its last whole second: after two, one lies between two looks."""


def ways_of(link: Link) -> list[str]:
    """Names of the link's ways of light: its own, or those of its arms."""
    return [f"{link.name}.{party}" for party in link.declared.parties] if link.declared.entangled else [link.name]


class TestbedFaultBench:
    """The :class:`~hil.ports.spec.FaultBench` of one link of an opened bench."""

    __test__ = False  # the name begins like a test class

    def __init__(self, testbed: Testbed, link: Link) -> None:
        self._testbed = testbed
        self._link = link
        self._claimed: dict[str, tuple[float, float]] = {}
        self._glimpses = Glimpses(link)

    @property
    def clock(self) -> Clock:
        """The bench's clock."""
        return self._testbed.clock

    def device_of_role(self, role: str) -> str:
        """The link's device with that role, its way of light or a classical channel, by name; else MissingCapabilityError."""
        if role == LINK:
            return ways_of(self._link)[0]
        if role == CLASSICAL_CHANNEL:
            return self._link.name + SUFFIX
        if role == KME_CHANNEL:
            if "a" not in self._link.declared.kmes:
                raise MissingCapabilityError(f"link {self._link.name} has no key management entity, so it has no {role}")
            return self._link.declared.kmes["a"] + SUFFIX
        return self._link.device_of_role("receiver" if role == TRANSCEIVER else role)

    def devices_of_role(self, role: str) -> tuple[str, ...]:
        """Names of all devices of the link with that role."""
        return tuple(device.name for device in self._link.all_of_role(role))

    def receiver_behind(self, device: str) -> str:
        """Name of the receiver at the end of the arm this device stands in, or of this way of light; else of the link's."""
        link = self._link.declared
        way, _, party = device.rpartition(".")
        if way == self._link.name and party in link.parties:
            return link.parties[party]
        ends = (link.parties[party] for party, arm in link.arm.items() if device in arm.path)
        return next(ends, None) or self.device_of_role("receiver")

    def declared(self, device: str) -> Any:
        """The device's table of the bench file; the link's, for a way of light."""
        if device in ways_of(self._link):
            return self._link.declared
        return self._testbed.bench.device[device]

    def read(self, device: str, setting: str) -> float:
        """From the driver, or, where no driver has a setting of that name, from the twin's control port."""
        if device.endswith(SUFFIX):
            return self._testbed.classical(device).read(setting)
        if actuators.known(setting):
            return actuators.read(self._testbed.device(device), setting)
        if setting in _TOLD:
            return _TOLD[setting](self._testbed.device(device))
        self._need_twin(device, setting)
        if setting == POWER:
            return float(self._testbed.control.powered(device))
        return self._testbed.control.injected(device, setting)

    def clicks(self, device: str) -> Readings:
        """The receiver's counters; of a black box, a running sum of what it claims, a second more with each call."""
        receiver: Any = self._testbed.device(device)
        try:
            counters = receiver.counters()
        except MissingCapabilityError:
            return self._claims(device, receiver)
        clicks = {f"clicks.{name}": float(count) for name, count in zip(receiver.detectors, counters.counts, strict=True)}
        return clicks | {"live_s": counters.live_s}

    def glimpse(self, at_least_s: float = 0.0) -> Readings:
        """From the link's detections, or from what its black box claims."""
        return self._glimpses.look(at_least_s)

    def write(self, device: str, setting: str, value: float) -> None:
        """Through the driver's setter, or the twin's control port; MissingCapabilityError on hardware without an actuator."""
        if device.endswith(SUFFIX):
            self._testbed.classical(device).write(setting, value)
            return
        if actuators.known(setting):
            actuators.write(self._testbed.device(device), setting, value)
            return
        self._need_twin(device, setting)
        control = self._testbed.control
        if setting == POWER:
            (control.plug_in if value else control.unplug)(device)
        else:
            control.inject(device, setting, value)

    def probe(self, channel: str) -> Readings:
        """Through the channel's proxy to an echo and back."""
        return self._testbed.classical(channel).probe()

    def settle_s(self, device: str) -> float:
        """The settle time its driver declares."""
        return self._testbed.device(device).capabilities.settle_s

    def _need_twin(self, device: str, setting: str) -> None:
        if device in ways_of(self._link):
            twin = (self._testbed.simulated_devices - self._testbed.rehearsed).issuperset(self._link.device_names)
        else:
            twin = device in self._testbed.simulated_devices - self._testbed.rehearsed
        if not twin:
            raise MissingCapabilityError(f"{device} is real, and no driver can move its {setting}; only a twin can be told to")

    def _claims(self, device: str, box: Any) -> Readings:
        self.clock.sleep(_BLACK_BOX_S)
        clicks, live_s = self._claimed.get(device, (0.0, 0.0))
        self._claimed[device] = (clicks + box.telemetry()["counts_hz"], live_s + 1.0)
        return {"clicks.all": self._claimed[device][0], "live_s": self._claimed[device][1]}
