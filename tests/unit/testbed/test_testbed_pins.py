"""Identity and firmware pins of a bench file."""

from __future__ import annotations

import pytest

from hil.errors import IdentityError, UsageError
from hil.ports.identity import Identity
from hil.testbed.pins import check_identity

DEVICE = Identity("Thorlabs", "PM100D", "P1", "2.4.1")


@pytest.mark.parametrize(
    ("firmware", "pinned"),
    [
        ("2.4.1", "~=2.4"),
        ("2.4.1", ""),
        ("2.10", ">=2.9"),
        ("2.4.0rc1", ">=2.3"),
        ("6.5.2.18", "~=6.5"),
        ("Firmware v2.010", ">=2.2,<3"),
        ("", ""),
    ],
)
def test_firmware_inside_the_range_passes(firmware, pinned):
    """PEP 440 decides, with the first dotted number of versions that are not PEP 440."""
    check_identity("meter", Identity("Thorlabs", "PM100D", "P1", firmware), pinned, "")


@pytest.mark.parametrize(("firmware", "pinned"), [("2.3.9", "~=2.4"), ("3.0", "~=2.4"), ("2.4.1", "==2.4.0")])
def test_firmware_outside_the_range_is_named_with_both(firmware, pinned):
    """The message says what was found, what is pinned and what to do."""
    with pytest.raises(IdentityError, match=r"meter: firmware .*pins .*Install a firmware") as raised:
        check_identity("meter", Identity("Thorlabs", "PM100D", "P1", firmware), pinned, "")
    assert firmware in str(raised.value)
    assert repr(pinned) in str(raised.value)


def test_a_pin_on_a_device_that_tells_no_version_is_an_error():
    """A pin that cannot be checked does not pass."""
    with pytest.raises(IdentityError, match="tells no firmware version"):
        check_identity("switch", Identity("Agiltron", "FF 1x4", "", ""), "~=1.0", "")


def test_another_serial_number_is_another_device():
    """The pinned serial number decides, and a device that tells none does not satisfy it."""
    check_identity("meter", DEVICE, "", "P1")
    with pytest.raises(IdentityError, match="pins serial 'P2'"):
        check_identity("meter", DEVICE, "", "P2")
    with pytest.raises(IdentityError, match="no serial number"):
        check_identity("switch", Identity("Agiltron", "FF 1x4", "", ""), "", "X")


def test_a_range_nobody_can_read_is_a_usage_error():
    """A malformed pin is the bench file's mistake, not the device's."""
    with pytest.raises(UsageError, match="expected a PEP 440 range"):
        check_identity("meter", DEVICE, "newer than 2", "")
