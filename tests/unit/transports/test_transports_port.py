"""Resource strings name ports."""

from __future__ import annotations

import pytest

from hil.errors import UsageError
from hil.transports.port import serial_url, server_address, tcp_address
from hil.transports.tcp import TcpPort


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
        ("ASRLrfc2217://127.0.0.1:4001::INSTR", "rfc2217://127.0.0.1:4001"),
    ],
)
def test_serial_resources(resource, expected):
    """A serial resource is what pyserial opens."""
    assert serial_url(resource) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("ASRLsocket://127.0.0.1:4001::INSTR", ("127.0.0.1", 4001)),
        ("asrlsocket://moxa.lab:4001", ("moxa.lab", 4001)),
        ("ASRLsocket://[::1]:4001::INSTR", ("::1", 4001)),
        ("ASRLsocket://moxa.lab::INSTR", None),
        ("ASRL/dev/ttyUSB0::INSTR", None),
        ("TCPIP::alice.lab::5025::SOCKET", None),
    ],
)
def test_device_servers(resource, expected):
    """A line behind a device server is a host and a port too; its stream is not what the line is."""
    assert server_address(resource) == expected
    if expected:
        assert not TcpPort("voa", resource).reopens_clean


def test_other_resources_are_refused_with_the_accepted_forms():
    """A resource nobody can open says what would be one."""
    with pytest.raises(UsageError, match="expected TCPIP::host::port::SOCKET or ASRL"):
        serial_url("GPIB0::5::INSTR")
