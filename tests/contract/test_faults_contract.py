"""Every shipped fault keeps the fault contract, on the twin of the metro link; faults.toml says how each is injected."""

from __future__ import annotations

import pkgutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil import discovery, faults
from hil.bench import shipped
from hil.suites.contracts.fault_contract import FaultContract
from hil.testbed.delivery import KeyDelivery
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.ports.spec import FaultSpec
    from hil.testbed.link import Link

ROWS: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    with Testbed.open("metro-25km", seed=20) as opened:
        yield opened


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The same link with a receiver that tells times."""
    text = shipped()["metro-25km"].read_text(encoding="utf-8")
    temperature = 'detector_temperature = "-40 degC"\n'
    assert temperature in text
    file = tmp_path_factory.mktemp("tagged") / "tagged.toml"
    file.write_text(text.replace(temperature, f'{temperature}timing = "tags"\njitter_sigma = "50 ps"\n'), encoding="utf-8")
    with Testbed.open(file, seed=20) as opened:
        yield opened


class OnTheTwin(FaultContract):
    """Each check is a case of its own on one twin."""

    fault = ""

    @pytest.fixture
    def spec(self) -> FaultSpec:
        spec: FaultSpec = discovery.find("fault", self.fault)
        return spec

    @pytest.fixture
    def chaos(self, testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        testbed.begin(request.node.name)
        yield Chaos(testbed, testbed.link("metro"))
        testbed.end()


class WithTags(OnTheTwin):
    """Each check has a receiver with a clock of its own."""

    @pytest.fixture
    def chaos(self, tagged: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        tagged.begin(request.node.name)
        yield Chaos(tagged, cast("Link", tagged.link("metro")))
        tagged.end()


class WithKeys(OnTheTwin):
    """Each check has key management entities whose certificates can be changed."""

    @pytest.fixture
    def chaos(self, testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Chaos]:
        testbed.begin(request.node.name)
        link = testbed.link("metro")
        KeyDelivery(cast("Link", link))
        yield Chaos(testbed, cast("Link", link))
        testbed.end()


DETECTORS = ("z0", "z1", "x0", "x1")
BENCHES = {"twin": OnTheTwin, "tags": WithTags, "keys": WithKeys}


def bound(name: str, row: dict[str, Any]) -> type[FaultContract]:
    """The contract's checks of one fault."""
    given = {key: row[key] for key in ("arguments", "zero", "beyond") if key in row}
    told = {"fault": name, "stands": settings(row["stands"]), "__doc__": row["what"]}
    return type(class_name(name), (BENCHES[row.get("bench", "twin")],), given | told)


def settings(stands: dict[str, dict[str, float]]) -> dict[tuple[str, str], float]:
    """By device and name."""
    alike = {("bob", f"{one}.{name}"): value for name, value in stands.get("every_detector", {}).items() for one in DETECTORS}
    return alike | {
        (device, name): value for device, told in stands.items() if device != "every_detector" for name, value in told.items()
    }


def class_name(fault: str) -> str:
    return "Test" + fault.title().replace("-", "")


# as classes of this module they are collected like any other that binds the contract
globals().update({class_name(name): bound(name, row) for name, row in ROWS.items()})


def test_every_shipped_fault_is_bound() -> None:
    """A new fault without its contract fails here."""
    shipped = {module.name.replace("_", "-") for module in pkgutil.iter_modules(faults.__path__) if module.name[0] != "_"}
    assert shipped == ROWS.keys()


def test_no_row_says_what_nothing_reads() -> None:
    """A misspelt key would inject the fault with its defaults."""
    known = {"what", "bench", "arguments", "zero", "beyond", "stands"}
    assert {name: row.keys() - known for name, row in ROWS.items() if row.keys() - known} == {}
