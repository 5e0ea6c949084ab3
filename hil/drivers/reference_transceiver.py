"""Any transmitter, pair source or receiver that speaks the protocol of docs/reference/transceiver-protocol.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.bench.model import PairSourceDevice, ReceiverDevice, TransmitterDevice
from hil.drivers._transceiver import CAPABILITIES, Transceiver
from hil.drivers._transceiver_pair_source import ReferencePairSource
from hil.drivers._transceiver_receiver import ReferenceReceiver
from hil.drivers._transceiver_transmitter import ReferenceTransmitter
from hil.errors import DeviceUnreachableError, ReplyError
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.identity import Capabilities, Identity

__all__ = ["SPEC", "ReferencePairSource", "ReferenceReceiver", "ReferenceTransmitter", "UndeclaredTransceiver"]

Reference = ReferenceTransmitter | ReferencePairSource | ReferenceReceiver

_CLASSES: dict[str, type[Reference]] = {
    "PAIR-SOURCE": ReferencePairSource,
    "TRANSMITTER": ReferenceTransmitter,
    "RECEIVER": ReferenceReceiver,
}


class UndeclaredTransceiver:
    """A transceiver without a bench file: asks the device for its role when opened, and becomes that."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._actual: Reference | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Those of what it turned out to be."""
        return self._actual.capabilities if self._actual else CAPABILITIES

    def open(self) -> None:
        """Ask ``ROLE?`` and open as that role."""
        asking = Transceiver(self._settings)
        asking._control.transport.open()  # noqa: SLF001  (its own module family)
        try:
            role = asking._control.text("ROLE?").upper()  # noqa: SLF001
        finally:
            asking.close()
        if role not in _CLASSES:
            raise ReplyError(self.name, f"ROLE? was answered {role!r}; expected {', '.join(_CLASSES)}")
        actual = _CLASSES[role](self._settings)
        actual.open()
        self._actual = actual

    def close(self) -> None:
        """Let go of both ports."""
        if self._actual:
            self._actual.close()

    def identity(self) -> Identity:
        """``*IDN?``."""
        return self._opened().identity()

    def park(self) -> None:
        """As the device's role says."""
        self._opened().park()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._opened(), name)

    def _opened(self) -> Reference:
        if self._actual is None:
            raise DeviceUnreachableError(self.name, "is not open; its role is known only once it is: call open() first")
        return self._actual


def build(settings: DeviceSettings) -> Reference | UndeclaredTransceiver:
    """The driver for one transceiver, by what the bench file declares; nothing is opened yet."""
    if isinstance(settings.declared, TransmitterDevice):
        return ReferenceTransmitter(settings)
    if isinstance(settings.declared, PairSourceDevice):
        return ReferencePairSource(settings)
    if isinstance(settings.declared, ReceiverDevice):
        return ReferenceReceiver(settings)
    return UndeclaredTransceiver(settings)


SPEC = DriverSpec(
    name="reference-transceiver",
    role="transceiver",
    title="Transmitter, pair source or receiver of the reference transceiver protocol (two TCP ports)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="docs/reference/transceiver-protocol.md, version 1",
    roles=("transmitter", "pair-source", "receiver"),
)
