"""Compares who a device says it is with what the bench file pins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.errors import IdentityError, UsageError

if TYPE_CHECKING:
    from packaging.version import Version

    from hil.ports.identity import Identity

__all__ = ["check_identity"]


def check_identity(device_name: str, identity: Identity, firmware_range: str, serial: str) -> None:
    """IdentityError when the firmware is outside the PEP 440 range, or the serial number another; empty pins pin nothing.

    A firmware version that is not PEP 440 is judged by the first dotted number in it (``"Firmware v2.010"`` is 2.10).
    UsageError for a range that cannot be read.
    """
    if serial and identity.serial != serial:
        found = f"serial number {identity.serial!r}" if identity.serial else "no serial number"
        raise IdentityError(
            device_name,
            f"the device at this address is {identity} and tells {found}; the bench file pins serial {serial!r}."
            f" Correct the address or serial of [device.{device_name}], or connect the pinned device",
        )
    if not firmware_range:
        return
    version = _version(identity.firmware)
    if version is None:
        raise IdentityError(
            device_name,
            f"{identity} tells no firmware version that can be compared; the bench file pins {firmware_range!r}."
            f" Remove firmware from [device.{device_name}], or use a device that tells it",
        )
    if not _satisfies(device_name, version, firmware_range):
        raise IdentityError(
            device_name,
            f"firmware {identity.firmware} found on {identity.vendor} {identity.model} {identity.serial}; the bench file pins"
            f" {firmware_range!r}. Install a firmware in that range, or change firmware of [device.{device_name}] after"
            " qualifying this one",
        )


def _version(text: str) -> Version | None:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion:
        number = re.search(r"\d+(\.\d+)*", text)
        return Version(number[0]) if number else None


def _satisfies(device_name: str, version: Version, firmware_range: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(firmware_range).contains(version, prereleases=True)
    except InvalidSpecifier as error:
        raise UsageError(
            f"[device.{device_name}] firmware = {firmware_range!r}: expected a PEP 440 range such as '~=2.4' or '>=2.4,<3'"
        ) from error
