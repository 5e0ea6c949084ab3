"""Every shipped fault keeps the fault contract, on the twin of the metro link."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from hil import faults
from hil.faults import dark_count_spike, fiber_cut, thermal_drift
from hil.suites.contracts.fault_contract import FaultContract
from hil.testbed.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.ports.spec import FaultSpec


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km", seed=20) as opened:
        yield opened


class OnTheTwin(FaultContract):
    """Each check is a case of its own on one twin."""

    @pytest.fixture
    def chaos(self, testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        testbed.begin(request.node.name)
        yield Chaos(testbed, testbed.link("metro"))
        testbed.end()


class TestFiberCut(OnTheTwin):
    """The switch to its dark channel."""

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return fiber_cut.SPEC


class TestThermalDrift(OnTheTwin):
    """The set point by 2 K."""

    arguments: ClassVar[dict[str, Any]] = {"delta": "2 K"}
    zero: ClassVar[dict[str, Any] | None] = {"delta_k": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"delta_k": 35.0}  # 30 + 35 degC, above the envelope's 60 degC

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return thermal_drift.SPEC


class TestDarkCountSpike(OnTheTwin):
    """20 kHz more in every detector."""

    arguments: ClassVar[dict[str, Any]] = {"rate": "20 kHz"}
    zero: ClassVar[dict[str, Any] | None] = {"rate_hz": 0.0}
    beyond: ClassVar[dict[str, Any] | None] = {"rate_hz": -1.0}

    @pytest.fixture
    def spec(self) -> FaultSpec:
        return dark_count_spike.SPEC


def test_every_shipped_fault_is_bound() -> None:
    """A new fault without its contract fails here."""
    shipped = {module.name.replace("_", "-") for module in pkgutil.iter_modules(faults.__path__) if module.name[0] != "_"}
    assert shipped == {fiber_cut.SPEC.name, thermal_drift.SPEC.name, dark_count_spike.SPEC.name}
