"""The pytest plugin: declares options, hooks, markers and fixtures, and delegates the rest.

Unused it costs next to nothing: the parts that open benches and write records are imported only once a bench is named.
"""

from __future__ import annotations

from importlib import import_module

import pytest

pytest.register_assert_rewrite("hil.suites", "hil.fixtures")

from hil.fixtures.places import NEEDS_BENCH  # noqa: E402  (as below)
from hil.plugin import options  # noqa: E402  (rewriting is registered before anything it covers could be imported)

__all__ = ["pytest_addhooks", "pytest_addoption", "pytest_configure"]

FIXTURES = ("bench", "transceivers", "detectors", "channels", "keys", "chains", "chaos", "slo", "telemetry", "clock")
"""Modules of hil.fixtures; as ``pytest_plugins``, each would have pytest look through all installed packages again."""

MARKERS = (
    "hil_level(level): skip where the link shows less raw data than this evidence level, L0 to L3",
    "hil_needs(*roles, features=()): skip where the link lacks one of these device roles ('twin': where it is not simulated)",
    "hil_disturbs(*roles, benches=()): breaks these roles on purpose; on hardware only where the bench file allows it",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Every option, with its ini key and environment variable."""
    options.declare(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """The hooks that conftests and other plugins may implement."""
    from hil.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers, offer the fixtures and, where a bench is named, start the parts that use it."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    for name in FIXTURES:
        config.pluginmanager.register(import_module(f"hil.fixtures.{name}"), f"hil.fixtures.{name}")
    chosen = options.resolve(config)
    if chosen.benches:
        from hil.plugin.activation import activate

        activate(config, chosen)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in words what a green run without a bench left out; pytest itself shows reasons only when asked."""
    skipped = terminalreporter.getreports("skipped")
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    if number := sum(NEEDS_BENCH in reason for reason in reasons):
        said = "1 test was skipped: it" if number == 1 else f"{number} tests were skipped: each"
        terminalreporter.write_line(f"hil: {said} {NEEDS_BENCH}", yellow=True)
