"""Each VISA driver's dialogue against pyvisa-sim, a simulator that is not ours.

pyvisa-sim keeps a file's state and unread replies as long as the process lives, so each test plays its own copy.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hil.discovery import find
from hil.drivers import ozoptics_dd100mc, reference_transceiver, thorlabs_pm100d
from hil.errors import DeviceTimeoutError, DeviceUnreachableError
from hil.ports.identity import Identity
from hil.transports import over_visa

pytest.importorskip("pyvisa_sim")


@pytest.fixture
def simulated(settings, tmp_path):
    """Settings whose VISA library is a fresh copy of one dialogue file."""

    def make(dialogue: str, resource: str):
        copy = shutil.copy(Path(__file__).with_name(dialogue), tmp_path)
        return settings(resource=resource, visa_library=f"{copy}@sim", timeout_s=0.3)

    return make


@pytest.mark.parametrize(
    "resource",
    ["TCPIP::localhost::2000::SOCKET", "USB0::0x1313::0x8078::P0012345::INSTR", "GPIB0::8::INSTR", "ASRL8::INSTR"],
)
def test_power_meter(simulated, resource):
    """Open, identify, read, and move the wavelength, whatever it is plugged in with."""
    meter = thorlabs_pm100d.build(simulated("thorlabs_pm100d.yaml", resource))
    meter.open()
    try:
        assert meter.identity() == Identity("Thorlabs", "PM100D", "P0012345", "2.4.0")
        assert meter.power_w() == pytest.approx(9.1234e-7)
        meter.set_wavelength_nm(1310.0)
        assert meter.wavelength_nm() == pytest.approx(1310.0)
    finally:
        meter.close()


def test_attenuator(simulated):
    """Open with its marker, identify, move and read back over a simulated serial line."""
    voa = ozoptics_dd100mc.build(simulated("ozoptics_dd100mc.yaml", "ASRL7::INSTR"))
    voa.open()
    try:
        assert voa.identity() == Identity("OZ Optics", "DD-100-MC", "101234-01", "2.03")
        voa.set_attenuation_db(12.34)
        assert voa.attenuation_db() == pytest.approx(12.34)
    finally:
        voa.close()


def test_undeclared_transceiver(simulated):
    """A transceiver without a bench file is asked for its role and becomes it."""
    alice = reference_transceiver.build(simulated("reference_transmitter.yaml", "TCPIP::localhost::5025::SOCKET"))
    with pytest.raises(DeviceUnreachableError, match="call open"):
        alice.identity()
    alice.open()
    try:
        assert alice.role == "transmitter"
        assert alice.identity().firmware == "2.4.1"
        alice.park()
        assert alice.pulse_index() == 1000
    finally:
        alice.close()


def test_what_the_dialogue_does_not_hold_times_out(simulated):
    """pyvisa-sim says nothing to what it does not know, which is a timeout like any other."""
    config = simulated("thorlabs_pm100d.yaml", "TCPIP::localhost::2000::SOCKET")
    from hil.drivers._lines import ask

    transport = over_visa("dut", config.resource, timeout_s=0.05, library=config.visa_library)
    transport.open()
    try:
        with pytest.raises(DeviceTimeoutError):
            ask(transport, "*OPC?")
    finally:
        transport.close()


@pytest.mark.parametrize(
    "driver", ["keysight-n776x", "polatis-osm", "srs-ldc500", "thorlabs-itc4001", "thorlabs-pm100d", "thorlabs-ted4015"]
)
@pytest.mark.parametrize(
    "resource",
    ["USB0::0x1313::0x8078::P1::INSTR", "GPIB0::5::INSTR", "ASRL/dev/ttyS9::INSTR", "ASRLsocket://moxa.lab:4001::INSTR"],
)
def test_instruments_of_lines_are_built_for_every_carrier(settings, driver, resource):
    """Each has a harmless query by which anything but a stream is brought back in step."""
    find("driver", driver).build(settings(resource=resource))
