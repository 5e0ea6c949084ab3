"""Resource strings name ports."""

from __future__ import annotations

import pytest

from hil.errors import UsageError
from hil.transports.port import serial_url, tcp_address


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("TCPIP::alice.lab::5025::SOCKET", ("alice.lab", 5025)),
        ("tcpip0::127.0.0.1::1::socket", ("127.0.0.1", 1)),
        ("TCPIP::[::1]::5025::SOCKET", ("::1", 5025)),
        ("ASRL/dev/ttyUSB0::INSTR", None),
        ("TCPIP::alice.lab::INSTR", None),
    ],
)
def test_tcp_resources(resource, expected):
    """A socket resource is a host and a port, anything else is not one."""
    assert tcp_address(resource) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("ASRL/dev/serial/by-id/usb-OZ_DD100-if00::INSTR", "/dev/serial/by-id/usb-OZ_DD100-if00"),
        ("ASRL/dev/pts/7", "/dev/pts/7"),
        ("ASRL3::INSTR", "COM3"),
        ("ASRLsocket://127.0.0.1:4001::INSTR", "socket://127.0.0.1:4001"),
    ],
)
def test_serial_resources(resource, expected):
    """A serial resource is what pyserial opens."""
    assert serial_url(resource) == expected


def test_other_resources_are_refused_with_the_accepted_forms():
    """A resource nobody can open says what would be one."""
    with pytest.raises(UsageError, match="expected TCPIP::host::port::SOCKET or ASRL"):
        serial_url("GPIB0::5::INSTR")
