"""What holds for every test of the framework."""

from __future__ import annotations

from pathlib import Path

import pytest

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
