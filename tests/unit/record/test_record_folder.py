"""Run folders: where a run lands, and how the last one is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.errors import UsageError
from hil.record.folder import RunFolder, new_run_id
from hil.record.reader import find_run


def test_a_run_lands_under_its_root_and_latest_points_at_it(tmp_path):
    """Each run has a folder of its own; `latest` is the last one made; the root keeps itself out of version control."""
    first = RunFolder.create(tmp_path / ".hil", run_id="a")
    second = RunFolder.create(tmp_path / ".hil", run_id="b")
    assert first.path == tmp_path / ".hil" / "runs" / "a"
    assert second.path.is_dir()
    assert (tmp_path / ".hil" / "latest").resolve() == second.path
    assert (tmp_path / ".hil" / ".gitignore").read_text("utf-8") == "*\n"
    assert sorted(path.name for path in (tmp_path / ".hil").iterdir()) == [".gitignore", "latest", "runs"]


def test_without_symbolic_links_latest_is_a_text_file(tmp_path, monkeypatch):
    """Where the system makes no symbolic links, `latest` is a text file that is followed just as well."""

    def refuse(self, target, target_is_directory=False):
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    RunFolder.create(tmp_path, run_id="a")
    run = RunFolder.create(tmp_path, run_id="b")
    assert (tmp_path / "latest").read_text("utf-8") == "runs/b\n"
    assert find_run("latest", tmp_path).resolve() == run.path.resolve()


def test_a_folder_of_the_users_named_latest_is_left_alone(tmp_path):
    """A real folder called latest is not replaced, and the run is recorded all the same."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").write_text("x", "utf-8")
    assert RunFolder.create(tmp_path, run_id="a").path.is_dir()
    assert (tmp_path / "latest" / "mine").exists()
    assert list(tmp_path.glob(".latest*")) == []


def test_an_exact_folder_replaces_an_earlier_run_and_nothing_else(tmp_path):
    """`--hil-record DIR` puts the run into DIR itself; an earlier run's files go, a stranger's stay, .hil is not touched."""
    exact = tmp_path / "out"
    exact.mkdir()
    for name in ("events-gw0.jsonl", "record.json", "mine.txt"):
        (exact / name).write_text("x", "utf-8")
    (exact / "telemetry").mkdir()
    (exact / "telemetry" / "old.npz").write_bytes(b"x")
    folder = RunFolder.create(tmp_path / ".hil", exact=exact)
    assert folder.path == exact
    assert [path.name for path in exact.iterdir()] == ["mine.txt"]
    assert not (tmp_path / ".hil").exists()


def test_what_cannot_be_a_run_folder_is_refused(tmp_path):
    """A file where the folder should be, and a run id that is taken, are usage errors."""
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(UsageError, match="found a file"):
        RunFolder.create(tmp_path, exact=tmp_path / "file")
    RunFolder.create(tmp_path, run_id="a")
    with pytest.raises(UsageError, match="recorded already"):
        RunFolder.create(tmp_path, run_id="a")


def test_run_ids_sort_by_time_and_do_not_collide():
    """A run id starts with the UTC time and ends at random."""
    ids = {new_run_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", run_id) for run_id in ids)
