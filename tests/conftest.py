"""What holds for every test of the framework."""

from __future__ import annotations

import pytest

TIMEOUT_S = 120.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test without a timeout of its own one; an ini key would be unknown where users run suites in the checkout."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
