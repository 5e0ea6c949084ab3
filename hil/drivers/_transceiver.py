"""What transmitter and receiver of the reference protocol share: opening, level, parking, and the black box's two requests."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from hil.bench.model import ReceiverDevice, TransmitterDevice
from hil.drivers._transceiver_control import Control
from hil.drivers._transceiver_data import DataPlane
from hil.errors import IdentityError, InstrumentError, MissingCapabilityError, ReplyError
from hil.ports.identity import Capabilities, EvidenceLevel, Identity
from hil.ports.secret import SecretBytes
from hil.ports.time_of_day import TimeOfDay
from hil.transports import Transport, over_raw, over_visa

if TYPE_CHECKING:
    from hil.ports.spec import DeviceSettings

__all__ = ["CAPABILITIES", "Transceiver"]

CAPABILITIES = Capabilities(features=frozenset({"park"}), settle_s=0.05, boot_s=30.0)

_KEYS_S = 60.0
"""Whatever comes later is lost for good: a minute's keys of a fast link are megabytes, which a slow host takes its time for."""


class Transceiver:
    """One device of the reference protocol; the subclasses add their role's methods.

    Its evidence level is what the bench file declares, or what the device says where nothing is declared. A call that needs
    more raises MissingCapabilityError.
    """

    role = ""

    def __init__(self, settings: DeviceSettings, control: Transport | None = None, data: Transport | None = None) -> None:
        self.name = settings.name
        self.capabilities = CAPABILITIES
        self.level = EvidenceLevel.L0
        self._settings = settings
        self._control = Control(
            control
            or over_visa(
                settings.name,
                settings.resource,
                timeout_s=settings.timeout_s,
                library=settings.visa_library,
                secret=(b"KEYS?",),
            )
        )
        if data is None and settings.data_resource:
            data = over_raw(settings.name, settings.data_resource, timeout_s=settings.timeout_s, secret=(b"",))
        self._data_plane = DataPlane(data) if data else None

    def open(self) -> None:
        """Connect both ports; IdentityError when the device has another role or a lower level than the bench file says."""
        self._control.transport.open()
        try:
            self._check_role()
            self.level = self._agreed_level()
            self.capabilities = replace(self.capabilities, level=self.level)
            if self._data_plane and self.level >= EvidenceLevel.L3:
                self._data_plane.transport.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of both ports."""
        if self._data_plane:
            self._data_plane.transport.close()
        self._control.transport.close()

    def identity(self) -> Identity:
        """``*IDN?``."""
        return self._control.identity()

    def device_time_ns(self) -> int:
        """The device's own clock: nanoseconds since its power-up."""
        return self._control.integer("TIME?")

    def time_of_day(self) -> TimeOfDay:
        """``DATE?``: ISO 8601 to the millisecond. MissingCapabilityError where the device has no calendar."""
        try:
            text = self._control.text("DATE?")
        except InstrumentError as error:
            raise MissingCapabilityError(f"{self.name}: knows no DATE?, so it tells no time of day") from error
        try:
            return TimeOfDay(datetime.fromisoformat(text), 1e-3)
        except ValueError:
            raise ReplyError(self.name, f"DATE? was answered {text[:40]!r}; expected 2026-01-31T12:00:00.000Z") from None

    def telemetry(self) -> dict[str, float]:
        """What a black box claims of itself; nan for what it does not know at present."""
        self._need_black_box("telemetry")
        claims = self._control.json("TELEMETRY?", dict[str, float | None])
        return {name: float("nan") if value is None else value for name, value in claims.items()}

    def take_keys(self) -> tuple[tuple[str, SecretBytes], ...]:
        """Keys made since the last call, oldest first. Destructive, so never repeated. Marked TEST: they cross this host."""
        self._need_black_box("keys")
        pairs = self._control.json("KEYS?", list[tuple[str, str]], idempotent=False, timeout_s=_KEYS_S)
        try:
            values = [(key_id, base64.b64decode(text, validate=True)) for key_id, text in pairs]
        except binascii.Error:
            values = None
        if values is None:
            raise ReplyError(self.name, "KEYS? was answered with a key that is not base64")
        return tuple((key_id, SecretBytes(value, 8 * len(value), test=True)) for key_id, value in values)

    def _need(self, level: EvidenceLevel, what: str) -> None:
        if self.level < level:
            raise MissingCapabilityError(
                f"{self.name} is a transceiver of evidence level {self.level.name}; {what} need {level.name} or more"
            )

    def _need_black_box(self, what: str) -> None:
        if self.level != EvidenceLevel.L0:
            raise MissingCapabilityError(
                f"{self.name} is a transceiver of evidence level {self.level.name}: only a black box (L0) delivers {what};"
                " distil from its raw data instead"
            )

    @property
    def _data(self) -> DataPlane:
        if self._data_plane is None:
            raise MissingCapabilityError(f"{self.name} has no data port: give data_address in [device.{self.name}]")
        return self._data_plane

    def _check_role(self) -> None:
        role = self._control.text("ROLE?").lower()
        if role != self.role:
            raise IdentityError(
                self.name,
                f"says it is a {role}; [device.{self.name}] expects a {self.role}. Are the two addresses interchanged?",
            )

    def _agreed_level(self) -> EvidenceLevel:
        words = self._control.text("LEVEL?").upper()
        if words not in EvidenceLevel.__members__:
            raise ReplyError(self.name, f"LEVEL? was answered {words!r}; expected L0 to L3")
        level = EvidenceLevel[words]
        declared = self._settings.declared
        if not isinstance(declared, TransmitterDevice | ReceiverDevice):
            return level
        wanted = EvidenceLevel[declared.level]
        if level < wanted:
            raise IdentityError(
                self.name,
                f"shows evidence level {level.name}, but [device.{self.name}] declares {wanted.name}; set level ="
                f' "{level.name}" or enable raw data on the device',
            )
        return wanted
