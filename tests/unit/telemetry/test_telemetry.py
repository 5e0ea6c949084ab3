"""Recorder and OpenMetrics text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.errors import UsageError
from hil.telemetry.openmetrics import HELP, exposition, snapshot
from hil.telemetry.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path


def _recorder() -> Recorder:
    recorder = Recorder()
    recorder.record("qkd_qber_ratio", 0.013, 1.0, {"link": "metro"})
    recorder.record("qkd_qber_ratio", 0.014, 2.0, {"link": "metro"})
    recorder.extend("qkd_detector_counts_total", [1.0, 2.0], [5, 9], {"link": "metro", "detector": "z1"})
    recorder.extend("qkd_detector_counts_total", [1.0, 2.0], [4, 8], {"detector": "z0", "link": "metro"})
    recorder.record("qkd_bench_info", 1, 0.0, {"bench": 'the "metro"\n\\'})
    recorder.extend("qkd_auth_rtt_seconds", [1.0, 2.0, 3.0], [0.002, 0.1, 5.0])
    return recorder


def test_series_are_sorted_and_typed() -> None:
    """Series come by name and labels, as float arrays, whatever order they were recorded in."""
    series = _recorder().series()
    assert [one.name for one in series] == sorted(one.name for one in series)
    assert [dict(one.labels)["detector"] for one in series if one.name == "qkd_detector_counts_total"] == ["z0", "z1"]
    assert series[-1].values.tolist() == [0.013, 0.014]
    assert series[-1].times_s.dtype == np.float64


def test_saves_the_same_bytes_and_reads_them_back(tmp_path: Path) -> None:
    """The same samples recorded in another order give the same file; loading gives the same series."""
    first = _recorder().save(tmp_path / "first.npz")
    other = Recorder()
    for one in reversed(_recorder().series()):
        other.extend(one.name, one.times_s, one.values, dict(one.labels))
    second = other.save(tmp_path / "second.npz")
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.npz", "second.npz"]
    loaded = Recorder.load(first)
    assert exposition(loaded) == exposition(_recorder())


def test_refuses_a_foreign_file(tmp_path: Path) -> None:
    """A file of another kind is named."""
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(UsageError, match=f"{name} holds no telemetry"):
            Recorder.load(tmp_path / name)


def test_refuses_malformed_samples() -> None:
    """Bad names and labels, time running backwards and unequal lengths each say what is expected, and nothing is kept."""
    recorder = Recorder()
    with pytest.raises(UsageError, match="such as qkd_qber_ratio"):
        recorder.record("QBER %", 1.0, 0.0)
    with pytest.raises(UsageError, match="'key-id'"):
        recorder.record("qkd_link_up", 1.0, 0.0, {"key-id": "x"})
    recorder.record("qkd_link_up", 1.0, 5.0)
    with pytest.raises(UsageError, match="backwards"):
        recorder.record("qkd_link_up", 1.0, 4.0)
    with pytest.raises(UsageError, match="2 times for 1 values"):
        recorder.extend("qkd_link_up", [6.0, 7.0], [1.0])
    assert recorder.series()[0].times_s.tolist() == [5.0]


def test_exposition_is_openmetrics() -> None:
    """Types, units, escaped labels, samples with timestamps, and the end mark, as OpenMetrics 1.0 has them."""
    text = exposition(_recorder(), epoch_s=1000.0)
    assert text.endswith("# EOF\n")
    assert "# TYPE qkd_detector_counts counter\n" in text
    assert 'qkd_detector_counts_total{detector="z0",link="metro"} 8.0 1002.0\n' in text
    assert "# TYPE qkd_qber_ratio gauge\n# UNIT qkd_qber_ratio ratio\n# HELP qkd_qber_ratio " in text
    assert 'qkd_bench_info{bench="the \\"metro\\"\\n\\\\"} 1.0 1000.0\n' in text
    line = re.compile(
        r"# (TYPE|UNIT|HELP|EOF).*"
        r'|[a-z_0-9]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? (-?[0-9.e+-]+|NaN|[+-]Inf) [0-9.]+'
    )
    assert all(line.fullmatch(one) for one in text.splitlines())


def test_latencies_become_histograms() -> None:
    """Buckets are cumulative, end at infinity and include the limit; count and sum close the family."""
    text = exposition(_recorder())
    assert "# TYPE qkd_auth_rtt_seconds histogram" in text
    assert 'qkd_auth_rtt_seconds_bucket{le="0.1"} 2 3.0' in text
    assert 'qkd_auth_rtt_seconds_bucket{le="+Inf"} 3 3.0' in text
    assert "qkd_auth_rtt_seconds_count 3 3.0\nqkd_auth_rtt_seconds_sum 5.102 3.0" in text


def test_a_scrape_sees_the_last_values() -> None:
    """Up to its moment, without timestamps; what has not begun is not there; durations are all that came so far."""
    text = snapshot(_recorder(), 1.5)
    assert 'qkd_qber_ratio{link="metro"} 0.013\n' in text
    assert 'qkd_detector_counts_total{detector="z0",link="metro"} 4.0\n' in text
    assert "qkd_auth_rtt_seconds_count 1\n" in text
    assert text.endswith("# EOF\n")
    later = snapshot(_recorder(), 3.0)
    assert 'qkd_qber_ratio{link="metro"} 0.014\n' in later
    assert "qkd_auth_rtt_seconds_count 3\n" in later
    assert "qkd_auth_rtt_seconds" not in snapshot(_recorder(), 0.5)


def test_one_sample_a_moment() -> None:
    """Two samples of one moment give one line, the later one; nan and infinity are spelled as the format has them."""
    recorder = Recorder()
    recorder.extend("qkd_qber_ratio", [1.0, 1.0, 2.0, 3.0], [0.5, 0.1, float("nan"), float("-inf")])
    text = exposition(recorder)
    assert "qkd_qber_ratio 0.5" not in text
    assert "qkd_qber_ratio 0.1 1.0\nqkd_qber_ratio NaN 2.0\nqkd_qber_ratio -Inf 3.0\n" in text
    assert exposition(Recorder()) == "# EOF\n"


def test_known_names_keep_to_base_units() -> None:
    """No known name counts bits, seconds and ratios end their names, and no key identifier is ever a label."""
    assert all(re.fullmatch(r"qkd_[a-z_]+", name) for name in HELP)
    assert not [name for name in HELP if "bits" in name or "percent" in name]
