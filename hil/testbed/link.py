"""The link under test: its devices, light on and off, and what can be run and measured over it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from hil.bench.model import (
    AttenuatorDevice,
    PowerMeterDevice,
    ReceiverDevice,
    SwitchDevice,
    TemperatureControllerDevice,
    TransmitterDevice,
)
from hil.errors import MissingCapabilityError, UsageError
from hil.physics.prediction import predict
from hil.ports.identity import EvidenceLevel
from hil.testbed import measuring, running
from hil.testbed.windows import FaultWindows

if TYPE_CHECKING:
    from hil.pipeline.stepping import Interceptor
    from hil.ports.roles import (
        Attenuator,
        OpticalSwitch,
        PowerMeter,
        Receiver,
        TemperatureController,
        Transmitter,
    )
    from hil.ports.run import Availability, CalibrationLog, CountGates, InterClickGaps, LinkRun, Prediction
    from hil.ports.secret import SecretBytes
    from hil.testbed.testbed import Testbed

__all__ = ["Link", "ReleasedKey"]

T = TypeVar("T")

ReleasedKey = tuple[str, "SecretBytes", "SecretBytes"]
"""Key ID, Alice's key, Bob's key."""


class Link:
    """A decoy-state BB84 link of the bench, real or simulated.

    ``declared`` is its table of the bench file, ``windows`` the fault windows of the present test. Devices that the link does
    not have are None.
    """

    def __init__(self, testbed: Testbed, name: str) -> None:
        self.name = name
        self.testbed = testbed
        self.declared = testbed.bench.link[name]
        self.transmitter: Transmitter = self._driver(self.declared.parties["a"])
        self.receiver: Receiver = self._driver(self.declared.parties["b"])
        self.switch: OpticalSwitch | None = self._of_role(SwitchDevice)
        self.attenuator: Attenuator | None = self._of_role(AttenuatorDevice)
        self.power_meter: PowerMeter | None = self._of_role(PowerMeterDevice)
        self.temperature_controller: TemperatureController | None = self._of_role(TemperatureControllerDevice)
        self.forget()

    def forget(self) -> None:
        """A new test: no key, no fault window, a link that is down, parties that share fresh authentication keys."""
        self.windows = FaultWindows()
        self.is_up = False

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def device_names(self) -> tuple[str, ...]:
        """Every device of the link: parties, path in order, auxiliary ones; not its key management entities."""
        path = [name for name in self.declared.path if name in self.testbed.devices]
        return tuple(dict.fromkeys([*self.declared.parties.values(), *path, *self.declared.auxiliary]))

    @property
    def simulated(self) -> bool:
        """Whether any of its devices is a twin."""
        return not self.testbed.simulated_devices.isdisjoint(self.device_names)

    @property
    def level(self) -> EvidenceLevel:
        """How much raw data both of its ends show."""
        levels = [device.capabilities.level for device in (self.transmitter, self.receiver)]
        return min(EvidenceLevel.L3 if level is None else level for level in levels)

    @cached_property
    def prediction(self) -> Prediction:
        """What the closed forms expect of the link as the bench file declares it."""
        return predict(self.testbed.bench, self.name)

    def device_of_role(self, role: str) -> str:
        """Name of the link's device with that role (``switch``); MissingCapabilityError when there is none."""
        ...

    def require(self, level: EvidenceLevel, what: str) -> None:
        """MissingCapabilityError where the link shows less than this evidence level."""
        if self.level < level:
            raise MissingCapabilityError(
                f"link {self.name} is of evidence level {self.level.name}; {what} take {level.name} or more"
            )

    # --- light --------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Every device at its operating point, switch through, bias and light on, and settled."""
        raise NotImplementedError

    def down(self) -> None:
        """Light and bias off; nothing else moves."""
        raise NotImplementedError

    # --- runs and measurements ----------------------------------------------------------------------------------------

    def run(self, duration: str | float = "10 s", *, interceptor: Interceptor | None = None) -> LinkRun:
        """Make key for that long; a link that is down is brought up first.

        Blocks have the declared length; a rest of half a block or more makes a shorter one, a smaller rest makes none.
        ``interceptor`` stands between the parties' messages. Of a black box (L0) the run holds what it claims and delivers.
        """
        return running.run(self, duration, interceptor)

    def released(self) -> tuple[ReleasedKey, ...]:
        """Keys that both parties released and no key store was given yet: (key ID, Alice's key, Bob's key)."""
        raise NotImplementedError

    def take_released(self) -> tuple[ReleasedKey, ...]:
        """As :meth:`released`, and they are gone from here: for whoever hands them to a key store."""
        raise NotImplementedError

    def count_gates(self, condition: str = "lit", gates: int = 20, gate: str | float = "100 ms") -> list[CountGates]:
        """Clicks of each detector in equal gates: ``lit`` as the link stands, ``dark`` without light and behind the dark port."""
        return measuring.count_gates(self, condition, gates, gate)

    def inter_click_gaps(self, duration: str | float = "1 s") -> list[InterClickGaps]:
        """Gaps between the clicks of each detector, in pulse periods (L3)."""
        return measuring.inter_click_gaps(self, duration)

    def watch(self, duration: str | float = "30 d") -> tuple[Availability, CalibrationLog]:
        """Leave the link alone for that long, then read both devices' own logs: was it up, when did it calibrate itself."""
        return measuring.watch(self, duration)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _driver(self, name: str) -> Any:
        return self.testbed.device(name)

    def _of_role(self, role: type[T]) -> Any:
        ...
