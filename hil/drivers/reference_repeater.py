"""Any node of a repeater chain that speaks the reference repeater protocol (docs/reference/repeater-protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from hil.drivers._transceiver_control import Control
from hil.errors import ReplyError
from hil.ports.identity import Capabilities
from hil.ports.repeater import PairRecords, SwapCounts
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import over_visa

if TYPE_CHECKING:
    from hil.ports.identity import Identity
    from hil.ports.roles import RepeaterNode
    from hil.transports import Transport

__all__ = ["SPEC", "ReferenceRepeater"]

CAPABILITIES = Capabilities(features=frozenset({"park", "entanglement-swapping"}))


class _Told(msgspec.Struct, frozen=True):
    """A reply to ``PAIRS?``."""

    first: int
    made: int
    time_ns: list[int]
    waited_ns: list[int]
    outcome: str


class ReferenceRepeater:
    """One node, an end of its chain or one between; parked, it takes no part."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._control = Control(
            transport
            or over_visa(
                settings.name,
                settings.resource,
                timeout_s=settings.timeout_s,
                library=settings.visa_library,
                secret=(b"PAIRS?",),
            )
        )

    def open(self) -> None:
        """Connect and come into step."""
        self._control.transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._control.transport.close()

    def identity(self) -> Identity:
        """``*IDN?``."""
        return self._control.identity()

    def park(self) -> None:
        """Stop."""
        self._control.order("PARK", idempotent=True)

    def device_time_ns(self) -> int:
        """The device's own clock: nanoseconds since its power-up."""
        return self._control.integer("TIME?")

    def repeating(self) -> bool:
        """Whether the node takes part."""
        return self._control.switched_on("RUN?")

    def set_repeating(self, *, repeating: bool) -> None:
        """Take part or stop, and see that it does."""
        self._control.order("START" if repeating else "STOP")
        if self.repeating() != repeating:
            raise ReplyError(self.name, f"was told to {'start' if repeating else 'stop'} and says that it did not")

    def swaps(self) -> SwapCounts:
        """Swaps since the chain began; MissingCapabilityError at an end of the chain."""
        tried, succeeded = self._control.integers("SWAPS?", 2)
        return SwapCounts(tried, succeeded)

    def pairs(self, first: int = 0) -> PairRecords:
        """All pairs from number ``first`` on; MissingCapabilityError at a node between, and for pairs it has forgotten."""
        parts = [self._some(first)]
        at = first + parts[0].outcomes.size
        while parts[-1].outcomes.size and at < parts[0].made:
            parts.append(self._some(at))
            at += parts[-1].outcomes.size
        return PairRecords(
            first=first,
            made=parts[-1].made,
            times_ns=np.concatenate([part.times_ns for part in parts]),
            waited_ns=np.concatenate([part.waited_ns for part in parts]),
            outcomes=np.concatenate([part.outcomes for part in parts]),
        )

    def _some(self, first: int) -> PairRecords:
        """One reply's worth. What was told stays, so that asking again is harmless."""
        told = self._control.json(f"PAIRS? {first}", _Told)
        number = len(told.outcome)
        if told.first != first or not number == len(told.time_ns) == len(told.waited_ns) or set(told.outcome) - {"0", "1"}:
            raise ReplyError(self.name, f"'PAIRS? {first}' was answered with {number} outcomes that do not fit their pairs")
        return PairRecords(
            first=first,
            made=told.made,
            times_ns=np.array(told.time_ns, dtype=np.int64),
            waited_ns=np.array(told.waited_ns, dtype=np.int64),
            outcomes=np.frombuffer(told.outcome.encode(), dtype=np.uint8) - ord("0"),
        )


def build(settings: DeviceSettings) -> RepeaterNode:
    """The driver for one node; nothing is opened yet."""
    return ReferenceRepeater(settings)


SPEC = DriverSpec(
    name="reference-repeater",
    role="repeater-node",
    title="Node of a repeater chain, reference repeater protocol (one TCP port)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="docs/reference/repeater-protocol.md, version 1",
)
