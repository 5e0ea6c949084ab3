"""The tables of an analysed recording, in the order in which a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.record.model import TableEntry
from hil.testbed.recordings.recording_claims import count_words, rate_words, tick_words, time_words
from hil.testbed.recordings.recording_tables import correlation_table, error_table, matrix_table, window_table

if TYPE_CHECKING:
    from hil.drivers.recordings.gather import Gathered
    from hil.drivers.recordings.stream import TagFile
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = ["tables"]


def tables(seen: RecordingAnalysis, files: tuple[TagFile, ...], tags: Gathered) -> tuple[TableEntry, ...]:
    """Files, singles, peak, windows, matrix with its sentences, errors; correlations where an angle is known."""
    known = any(angle is not None for party in "ab" for angle in seen.channels.angles_deg(party))
    found = (_files(files, tags, seen.link), _singles(seen), _peak(seen), window_table(seen), error_table(seen))
    return (*found, *((correlation_table(seen),) if known else ()), matrix_table(seen))


def _files(files: tuple[TagFile, ...], tags: Gathered, link: str) -> TableEntry:
    parties = ("Alice and Bob",) if len(files) == 1 else ("Alice", "Bob")
    over = tuple(f"passed over: {number:,} {what}" for what, number in sorted(tags.passed_over.items()))
    return TableEntry(
        title="files",
        columns=("events of", "format", "tick"),
        rows=tuple(
            (party, file.format, f"{float(10**12 * file.tick):.10g} ps") for file, party in zip(files, parties, strict=True)
        ),
        row_names=tuple(file.path.name for file in files),
        sentences=over,
        link=link,
    )


def _singles(seen: RecordingAnalysis) -> TableEntry:
    rows: list[tuple[int, str]] = []
    names: list[str] = []
    for party, name, counts in (("a", "Alice", seen.singles_alice), ("b", "Bob", seen.singles_bob)):
        names += [*(f"{name} {label}" for label in seen.channels.labels(party)), f"{name}, all"]
        rows += [(number, f"{number / seen.duration_s:,.0f}") for number in (*counts, sum(counts))]
    return TableEntry(
        title="singles", columns=("events", "per second"), rows=tuple(rows), row_names=tuple(names), link=seen.link
    )


def _peak(seen: RecordingAnalysis) -> TableEntry:
    chance, error = seen.accidentals
    width = (2 * seen.half_window_ticks + 1) * seen.tick_s
    rows = (
        ("recorded", time_words(seen.duration_s)),
        (
            "delay, Bob minus Alice",
            f"{time_words(seen.delay_ticks * seen.tick_s, sign=True)} ({tick_words(seen.delay_ticks)} ticks)",
        ),
        ("rate of his clock to hers", rate_words(seen)),
        ("wander about that", time_words(seen.clock.wander_ticks * seen.tick_s) if seen.clock.wander else "none seen"),
        ("width of the peak (FWHM)", time_words(seen.fwhm_ticks * seen.tick_s)),
        ("coincidence window", f"{time_words(width)} ({2 * seen.half_window_ticks + 1:,} ticks)"),
        ("pairs in it", f"{seen.pairs:,} ({seen.pairs / seen.duration_s:,.0f} per second)"),
        ("accidentals in it", f"{count_words(chance)} ± {error:.2g}"),
        ("coincidences to accidentals", count_words(seen.ratio) if chance else "no accidental counted"),
    )
    names, found = zip(*rows, strict=True)
    return TableEntry(
        title="coincidence peak", columns=("found",), rows=tuple((one,) for one in found), row_names=names, link=seen.link
    )
