r"""OZ Optics DD-100-MC variable optical attenuator on a serial line (9600 baud).

A command ends with ``\r``; the answer is lines ending with ``\r\n``, the last two of them ``Done`` and an empty one.
``A12.00`` moves, ``D`` displays position and attenuation, ``CD`` the configuration. Command set as in QMI's ``dd100mc``.
Homing is not offered: it moves through all attenuations, past whatever the envelope forbids.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hil.drivers._lines import decoded
from hil.drivers._setting import allowed, check_envelope, move, narrowed
from hil.errors import InstrumentError, ReplyError
from hil.ports.identity import Capabilities, Identity
from hil.ports.spec import DeviceSettings, DriverSpec
from hil.transports import Marker, SerialLine, Transport, Until, over_visa

if TYPE_CHECKING:
    from hil.ports.roles import Attenuator

__all__ = ["SPEC", "OzOpticsDd100Mc"]

_DONE = Until(b"Done\r\n\r\n")
_ATTENUATION = re.compile(r"ATTEN:\s*([-+]?\d+(?:\.\d+)?)")
_POSITION = re.compile(r"Pos:\s*[-+]?\d+")
_SERIAL_NUMBER = re.compile(r"\b(?:S/?N|serial)[ .:#]*([\w-]+)", re.IGNORECASE)
_FIRMWARE = re.compile(r"\b(?:firmware|version|ver|fw|v)[ .:]*(\d+(?:\.\d+)+)", re.IGNORECASE)

_MOVE_TIMEOUT_S = 30.0
"""It answers when the motor stands; across the whole range that takes seconds."""

CAPABILITIES = Capabilities(
    features=frozenset({"attenuation"}),
    ranges={"attenuation_db": (0.0, 60.0)},
    settle_s=0.2,
)

# each is told from the other's late reply: only the display of D carries the attenuation
MARKERS = (
    Marker(b"D\r", _DONE, lambda reply: b"ATTEN:" in reply),
    Marker(b"CD\r", _DONE, lambda reply: b"ATTEN:" not in reply and b"Pos:" not in reply),
)


class OzOpticsDd100Mc:
    """Attenuator; parks at the most attenuation its envelope allows."""

    def __init__(self, settings: DeviceSettings, transport: Transport | None = None) -> None:
        self.name = settings.name
        hardware = CAPABILITIES.ranges["attenuation_db"]
        self.capabilities = replace(
            CAPABILITIES, ranges={"attenuation_db": narrowed(hardware, settings.envelope, "attenuation_db")}
        )
        self._settings = settings
        self._transport = transport or over_visa(
            settings.name,
            settings.resource,
            timeout_s=settings.timeout_s,
            library=settings.visa_library,
            line=SerialLine(9600),
            markers=MARKERS,
        )

    def open(self) -> None:
        """Connect and come into step."""
        self._transport.open()

    def close(self) -> None:
        """Let go of the port."""
        self._transport.close()

    def identity(self) -> Identity:
        """Vendor and model are the driver's; serial number and firmware where the configuration display tells them."""
        text = self._ask("CD", idempotent=True)
        serial, firmware = _SERIAL_NUMBER.search(text), _FIRMWARE.search(text)
        return Identity("OZ Optics", "DD-100-MC", serial[1] if serial else "", firmware[1] if firmware else "")

    def park(self) -> None:
        """As dark as the envelope allows."""
        self.set_attenuation_db(allowed(self.capabilities, "attenuation_db")[1])

    def attenuation_db(self) -> float:
        """The attenuation the device displays."""
        text = self._ask("D", idempotent=True)
        found = _ATTENUATION.search(text)
        if found is None:
            raise ReplyError(self.name, f"D answered {text!r}; expected a line ATTEN:<dB>")
        return float(found[1])

    def set_attenuation_db(self, attenuation_db: float) -> None:
        """Move, and see that it stands there."""
        check_envelope(self._settings, self.capabilities, "attenuation_db", attenuation_db)
        with self._transport.lock:
            move(
                self._settings,
                setting="attenuation_db",
                value=attenuation_db,
                write=lambda: self._move_to(attenuation_db),
                read=self.attenuation_db,
                settle_s=self.capabilities.settle_s,
                tolerance=0.1,
            )

    def _move_to(self, attenuation_db: float) -> None:
        command = f"A{attenuation_db:.2f}"
        text = self._ask(command, timeout_s=max(_MOVE_TIMEOUT_S, self._settings.timeout_s))
        if not _POSITION.search(text):
            raise InstrumentError(self.name, f"refused {command!r}: {text!r}; expected a line Pos:<steps>")

    def _ask(self, command: str, *, idempotent: bool = False, timeout_s: float | None = None) -> str:
        reply = self._transport.query(command.encode() + b"\r", _DONE, idempotent=idempotent, timeout_s=timeout_s)
        return decoded(self.name, reply).strip()


def build(settings: DeviceSettings) -> Attenuator:
    """The driver for one attenuator; nothing is opened yet."""
    return OzOpticsDd100Mc(settings)


SPEC = DriverSpec(
    name="ozoptics-dd100mc",
    role="attenuator",
    title="OZ Optics DD-100-MC variable optical attenuator (serial)",
    build=build,
    capabilities=CAPABILITIES,
    protocol=r"serial 9600 8N1; command \r, answer lines ending Done \r\n \r\n",
)
