"""Tapes through the plugin: recorded into the run's folder, replayed from it, and what a replay says it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.record.reader import read_record
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEST = "def test_far(bench):\n    bench.device('voa').set_attenuation_db({value})\n"


def test_a_replay_decides_nothing_and_finds_a_change(tmp_path: Path, hil_run: Callable[..., Any]) -> None:
    """PASS when recorded; SKIPPED, exit code 11 and "replayed" per device when replayed; ERROR once the setpoint changed."""
    file, tapes = tmp_path / "test_far.py", str(tmp_path / "tapes")
    file.write_text(TEST.format(value=7), encoding="utf-8")
    done = hil_run("--hil-tape=record", "--hil-tape-dir", tapes, cwd=tmp_path, paths=(file,))
    assert done.code == 0, done.output
    again = hil_run("--hil-tape=replay", "--hil-tape-dir", tapes, cwd=tmp_path, paths=(file,))
    assert again.code == 11, again.output
    record = read_record(again.folder)
    assert [test.outcome for test in record.tests] == [Outcome.SKIPPED]
    assert "replayed from a tape, not measured" in record.tests[0].reason
    assert record.devices
    assert all(device.replayed and device.simulated for device in record.devices)
    file.write_text(TEST.format(value=8), encoding="utf-8")
    changed = hil_run("--hil-tape=replay", "--hil-tape-dir", tapes, cwd=tmp_path, paths=(file,))
    assert changed.code == 10, changed.output
    reason = changed.record.tests[0].reason
    assert "voa: exchange" in reason
    assert r"expected b'A7.00\r', sent b'A8.00\r'" in reason
