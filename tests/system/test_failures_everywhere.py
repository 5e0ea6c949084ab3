"""A failing suite test fails for the same reason however it is started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hil.suites
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_SELECTED = ("-k", "test_quantum_bit_error_rate or test_every_firmware or test_dark_counts or test_every_device_answers")
_SUITES = Path(hil.suites.__path__[0])


def _seen(run: Any) -> dict[str, tuple[Outcome, str]]:
    return {test.case: (test.outcome, test.reason) for test in run.record.tests if test.case.startswith("conformance")}


@pytest.fixture
def misaligned(changed_bench: Callable[..., Path]) -> Path:
    """A link that misses its QBER limit."""
    return changed_bench("[device.bob]", "actual = { misalignment = 0.06 }")


def test_the_same_failure_everywhere(hil_run: Callable[..., Any], misaligned: Path) -> None:
    """Serially, under two workers, by path from the folder above the suites, and as one of two suites."""
    serial = hil_run(*_SELECTED, bench=misaligned)
    assert serial.code == 1, serial.output
    failed = {case: reason for case, (outcome, reason) in _seen(serial).items() if outcome is Outcome.FAIL}
    assert list(failed) == ["conformance.test_conformance_keys::test_quantum_bit_error_rate[metro-25km-metro]"]
    assert "above the limit of 2 %" in next(iter(failed.values()))
    elsewhere = {
        "two workers": hil_run(*_SELECTED, "-n", "2", bench=misaligned),
        "by path": hil_run(*_SELECTED, bench=misaligned, cwd=_SUITES.parent, paths=(_SUITES / "conformance",)),
        "two suites": hil_run(*_SELECTED, bench=misaligned, suites=("smoke", "conformance")),
        "two suites, two workers": hil_run(*_SELECTED, "-n", "2", bench=misaligned, suites=("conformance", "smoke")),
    }
    for how, run in elsewhere.items():
        assert run.code == 1, f"{how}: exit {run.code}\n{run.output}"
        assert _seen(run) == _seen(serial), how
