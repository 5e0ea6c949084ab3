"""S-Fifteen single-photon detector modules (SPD) on a serial line: bias (``hvolt``), cooler and counter of one detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import DetectorDevice
from hil.drivers._s_fifteen import SFifteenLine
from hil.drivers._setting import move
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import SinglePhotonDetector
    from hil.transports import Transport

__all__ = ["SPEC", "SFifteenSpd"]

CAPABILITIES = Capabilities(features=frozenset({"counts"}), settle_s=0.1)
_UNDECLARED_BIAS_V = 210.0
_DARK_V = 1.0


class SFifteenSpd:
    """Control unit of one detector; its bias is the bench file's, or none."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self._settings = settings
        self._line = SFifteenLine(settings, "SPD", transport)
        declared = settings.declared
        self._bias_v = declared.bias_v if isinstance(declared, DetectorDevice) else _UNDECLARED_BIAS_V

    def open(self) -> None:
        """Connect and come into step."""
        self._line.transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._line.transport.close()

    def identity(self) -> Identity:
        """``*idn?``."""
        return self._line.identity()

    def park(self) -> None:
        """Bias off; the cooler goes on."""
        self.set_biased(biased=False)

    def counts(self, gate_s: float) -> int:
        """Clicks in the next ``gate_s`` seconds, 1 ms to 65 s."""
        return self._line.count("counts?", gate_s)[0]

    def biased(self) -> bool:
        """Whether it has its bias."""
        return self._line.number("hvolt?") > _DARK_V

    def set_biased(self, *, biased: bool) -> None:
        """The declared bias, or none; read back."""
        volts = self._bias_v if biased else 0.0
        with self._line.transport.lock:
            move(
                self._settings,
                setting="bias_v",
                value=volts,
                write=lambda: self._line.tell(f"hvolt {volts:g}"),
                read=lambda: self._line.number("hvolt?"),
                settle_s=self.capabilities.settle_s,
                tolerance=0.5,
            )


def build(settings: DeviceSettings) -> SinglePhotonDetector:
    """The driver for one module; nothing is opened yet."""
    return SFifteenSpd(settings)


SPEC = DriverSpec(
    name="s-fifteen-spd",
    role="detector",
    title="S-Fifteen single-photon detector (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="serial 115200; lines end with CR LF",
)
