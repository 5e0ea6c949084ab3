"""Analyse a recording of photon pairs: delay, coincidences, error rates, visibility and CHSH, from one file or two."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hil.cli._together import Together
from hil.errors import SynchronisationError, UsageError
from hil.units import parse

if TYPE_CHECKING:
    import argparse

    from hil.drivers.recordings.gather import Gathered
    from hil.drivers.recordings.stream import TagFile
    from hil.ports.channel_map import ChannelMap
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = ["HELP", "declare", "execute"]

HELP = "analyse a recording of photon pairs: coincidences, error rates, visibility, CHSH"
_FINEST = 10**16
_NAME = "recording"


def declare(parser: argparse.ArgumentParser) -> None:
    """The files, what they do not say themselves, and where the answer goes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="time tags of both parties, or Alice's")
    parser.add_argument("file_b", metavar="FILE2", type=Path, nargs="?", help="Bob's, where they have a file of their own")
    parser.add_argument("--format", default="", metavar="NAME", help="format of the files; default found by their first bytes")
    parser.add_argument(
        "--tick", metavar="TIME", help="length of a tick, such as '156.25 ps', where the format does not say it"
    )
    parser.add_argument(
        "--window", metavar="TIME", help="full width of the coincidence window; default six standard deviations of the peak"
    )
    parser.add_argument(
        "--channels",
        metavar="MAP",
        help="whose each channel is: CHANNEL=PARTY:SETTING:BIT[@DEGREES], separated by blanks, as '0=a:Z:0 1=a:Z:1@90'",
    )
    parser.add_argument("--seconds", metavar="S", type=float, help="only the first S seconds of each file")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with plot and tables, too")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def execute(arguments: argparse.Namespace) -> int:
    """Read, search, count and print; what was asked wrongly is said before anything is read."""
    files, channels, window_s = _asked(arguments)
    tags = _gathered(files, channels, arguments)
    analysis = _analysed(tags, channels, window_s)
    if arguments.json:
        from hil.cli._analysis_json import as_json

        print(as_json(analysis, files, tags))
    else:
        from hil.cli._analysis_text import print_analysis

        print_analysis(analysis, files, tags)
    if arguments.html is not None:
        _write_page(arguments.html, analysis, files, tags)
        if not arguments.json:
            print(f"page: {arguments.html}")
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[tuple[TagFile, ...], ChannelMap, float]:
    from hil.drivers.recordings.formats import open_tags
    from hil.ports.channel_map import default_channels, parse_channels

    together = Together()
    tick = together.ask(_time, arguments.tick, "--tick")
    window_s = together.ask(_time, arguments.window, "--window")
    together.ask(_seconds, arguments.seconds)
    together.ask(_folder_of, arguments.html)
    paths = [path for path in (arguments.file, arguments.file_b) if path is not None]
    words = (arguments.channels or "").replace(",", " ").split()
    read = partial(parse_channels, words) if words else default_channels
    channels = together.ask(partial(read, files=len(paths)))
    exact = Fraction(tick).limit_denominator(_FINEST) if tick else None
    files = [] if tick is None else [together.ask(open_tags, path, arguments.format, exact) for path in paths]
    together.settle()
    assert channels is not None
    assert window_s is not None
    return tuple(file for file in files if file is not None), channels, window_s


def _seconds(seconds: float | None) -> None:
    if seconds is not None and not seconds > 0:
        raise UsageError(f"--seconds {seconds:g}: expected a number above zero")


def _folder_of(page: Path | None) -> None:
    if page is not None and not page.absolute().parent.is_dir():
        raise UsageError(f"--html {page}: there is no folder {page.parent}; make it first")


def _time(text: str | None, option: str) -> float:
    """In seconds; 0 where it was not given."""
    if text is None:
        return 0.0
    try:
        value = parse(text, "time")
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error
    if not value > 0:
        raise UsageError(f"{option} {text}: expected a time above zero, such as '1 ns'")
    return value


def _gathered(files: tuple[TagFile, ...], channels: ChannelMap, arguments: argparse.Namespace) -> Gathered:
    from hil.drivers.recordings.gather import gather

    try:
        return gather(files, channels, seconds=arguments.seconds)
    except OSError as error:
        raise UsageError(f"cannot read the recording: {error}; check the file and its permissions") from error


def _analysed(tags: Gathered, channels: ChannelMap, window_s: float) -> RecordingAnalysis:
    from hil.pipeline.pairs import PairSettings
    from hil.pipeline.synchronisation import SearchLimits, synchronise
    from hil.testbed.recordings.recorded_link import half_window_ticks
    from hil.testbed.recordings.recording_analysis import analyse

    tick_s = float(tags.tick)
    settings = PairSettings(half_window_ticks(window_s, tick_s) if window_s else None)
    try:
        found = synchronise(
            tags.alice.ticks, tags.bob.ticks, alice_channel=tags.alice.channel, limits=SearchLimits.for_tick(tick_s)
        )
    except SynchronisationError as error:
        raise SynchronisationError(f"{error}. Channels, tick and length are --channels, --tick and --seconds") from error
    return analyse(_NAME, (tags.alice, tags.bob), channels, found, tick_s=tick_s, half_window=settings.half_window(found))


def _write_page(page: Path, analysis: RecordingAnalysis, files: tuple[TagFile, ...], tags: Gathered) -> None:
    from hil.cli._analysis_page import render_page

    try:
        page.write_text(render_page(analysis, files, tags), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--html {page}: {error.strerror or error}; expected a file that can be written") from error
