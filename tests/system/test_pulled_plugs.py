"""The plug of each device of a bench, pulled in the middle of a run: an ERROR that names it, and a bench that is safe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hil.bench import load
from hil.bench.model import KmeDevice
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEVICES = [name for name, device in load("metro-25km").device.items() if not isinstance(device, KmeDevice)]

CONFTEST = """
import json
from pathlib import Path

def pytest_hil_safe_state(config, testbed):
    "How every device stands once the test is over: of the world, for a device without power does not say."
    world = testbed._twins.world
    standing = {
        "emitting": world.standing("alice", "emitting"),
        "biased": world.standing("bob", "biased"),
        "attenuation_db": world.standing("voa", "attenuation_db"),
        "channel": world.standing("switch", "channel"),
    }
    with Path("stands.jsonl").open("a") as file:
        file.write(json.dumps({name: float(value) for name, value in standing.items()}) + "\\n")
"""

TESTS = f"""
import pytest

@pytest.mark.parametrize("device", {DEVICES!r})
def test_pulled(link, device):
    link.up()
    bench = link.testbed
    bench.clock.call_at(bench.clock.now_ns() + 500_000_000, lambda: bench.control.unplug(device))
    link.run("1 s")

def test_afterwards(bench):
    assert {{name: device.identity() for name, device in bench.devices.items()}} == bench.identities
"""


def test_each_is_an_error_with_its_name_and_the_bench_is_safe(tmp_path: Path, hil_run: Callable[..., Any]) -> None:
    """Light off or blocked, bias off, whoever lost its power; and the next test finds every device alive."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (project / "test_plugs.py").write_text(TESTS, encoding="utf-8")
    done = hil_run(cwd=project, paths=(project / "test_plugs.py",))
    assert done.code == 10, done.output
    tests = {test.case: test for test in done.record.tests}
    for name in DEVICES:
        (test,) = (test for case, test in tests.items() if case.endswith(f"-{name}]"))
        assert test.outcome is Outcome.ERROR, test
        assert f"{name}: " in test.reason, test.reason
    (last,) = (test for case, test in tests.items() if "test_afterwards" in case)
    assert last.outcome is Outcome.PASS, last
    stands = [json.loads(line) for line in (project / "stands.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(stands) == len(DEVICES) + 1
    for pulled, standing in zip([*DEVICES, "nobody"], stands, strict=True):
        assert not standing["emitting"], (pulled, standing)
        assert not standing["biased"], (pulled, standing)
        if pulled != "voa":
            assert standing["attenuation_db"] == 60.0, (pulled, standing)
        if pulled != "switch":
            assert standing["channel"] == 4, (pulled, standing)
