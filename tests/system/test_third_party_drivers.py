"""Drivers that others wrote for the real instruments read the simulated ones, unmodified, and agree on the world."""

from __future__ import annotations

import math
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hil.bench import load, simulated_devices
from hil.clock import VirtualClock
from hil.device_sims.host import TwinHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qmi.core.context import QMI_Context

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ptys, and these drivers open serial lines"),
    # what these packages warn of when imported or made
    pytest.mark.filterwarnings("ignore:'xdrlib' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning"),
]

SECOND = 1_000_000_000


@pytest.fixture
def host() -> Iterator[TwinHost]:
    """The twin of metro-25km with its transmitter on."""
    bench = load("metro-25km")
    with TwinHost(bench, simulated_devices(bench), 3, VirtualClock()) as twin:
        twin.world.set_emitting("alice", 0, emitting=True)
        yield twin


@pytest.fixture
def qmi() -> Iterator[QMI_Context]:
    """QMI's context, in which its drivers live."""
    from qmi.core.context import QMI_Context

    context = QMI_Context("test")
    context.start()
    yield context
    context.stop()


def test_pymeasure_and_qmi_read_the_bench_and_agree_with_the_world(host: TwinHost, qmi: QMI_Context) -> None:
    """PyMeasure's and QMI's power meters, QMI's attenuator, switch and temperature controller, over TCP and ptys."""
    from pymeasure.instruments.thorlabs import ThorlabsPM100USB
    from qmi.instruments.agiltron import Agiltron_Ff1x4
    from qmi.instruments.ozoptics import OzOptics_Dd100Mc
    from qmi.instruments.thorlabs.pm100d import Thorlabs_PM100D
    from qmi.instruments.thorlabs.tc200 import Thorlabs_TC200

    at, world = host.addresses, host.world
    pymeasure_meter = ThorlabsPM100USB(
        at["meter"].resource, visa_library="@py", read_termination="\n", write_termination="\n", timeout=20_000
    )
    meter = Thorlabs_PM100D(qmi, "meter", f"tcp:127.0.0.1:{at['meter'].port}")
    voa = OzOptics_Dd100Mc(qmi, "voa", f"serial:{at['voa'].path}:baudrate=9600")
    switch = Agiltron_Ff1x4(qmi, "switch", f"serial:{at['switch'].path}:baudrate=9600", timeout=20.0)
    stage = Thorlabs_TC200(qmi, "stage", f"serial:{at['stage'].path}:baudrate=115200")
    for driver in (meter, voa, switch, stage):
        driver.open()
    with closing(pymeasure_meter.adapter), closing(meter), closing(voa), closing(switch), closing(stage):
        # who they are
        assert pymeasure_meter.id == ",".join(meter.get_idn())
        assert (meter.get_idn().vendor, meter.get_idn().model) == ("Thorlabs", "PM100D")
        assert (pymeasure_meter.sensor_name, pymeasure_meter.wavelength_settable) == ("S155C", True)
        assert meter.get_sensor_info()[0::5] == ("S155C", 33)
        assert (stage.get_idn().model, stage.has_alarm()) == ("TC200", False)

        # both read what the world has on the tap: within four standard deviations of floor and relative noise
        for attenuation_db in (3.0, 13.25, 0.0):
            assert voa.set_attenuation(attenuation_db) == round(100 * attenuation_db)
            assert voa.get_position().attenuation == world.attenuation_db("voa", 0) == attenuation_db
            tap_w = world.tap_power_w("meter", 0)
            assert tap_w == pytest.approx(1e-5 * 10 ** (-(5.7 + attenuation_db + 10) / 10), rel=1e-9)
            noise_w = 4 * math.hypot(1e-10 / 3, 2e-4 * tap_w)
            assert pymeasure_meter.power == pytest.approx(tap_w, abs=noise_w)
            assert meter.get_power() == pytest.approx(tap_w, abs=noise_w)
            assert tap_w <= meter.get_range() < 100 * tap_w

        # one sets what the other reads
        pymeasure_meter.wavelength = 1310
        assert meter.get_wavelength() == 1310.0
        meter.set_autorange(False)
        meter.set_range(1e-3)
        assert (meter.get_range(), meter.get_autorange()) == (pytest.approx(10**1.3 * 1e-4), False)
        meter.reset()
        assert (pymeasure_meter.wavelength, meter.get_autorange()) == (1550.0, True)
        assert pymeasure_meter.check_errors() == []

        # switch: on a dark channel 50 dB less, which is below the meter's floor
        lit_w = world.tap_power_w("meter", 0)
        switch.set_channel_active(4)
        assert switch.get_active_channel() == world.switch_channel("switch", 0) == 4
        assert world.tap_power_w("meter", 0) == pytest.approx(lit_w * 1e-5, rel=1e-9)
        assert abs(meter.get_power()) < 5e-10 / 3
        switch.set_channel_active(1)

        # attenuator home, stage at another temperature
        voa.home()
        assert voa.get_position() == (0, 0.0)
        assert voa.get_configuration_display()[0] == "OZ Optics DD-100-MC"
        stage.set_temperature(42.5)
        assert stage.get_temperature_setpoint() == world.setpoint_c("stage") == 42.5
        assert stage.get_temperature_actual() == pytest.approx(world.temperature_c("stage", 0), abs=0.05)
        stage.disable()
        assert stage.is_enabled() is world.heater_enabled("stage") is False
        stage.set_pid_gains(p_gain=100)
        assert stage.get_pid_gains() == (100, 50, 50)
        assert (stage.get_temperature_limit(), stage.get_power_limit(), stage.is_tuned()) == (200.0, 18.0, False)


def test_pymeasure_drives_the_laser_of_a_link() -> None:
    """PyMeasure's LDC500Series, its error check included: current, light, limits, and the light that leaves the transmitter."""
    from pymeasure.instruments.srs.ldc500series import LDC500Series

    bench = load(Path(__file__).parents[1] / "contract" / "shelf.toml")
    with TwinHost(bench, ["ldc500"], 3, VirtualClock()) as twin:
        resource = twin.addresses["ldc500"].resource
        laser = LDC500Series(resource, visa_library="@py", read_termination="\n", write_termination="\n", timeout=20_000)
        with closing(laser.adapter):
            assert laser.id.startswith("Stanford_Research_Systems,LDC501,")
            assert (laser.ld.interlock_closed, laser.ld.enabled, laser.ld.current_setpoint) == (True, False, 30.0)
            laser.ld.enabled = True
            laser.ld.current_setpoint = 20.0
            assert (laser.ld.current, laser.pd.power, laser.pd.current) == (20.0, 0.5, 5.0)
            assert twin.world.beside.lasing("ldc500")
            assert math.isclose(twin.world.beside.current_a("ldc500"), 0.02)
            with pytest.raises(Exception, match=r"\[1, 0\]"):
                laser.tec.temperature_setpoint = 90.0
            laser.shutdown()
        assert twin.world.setpoint_c("ldc500") == 25.0
