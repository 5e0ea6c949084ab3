"""What every instrument driver has to keep, whoever wrote it.

Subclass :class:`DriverContract` in a test file of yours::

    from hil.suites.contracts.driver_contract import DriverContract

    class TestMyMeter(DriverContract):
        @pytest.fixture
        def spec(self):
            return SPEC

        @pytest.fixture
        def settings(self, my_simulated_meter):
            return DeviceSettings("meter", my_simulated_meter.resource, VirtualClock())

It covers the life cycle, identity, envelopes and read-back. It does not cover the bytes: compare those with
:class:`hil.transports.ScriptedPort`. A failure at open makes all the others fail; read that one first. New versions may
add checks.
"""

from __future__ import annotations

import math
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import DeviceUnreachableError, EnvelopeError
from hil.ports.identity import Capabilities, Identity
from hil.ports.roles import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.ports.spec import DeviceSettings, DriverSpec

__all__ = ["DriverContract"]


@dataclass(frozen=True)
class _Setter:
    """The one setter of a role: its setting, its method, the method that reads back, how near they must be."""

    setting: str
    write: str
    read: str
    tolerance: float


_SETTERS = {
    "attenuator": _Setter("attenuation_db", "set_attenuation_db", "attenuation_db", 0.1),
    "switch": _Setter("channel", "select", "channel", 0),
    "power-meter": _Setter("wavelength_nm", "set_wavelength_nm", "wavelength_nm", 0.5),
    "laser": _Setter("current_a", "set_current_a", "current_a", 1e-5),
    "temperature-controller": _Setter("setpoint_c", "set_setpoint_c", "setpoint_c", 0.1),
}
_WAYS_AROUND_THE_SETTER = {"write", "query", "send", "ask", "raw", "transport", "command"}


def _refused_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"


class DriverContract:
    """Checks of one driver. Provide ``spec`` and ``settings`` (of a device that answers, real or simulated)."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        """The driver under test."""
        raise NotImplementedError("give the fixture spec: the driver's SPEC")

    @pytest.fixture
    def settings(self) -> DeviceSettings:
        """Settings under which the driver reaches a device that answers."""
        raise NotImplementedError("give the fixture settings: DeviceSettings of a device that answers")

    @pytest.fixture
    def dead(self, settings: DeviceSettings) -> DeviceSettings:
        """The same device at an address where nothing is."""
        if settings.resource.upper().startswith("TCPIP"):
            return replace(settings, resource=_refused_port())
        if settings.resource.startswith(("http://", "tcp://")):
            scheme, port = settings.resource.split(":")[0], _refused_port().split("::")[2]
            return replace(settings, resource=f"{scheme}://127.0.0.1:{port}")
        if settings.resource.upper().startswith("ASRL"):
            return replace(settings, resource="ASRL/dev/hil-contract-no-such-line::INSTR")
        return replace(settings, resource=settings.resource + ".not-there")

    @pytest.fixture
    def driver(self, spec: DriverSpec, settings: DeviceSettings) -> Iterator[Any]:
        """The driver, opened."""
        device = spec.build(settings)
        device.open()
        yield device
        device.close()

    @pytest.fixture
    def setter(self, spec: DriverSpec) -> _Setter:
        """The role's setter, or a skip."""
        if spec.role not in _SETTERS:
            pytest.skip(f"the role {spec.role} has no setter with a range")
        return _SETTERS[spec.role]

    def test_building_touches_nothing(self, spec: DriverSpec, dead: DeviceSettings) -> None:
        """A driver can be made for a device that is not there."""
        assert spec.build(dead).name == dead.name

    def test_a_device_that_is_not_there_is_found_at_open(self, spec: DriverSpec, dead: DeviceSettings) -> None:
        """Opening fails at once, and the error names the device as the bench file does."""
        device = spec.build(dead)
        with pytest.raises(DeviceUnreachableError, match=dead.name):
            device.open()
        device.close()

    def test_is_an_instrument(self, driver: Any) -> None:
        """It has the life cycle that all roles share."""
        assert isinstance(driver, Instrument)

    def test_says_who_it_is(self, driver: Any) -> None:
        """Identity is asked, parsed, and the same when asked again."""
        identity = driver.identity()
        assert isinstance(identity, Identity)
        assert identity.vendor
        assert identity.model
        assert driver.identity() == identity

    def test_closing_twice_does_nothing(self, driver: Any) -> None:
        """Whoever cleans up need not know who did before."""
        driver.close()
        driver.close()

    def test_opens_again_after_closing(self, driver: Any) -> None:
        """A closed device can be opened again and answers."""
        driver.close()
        driver.open()
        assert driver.identity().model

    def test_a_closed_device_says_so(self, driver: Any, spec: DriverSpec, settings: DeviceSettings) -> None:
        """Asking a closed device is an error with its name, not an answer and not a hang."""
        if spec.role == "recording":
            pytest.skip("a recording is read once and then needs no port")
        driver.close()
        with pytest.raises(DeviceUnreachableError, match=settings.name):
            driver.identity()

    def test_parking_is_idempotent(self, driver: Any) -> None:
        """The safe state can be asked for from the safe state."""
        driver.park()
        driver.park()

    def test_declares_what_it_can_do(self, driver: Any, spec: DriverSpec, settings: DeviceSettings) -> None:
        """Capabilities are the driver's, narrowed by the envelope and by nothing widened."""
        assert isinstance(driver.capabilities, Capabilities)
        assert driver.capabilities.settle_s >= 0
        for setting, (low, high) in driver.capabilities.ranges.items():
            widest = spec.capabilities.ranges[setting]
            assert widest[0] <= low <= high <= widest[1]
            if setting in settings.envelope:
                assert settings.envelope[setting][0] <= low
                assert high <= settings.envelope[setting][1]

    def test_setting_reads_back_at_both_ends(self, driver: Any, setter: _Setter) -> None:
        """Whatever is allowed can be set, and is then read back from the device."""
        for value in driver.capabilities.ranges[setter.setting]:
            getattr(driver, setter.write)(value)
            assert abs(getattr(driver, setter.read)() - value) <= setter.tolerance

    def test_a_move_outside_the_envelope_moves_nothing(self, driver: Any, setter: _Setter, settings: DeviceSettings) -> None:
        """Beyond either end, and for nan, EnvelopeError names the device and the device stands where it stood."""
        low, high = driver.capabilities.ranges[setter.setting]
        before = getattr(driver, setter.read)()
        for value in (low - 1, high + 1, math.nan):
            with pytest.raises(EnvelopeError, match=settings.name):
                getattr(driver, setter.write)(value)
        assert getattr(driver, setter.read)() == before

    def test_offers_no_way_around_its_setter(self, driver: Any) -> None:
        """A role exposes no raw write."""
        assert not _WAYS_AROUND_THE_SETTER & {name for name in dir(driver) if not name.startswith("_")}
