"""A survey through the link: what it returns, what it leaves in the record, and where there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import MissingCapabilityError, UsageError
from hil.testbed.surveying import survey
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.testbed.link import Link

    from .conftest import Notebook

DRIFT = """
[link.metro.drift]
misalignment_per_day = 0.04
"""


def _open(write_bench: Callable[..., Path], tmp_path: Path, log: Any = None) -> Testbed:
    file = write_bench(tmp_path / "drifting.toml")
    file.write_text(file.read_text(encoding="utf-8") + DRIFT, encoding="utf-8")
    return Testbed.open(file, seed=4, log=log)


def test_survey_shows_the_declared_drift(write_bench: Callable[..., Path], tmp_path: Path, fresh_notebook: Notebook) -> None:
    """0.04 of misalignment a day: halfway through the second day 0.06 more, of the 98.5 % of the bits that are the light's."""
    with _open(write_bench, tmp_path, fresh_notebook) as testbed:
        testbed.begin("drift")
        link = cast("Any", testbed.link("metro"))
        found = link.survey("2 d", every="12 h", window="200 ms")
        before_ns = testbed.clock.now_ns()
        again = link.survey("2 d", every="12 h", window="200 ms", workers=2)
        assert testbed.clock.now_ns() == before_ns
        testbed.end()
    assert found.times_s.tolist() == [0.0, 43_200.0, 86_400.0, 129_600.0]
    assert found.counts.shape == (4, 4)
    assert np.array_equal(found.errors, again.errors)
    added = found.qber[3] - found.qber[0]
    assert added == pytest.approx(0.06 * 0.985, abs=0.004)
    (first, second) = fresh_notebook.of("plot")
    assert first == second
    assert first["y"] == pytest.approx(found.qber.tolist())


def test_survey_of_another_test_is_another(write_bench: Callable[..., Path], tmp_path: Path) -> None:
    """Draws are keyed by run seed, bench and case."""
    with _open(write_bench, tmp_path) as testbed:
        counts = []
        for case in ("one", "two", "one"):
            testbed.begin(case)
            counts.append(cast("Any", testbed.link("metro")).survey("2 min").counts)
        testbed.end()
    assert np.array_equal(counts[0], counts[2])
    assert not np.array_equal(counts[0], counts[1])


def test_survey_takes_a_simulated_link(link: Link) -> None:
    """Time of a real device cannot be skipped over; lengths have to be lengths."""
    real = SimpleNamespace(
        name="metro", device_names=("alice", "bob"), testbed=SimpleNamespace(simulated_devices=frozenset({"bob"}))
    )
    with pytest.raises(MissingCapabilityError, match="alice of metro is real"):
        survey(cast("Any", real), "1 d", "1 min", "10 ms")
    with pytest.raises(UsageError, match="windows that do not overlap"):
        link.survey("1 min", every="1 ms")
