"""What a game day's file must fulfil beyond the form of its tables: names that exist, times that fit into the day.

What of the file could not be read is None here, and told already; the rest is checked all the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hil import discovery
from hil.bench import shipped
from hil.bench.wording import nearest
from hil.errors import FaultUseError, Mistake, UnknownNameError
from hil.history.checkers import CHECKERS
from hil.ports.run import LinkRun
from hil.testbed.injection._fault_settings import settings_of
from hil.testbed.injection._fault_waveforms import magnitudes_given, waveform_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["check", "replayed_from"]

_REPLAY = "replay "


def check(gameday: Any, folder: Path) -> Iterator[Mistake]:
    """Every mistake in what could be read of a file in that folder (a :class:`Gameday` with gaps)."""
    info, steady = gameday.gameday, gameday.steady_state
    if gameday.fault == ():
        yield Mistake("fault", "none", "at least one [[fault]]: a day on which nothing is broken shows nothing")
    if info and info.bench:
        yield from _check_bench(info.bench, folder)
    yield from _names("gameday.invariants", (info and info.invariants) or (), CHECKERS)
    yield from _names("steady_state.indicators", (steady and steady.indicators) or (), _indicators())
    if steady and steady.indicators == ():
        yield Mistake("steady_state.indicators", "none", "one or more, which must hold before and after")
    for number, fault in enumerate(gameday.fault or ()):
        yield from _check_fault(f"fault[{number}]", fault, gameday, folder)
    seen: set[str] = set()
    for number, alert in enumerate(gameday.alert or ()):
        if alert.name in seen:
            yield Mistake(f"alert[{number}].name", repr(alert.name), "each alert once")
        seen.update({alert.name} - {None})
    for number, abort in enumerate(gameday.abort or ()):
        if (abort.above is None) == (abort.below is None):
            yield Mistake(f"abort[{number}]", "both or neither of above and below", "one of them")


def _check_bench(bench: str, folder: Path) -> Iterator[Mistake]:
    if bench.endswith(".toml"):
        if not (folder / bench).is_file():
            yield Mistake("gameday.bench", repr(bench), f"a bench file; there is none at {folder / bench}")
    elif bench not in shipped():
        yield Mistake("gameday.bench", repr(bench), f"{nearest(bench, shipped())}; or the path of a bench file (.toml)")


def _names(where: str, given: Iterable[str], known: Iterable[str]) -> Iterator[Mistake]:
    listed = list(known)
    for number, name in enumerate(given):
        if name not in listed:
            yield Mistake(f"{where}[{number}]", repr(name), nearest(name, listed))


def _indicators() -> list[str]:
    """Those that judge a run of a link; a name with a dash is one with an underscore."""
    found = [discovery.find("indicator", name) for name in discovery.names("indicator")]
    return [spec.name for spec in found if spec.observes is LinkRun]


def _check_fault(where: str, fault: Any, gameday: Any, folder: Path) -> Iterator[Mistake]:
    yield from _check_spec(where, fault, folder)
    day_s = gameday.gameday and gameday.gameday.duration_s
    if day_s is not None and fault.at_s is not None:
        yield from _check_times(where, fault, day_s)
    expect = fault.expect
    if expect is None:
        return
    alerts = [alert.name for alert in gameday.alert or ()]
    if expect.alert and expect.alert not in alerts and None not in alerts:
        yield Mistake(f"{where}.expect.alert", repr(expect.alert), nearest(expect.alert, alerts))
    if expect.alert_within_s is not None and not expect.alert:
        yield Mistake(f"{where}.expect.alert_within", "no alert beside it", "alert, the name of an [[alert]]")
    if expect.stops == "delivery" and gameday.load is None:
        yield Mistake(f"{where}.expect.stops", "'delivery' without [load]", "[load]: else nothing is delivered that could stop")


def _check_times(where: str, fault: Any, day_s: float) -> Iterator[Mistake]:
    ends_s = day_s if fault.duration_s is None else fault.at_s + fault.duration_s
    if fault.at_s >= day_s or ends_s > day_s:
        yield Mistake(
            f"{where}.at", f"{fault.at_s:g} s to {ends_s:g} s", f"a time within the {day_s:g} s of the day, at its end at most"
        )
    within_s = fault.expect and fault.expect.recover_within_s
    if within_s is not None and ends_s + within_s > day_s:
        yield Mistake(
            f"{where}.expect.recover_within",
            f"{within_s:g} s after {ends_s:g} s",
            f"a day that is long enough to see it; gameday.duration is {day_s:g} s",
        )


def _check_spec(where: str, fault: Any, folder: Path) -> Iterator[Mistake]:
    if fault.fault is None:
        return
    try:
        spec: Any = discovery.find("fault", fault.fault.replace("_", "-"))
    except UnknownNameError:
        yield Mistake(f"{where}.fault", repr(fault.fault), nearest(fault.fault, discovery.names("fault")))
        return
    settings = waveform = None
    try:
        settings = None if fault.settings is None else settings_of(spec, fault.settings)
    except FaultUseError as error:
        yield from (replace(mistake, where=f"{where}.settings.{mistake.where}") for mistake in error.mistakes)
    try:
        waveform = None if fault.waveform is None else waveform_of(spec, replayed_from(fault.waveform, folder), 0)
        if settings is not None and waveform is not None:
            magnitudes_given(spec, settings, waveform)
    except FaultUseError as error:
        yield from (replace(mistake, where=f"{where}.waveform", found=repr(fault.waveform)) for mistake in error.mistakes)


def replayed_from(waveform: str, folder: Path) -> str:
    """The waveform, a recording that it replays looked for in that folder."""
    if not waveform.startswith(_REPLAY):
        return waveform
    return f"{_REPLAY}{folder / waveform.removeprefix(_REPLAY).strip()}"
