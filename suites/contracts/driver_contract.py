"""What every instrument driver has to keep, whoever wrote it, and with it the device behind it, real or simulated.

Subclass :class:`DriverContract` in a test file of yours::

    from hil.suites.contracts.driver_contract import DriverContract

    class TestMyMeter(DriverContract):
        @pytest.fixture
        def spec(self):
            return SPEC

        @pytest.fixture
        def settings(self, my_simulated_meter):
            return DeviceSettings("meter", my_simulated_meter.resource, VirtualClock())

A relay is put on the wire between the two, which loses, damages and delays what it is to pass on. Two more fixtures let more
be checked: ``papers`` (:class:`~hil.suites.contracts.case.Papers`, what is documented of the instrument's bytes) and ``plug``
(takes the device's power, and gives it again). What cannot be checked is skipped, and says why. A failure at open makes all
the others fail; read that one first. New versions may add checks.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hil.suites.contracts.case import Case, Papers
from hil.suites.contracts.device_checks import DEVICE_CHECKS
from hil.suites.contracts.role_checks import ROLE_CHECKS
from hil.suites.contracts.wire_checks import WIRE_CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.ports.spec import DeviceSettings, DriverSpec
    from hil.suites.contracts.case import Check, Plug

__all__ = ["CHECKS", "DriverContract"]

CHECKS: tuple[Check, ...] = (*ROLE_CHECKS, *WIRE_CHECKS, *DEVICE_CHECKS)


def _refused_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"


class DriverContract:
    """Checks of one instrument. Provide ``spec`` and ``settings`` (of a device that answers, real or simulated)."""

    @pytest.fixture
    def spec(self) -> DriverSpec:
        """The driver under test."""
        raise NotImplementedError("give the fixture spec: the driver's SPEC")

    @pytest.fixture
    def settings(self) -> DeviceSettings:
        """Settings under which the driver reaches a device that answers."""
        raise NotImplementedError("give the fixture settings: DeviceSettings of a device that answers")

    @pytest.fixture
    def papers(self) -> Papers:
        """What is documented of the instrument; nothing unless given."""
        return Papers()

    @pytest.fixture
    def plug(self) -> Plug | None:
        """What takes the device's power; nothing unless given."""
        return None

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
    def case(
        self, spec: DriverSpec, settings: DeviceSettings, dead: DeviceSettings, papers: Papers, plug: Plug | None
    ) -> Iterator[Case]:
        """All of it, with a relay on the wire."""
        with Case(spec, settings, dead, papers, plug) as case:
            yield case

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_keeps(self, check: Check, case: Case) -> None:
        """One promise; its name and the docstring of the check say which."""
        check(case)
