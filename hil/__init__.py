"""Hardware-in-the-loop tests for quantum key distribution links.

Five sibling folders of a checkout (``device_sims``, ``fixtures``, ``suites``, ``reports``, ``ci``) install under this
package. The folder ``hil`` alone is half of it: install first (``pip install -e .``).

The names below are what a test file annotates with; they load on first use, so that importing ``hil`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.testbed.detector import Detector
    from hil.testbed.injection.chaos import Chaos
    from hil.testbed.link import Link
    from hil.testbed.slo import Slo
    from hil.testbed.testbed import Testbed as Bench
    from hil.verdict import Outcome, Verdict

__all__ = ["Bench", "Chaos", "Detector", "Link", "Outcome", "Slo", "Verdict"]

_HOMES = {
    "Bench": ("hil.testbed.testbed", "Testbed"),
    "Chaos": ("hil.testbed.injection.chaos", "Chaos"),
    "Detector": ("hil.testbed.detector", "Detector"),
    "Link": ("hil.testbed.link", "Link"),
    "Outcome": ("hil.verdict", "Outcome"),
    "Slo": ("hil.testbed.slo", "Slo"),
    "Verdict": ("hil.verdict", "Verdict"),
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hil' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
