"""S-Fifteen single-photon detector modules (SPD) on a serial line: bias (``hvolt``), cooler and counter of one detector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hil.bench.model import DetectorDevice
from hil.drivers._s_fifteen import SFifteenLine
from hil.drivers._setting import check_envelope, move, narrowed
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import AdjustableDetector
    from hil.transports import Transport

__all__ = ["SPEC", "SFifteenSpd"]

CAPABILITIES = Capabilities(
    features=frozenset({"counts", "bias", "cooling"}),
    ranges={"bias_v": (0.0, 260.0), "setpoint_c": (-60.0, 30.0)},
    settle_s=0.1,
)
_UNDECLARED_BIAS_V = 210.0
_DARK_V = 1.0


class SFifteenSpd:
    """Control unit of one detector; switched on, its bias is the bench file's."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        ranges = {name: narrowed(range_, settings.envelope, name) for name, range_ in CAPABILITIES.ranges.items()}
        self.capabilities = replace(CAPABILITIES, ranges=ranges)
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
        return self.bias_v() > _DARK_V

    def bias_v(self) -> float:
        """The bias it is set to."""
        return self._line.number("hvolt?")

    def set_bias_v(self, bias_v: float) -> None:
        """Set the bias inside the envelope; read back."""
        self._set("bias_v", bias_v, "hvolt", tolerance=0.5)

    def setpoint_c(self) -> float:
        """What its cooler is set to hold."""
        return self._line.number("settemp?")

    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Set it inside the envelope; read back."""
        self._set("setpoint_c", setpoint_c, "settemp", tolerance=0.06)

    def temperature_c(self) -> float:
        """What its sensor tells."""
        return self._line.number("temp?")

    def set_biased(self, *, biased: bool) -> None:
        """The declared bias, or none; read back."""
        self._move("bias_v", self._bias_v if biased else 0.0, "hvolt", tolerance=0.5)

    def _set(self, setting: str, value: float, word: str, tolerance: float) -> None:
        check_envelope(self._settings, self.capabilities, setting, value)
        self._move(setting, value, word, tolerance)

    def _move(self, setting: str, value: float, word: str, tolerance: float) -> None:
        with self._line.transport.lock:
            move(
                self._settings,
                setting=setting,
                value=value,
                write=lambda: self._line.tell(f"{word} {value:g}"),
                read=lambda: self._line.number(f"{word}?"),
                settle_s=self.capabilities.settle_s,
                tolerance=tolerance,
            )


def build(settings: DeviceSettings) -> AdjustableDetector:
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
