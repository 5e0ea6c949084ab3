"""What a recording shows as tables and a plot, as records and reports take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.pipeline.peak import rebinned
from hil.record.model import PlotEntry, PlotMark, TableEntry
from hil.statistics.binomial import clopper_pearson
from hil.testbed.recordings.recording_claims import count_words, findings, sentences, setting_name, time_words

if TYPE_CHECKING:
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = ["correlation_plot", "correlation_table", "error_table", "event_fields", "matrix_table", "window_table"]

_CONFIDENCE = 0.95
_MOST_BARS = 160


def event_fields(entry: TableEntry | PlotEntry) -> dict[str, Any]:
    """What an event of a record says of the entry; whoever records it knows the case."""
    return {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "case"}


def matrix_table(seen: RecordingAnalysis) -> TableEntry:
    """Pairs by channel of either party, with everything that can be said of the recording."""
    return TableEntry(
        title="coincidence matrix",
        columns=tuple(f"Bob {label}" for label in seen.channels.labels("b")),
        rows=seen.matrix,
        row_names=tuple(f"Alice {label}" for label in seen.channels.labels("a")),
        row_title="Alice's channel",
        column_title="Bob's channel",
        sentences=sentences(seen),
        link=seen.link,
    )


def error_table(seen: RecordingAnalysis) -> TableEntry:
    """QBER and visibility of each common setting, and of all: visibility is 1 - 2 QBER, intervals are two-sided."""
    named = [(setting_name(seen, number), *counted) for number, counted in enumerate(seen.groups)]
    named.append(("all sifted", *seen.sifted))
    return TableEntry(
        title="errors and visibility by setting",
        columns=("pairs", "errors", "QBER in % (95 %)", "visibility (95 %)"),
        rows=tuple((pairs, errors, *_error_cells(errors, pairs)) for _, errors, pairs in named),
        row_names=tuple(name for name, *_ in named),
        link=seen.link,
    )


def _error_cells(errors: int, pairs: int) -> tuple[str, str]:
    if not pairs:
        return "–", "–"
    found = clopper_pearson(errors, pairs, _CONFIDENCE, "two")
    qber = [100.0 * ratio for ratio in (found.estimate, found.low, found.high)]
    visibility = [1.0 - 2.0 * ratio for ratio in (found.estimate, found.high, found.low)]
    return "{:.2f} ({:.2f}–{:.2f})".format(*qber), "{:.3f} ({:.3f}–{:.3f})".format(*visibility)


def window_table(seen: RecordingAnalysis) -> TableEntry:
    """What other coincidence windows would count."""
    return TableEntry(
        title="coincidence windows",
        columns=("pairs", "by chance", "to accidentals", "QBER", ""),
        rows=tuple(
            (
                one.pairs,
                count_words(one.accidentals),
                count_words(one.ratio) if one.accidentals else "–",
                f"{100 * one.errors / one.sifted:.2f} %" if one.sifted else "–",
                "used" if one.half_ticks == seen.half_window_ticks else "",
            )
            for one in seen.windows
        ),
        row_names=tuple(time_words((2 * one.half_ticks + 1) * seen.tick_s) for one in seen.windows),
        link=seen.link,
    )


def correlation_table(seen: RecordingAnalysis) -> TableEntry:
    """E of every pair of settings; the angles of settings that have one."""
    angles = [dict(zip(names, seen.channels.angles_deg(party), strict=True)) for names, party in _parties(seen)]
    rows = [
        (
            _with_angle(hers, angles[0][hers]),
            _with_angle(his, angles[1][his]),
            one.same,
            one.opposite,
            f"{one.value:+.3f}" if one.pairs else "–",
            f"{one.variance**0.5:.3f}" if one.pairs else "–",
        )
        for hers, his, one in seen.correlations
    ]
    return TableEntry(
        title="correlations by pair of settings",
        columns=("Alice", "Bob", "same", "opposite", "E", "standard error"),
        rows=tuple(rows),
        link=seen.link,
    )


def _parties(seen: RecordingAnalysis) -> tuple[tuple[tuple[str, ...], str], ...]:
    return (seen.channels.settings_a, "a"), (seen.channels.settings_b, "b")


def _with_angle(name: str, angle_deg: float | None) -> str:
    return name if angle_deg is None else f"{name} ({angle_deg:g}°)"


def correlation_plot(seen: RecordingAnalysis) -> PlotEntry:
    """The correlation histogram around the peak; where a tick is fine, in bins of several."""
    bin_ticks = -(-seen.lags_ticks.size // _MOST_BARS) | 1  # odd, so that one bin has the peak in its middle
    shifted = (seen.lags_ticks - seen.delay_ticks).astype("int64")
    centres, counts = rebinned(shifted, seen.correlation, bin_ticks)
    peak = time_words(seen.delay_ticks * seen.tick_s, sign=True)
    half = float(seen.half_window_ticks)
    bins = "" if bin_ticks == 1 else f" in bins of {time_words(bin_ticks * seen.tick_s)}"
    return PlotEntry(
        title="correlation",
        x=tuple(centres.tolist()),
        y=tuple(float(number) for number in counts),
        x_label=f"from the peak at {peak}, in ticks of {1e12 * seen.tick_s:g} ps",
        y_label=f"pairs of events{bins}",
        style="bars",
        marks=(
            PlotMark(x=-half, label="window from"),
            PlotMark(x=0.0, label="peak"),
            PlotMark(x=half, label="window to"),
        ),
        sentences=findings(seen)[1:3],
        link=seen.link,
    )
