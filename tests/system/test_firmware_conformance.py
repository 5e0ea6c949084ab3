"""Conformance of a device whose firmware is another than the bench file pins: the identity tests fail, and name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLUGIN = """
import pytest

@pytest.fixture(autouse=True)
def mismatch(bench):
    bench.control.inject("bob", "firmware_code", 3_001_004.0)
    yield
    bench.control.inject("bob", "firmware_code", 0.0)
"""


def test_the_identity_tests_fail_and_name_the_device(tmp_path: Path, hil_run: Callable[..., Any]) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "updated_firmware.py").write_text(PLUGIN, encoding="utf-8")
    done = hil_run("-p", "updated_firmware", "-k", "firmware_is_in_its_range or is_the_one_the_bench_names", cwd=project)
    found = {test.case.rpartition("::")[2]: test for test in done.record.tests}
    (range_,) = (test for name, test in found.items() if "firmware_is_in_its_range" in name)
    (names,) = (test for name, test in found.items() if "is_the_one_the_bench_names" in name)
    assert range_.outcome is Outcome.FAIL, done.output
    assert "bob has firmware 3.1.4, the bench file pins ~=2.4" in done.output
    assert names.outcome is Outcome.PASS, names
