"""What holds for every test of the framework."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    from hypothesis import settings
except ModuleNotFoundError:
    pass
else:
    # a shared machine takes its time; the limits below end what hangs
    settings.register_profile("hil", deadline=None)
    settings.load_profile("hil")

TIMEOUT_S = 120.0
HERE = Path(__file__).parent
WHOLE_RUNS = HERE / "system"
WHOLE_RUNS_TIMEOUT_S = 300.0


@pytest.fixture(scope="session", autouse=True)
def _hil_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leases, journals and quarantines of the tests' loopback devices lie apart, and containers may break those."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIL_STATE_DIR", str(tmp_path_factory.mktemp("hil-state")))
        patch.setenv("HIL_GUARD", "local")
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test a time limit, if it has none of its own.

    Not by an ini key, which is unknown where a suite is run in the checkout without development tools. pytest reads this file
    there too, so it looks at its own tests only.
    """
    if not config.pluginmanager.hasplugin("timeout"):
        return
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            limit_s = WHOLE_RUNS_TIMEOUT_S if item.path.is_relative_to(WHOLE_RUNS) else TIMEOUT_S
            item.add_marker(pytest.mark.timeout(limit_s))
