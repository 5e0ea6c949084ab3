"""Keysight N7761A, N7762A and N7764A variable optical attenuators, their first channel, over LAN (port 5025), USB or GPIB.

SCPI lines, a newline both ways: ``:INP1:ATT 12.5 DB``, ``:OUTP1:STAT 1`` opens the shutter. As open drivers of the N77xx family
have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.drivers._scpi_instrument import ScpiInstrument
from hil.drivers._setting import allowed
from hil.ports.identity import Capabilities
from hil.ports.spec import DeviceSettings, DriverSpec

if TYPE_CHECKING:
    from hil.ports.roles import Attenuator
    from hil.transports import Transport

__all__ = ["SPEC", "KeysightN776x"]

CAPABILITIES = Capabilities(features=frozenset({"shutter"}), ranges={"attenuation_db": (0.0, 45.0)}, settle_s=0.1)


class KeysightN776x(ScpiInstrument):
    """Attenuator with a shutter: open at every set attenuation, shut when parked."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        super().__init__(settings, CAPABILITIES, transport)

    def park(self) -> None:
        """Shutter shut, and as much attenuation as the envelope allows behind it."""
        with self._transport.lock:
            self._carry_out(":OUTP1:STAT 0")
            self._set(allowed(self.capabilities, "attenuation_db")[1])

    def attenuation_db(self) -> float:
        """What it is set to, whether the shutter is open or not."""
        return self._number(":INP1:ATT?")

    def set_attenuation_db(self, attenuation_db: float) -> None:
        """Move, read back, and open the shutter."""
        with self._transport.lock:
            self._set(attenuation_db)
            self._carry_out(":OUTP1:STAT 1")

    def _set(self, attenuation_db: float) -> None:
        command, settle_s = f":INP1:ATT {attenuation_db:.3f} DB", self.capabilities.settle_s
        self._move("attenuation_db", attenuation_db, command, self.attenuation_db, tolerance=0.01, settle_s=settle_s)


def build(settings: DeviceSettings) -> Attenuator:
    """The driver for one attenuator; nothing is opened yet."""
    return KeysightN776x(settings)


SPEC = DriverSpec(
    name="keysight-n776x",
    role="attenuator",
    title="Keysight N776x variable optical attenuator (SCPI)",
    build=build,
    capabilities=CAPABILITIES,
    protocol="SCPI lines over TCPIP::…::SOCKET, USB or GPIB, newline both ways",
)
