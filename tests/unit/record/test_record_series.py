"""Series: written once, read back unchanged, named with their unit."""

from __future__ import annotations

import numpy as np
import pytest

from hil.errors import UsageError
from hil.record.series import describe, read_series, save_series, unit_of
from hil.record.writer import RunFolder

CASE = "conformance.test_chaos::test_cut[metro/über long name: " + "x" * 200 + "]"


def test_series_come_back_as_they_went(tmp_path):
    """Times and values survive bit by bit, gaps included, and the file says whose they are."""
    series = {
        "metro.qber_ratio": (np.array([1.0, 2.0]), np.array([0.013, np.nan])),
        "stage.temperature_c": (np.arange(3.0), np.ones(3)),
    }
    path = save_series(RunFolder(tmp_path), CASE, "metro", series)
    found = read_series(path)
    assert list(found) == list(series)
    for name, (times, values) in series.items():
        np.testing.assert_array_equal(found[name][0], times)
        np.testing.assert_array_equal(found[name][1], values)
    entry = describe(path, tmp_path)
    assert (entry.case, entry.link) == (CASE, "metro")
    assert [(column.name, column.unit, column.points) for column in entry.columns] == [
        ("metro.qber_ratio", "ratio", 2),
        ("stage.temperature_c", "c", 3),
    ]
    assert (entry.columns[1].start_s, entry.columns[1].end_s) == (0.0, 2.0)


def test_file_names_are_safe_and_never_reused(tmp_path):
    """Any case id makes a short plain file name; two runs of one link in one test make two files."""
    folder = RunFolder(tmp_path)
    series = {"qber_ratio": (np.arange(2.0), np.zeros(2))}
    names = [save_series(folder, CASE, "metro", series).name for _ in range(2)]
    assert len(set(names)) == 2
    assert all(len(name) < 120 and name.isascii() and not set(name) & set('/\\:*?"<>| ') for name in names)
    other = save_series(folder, CASE.replace("/", "?"), "metro", series).name
    assert other not in names
    assert sorted(path.name for path in folder.telemetry.iterdir()) == sorted([*names, other])


def test_a_series_without_a_unit_is_refused(tmp_path):
    """A name must end with its unit, and times and values must be as many."""
    with pytest.raises(UsageError, match=r"'metro\.qber': its name ends with no unit"):
        unit_of("metro.qber")
    with pytest.raises(UsageError, match="ends with no unit"):
        save_series(RunFolder(tmp_path), CASE, "metro", {"qber": (np.zeros(1), np.zeros(1))})
    with pytest.raises(UsageError, match="two rows of one length"):
        save_series(RunFolder(tmp_path), CASE, "metro", {"qber_ratio": (np.zeros(2), np.zeros(1))})


def test_a_file_that_is_no_series_is_named(tmp_path):
    """A broken telemetry file is a usage error with its path, not a traceback of numpy's."""
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(UsageError, match=r"x\.npz: cannot read the series"):
        read_series(tmp_path / "x.npz")
