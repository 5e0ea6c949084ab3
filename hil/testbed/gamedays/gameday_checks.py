"""What a game day's file must fulfil beyond the form of its tables: names that exist, times that fit into the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil import discovery
from hil.bench.wording import nearest
from hil.errors import Mistake, UnknownNameError, UsageError
from hil.history.checkers import CHECKERS
from hil.ports.run import LinkRun
from hil.testbed.injection._fault_settings import settings_of, waveform_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hil.gamedays.model import Gameday, PlannedFault

__all__ = ["check"]


def check(gameday: Gameday) -> Iterator[Mistake]:
    """Every mistake in it."""
    if not gameday.fault:
        yield Mistake("fault", "none", "at least one [[fault]]: a day on which nothing is broken shows nothing")
    yield from _names("gameday.invariants", gameday.gameday.invariants, CHECKERS)
    yield from _names("steady_state.indicators", gameday.steady_state.indicators, _indicators())
    if not gameday.steady_state.indicators:
        yield Mistake("steady_state.indicators", "none", "one or more, which must hold before and after")
    for number, fault in enumerate(gameday.fault):
        yield from _check_fault(f"fault[{number}]", fault, gameday)
    seen: set[str] = set()
    for number, alert in enumerate(gameday.alert):
        if alert.name in seen:
            yield Mistake(f"alert[{number}].name", repr(alert.name), "each alert once")
        seen.add(alert.name)
    for number, abort in enumerate(gameday.abort):
        if (abort.above is None) == (abort.below is None):
            yield Mistake(f"abort[{number}]", "both or neither of above and below", "one of them")


def _names(where: str, given: Iterable[str], known: Iterable[str]) -> Iterator[Mistake]:
    listed = list(known)
    for number, name in enumerate(given):
        if name not in listed:
            yield Mistake(f"{where}[{number}]", repr(name), nearest(name, listed))


def _indicators() -> list[str]:
    """Those that judge a run of a link; a name with a dash is one with an underscore."""
    found = [discovery.find("indicator", name) for name in discovery.names("indicator")]
    return [spec.name for spec in found if spec.observes is LinkRun]


def _check_fault(where: str, fault: PlannedFault, gameday: Gameday) -> Iterator[Mistake]:
    yield from _check_spec(where, fault)
    expect, day_s = fault.expect, gameday.gameday.duration_s
    ends_s = day_s if fault.duration_s is None else fault.at_s + fault.duration_s
    if fault.at_s >= day_s or ends_s > day_s:
        yield Mistake(
            f"{where}.at", f"{fault.at_s:g} s to {ends_s:g} s", f"a time within the {day_s:g} s of the day, at its end at most"
        )
    if expect.recover_within_s is not None and ends_s + expect.recover_within_s > day_s:
        yield Mistake(
            f"{where}.expect.recover_within",
            f"{expect.recover_within_s:g} s after {ends_s:g} s",
            f"a day that is long enough to see it; gameday.duration is {day_s:g} s",
        )
    alerts = [alert.name for alert in gameday.alert]
    if expect.alert and expect.alert not in alerts:
        yield Mistake(f"{where}.expect.alert", repr(expect.alert), nearest(expect.alert, alerts))
    if expect.alert_within_s is not None and not expect.alert:
        yield Mistake(f"{where}.expect.alert_within", "no alert beside it", "alert, the name of an [[alert]]")
    if expect.stops == "delivery" and gameday.load is None:
        yield Mistake(f"{where}.expect.stops", "'delivery' without [load]", "[load]: else nothing is delivered that could stop")


def _check_spec(where: str, fault: PlannedFault) -> Iterator[Mistake]:
    try:
        spec: Any = discovery.find("fault", fault.fault.replace("_", "-"))
    except UnknownNameError:
        yield Mistake(f"{where}.fault", repr(fault.fault), nearest(fault.fault, discovery.names("fault")))
        return
    try:
        settings = settings_of(spec, fault.settings)
    except UsageError as error:
        yield Mistake(f"{where}.settings", _listed(fault.settings), f"what {fault.fault} takes: {_short(error)}")
        return
    try:
        waveform_of(spec, settings, fault.waveform, 0)
    except UsageError as error:
        yield Mistake(f"{where}.waveform", repr(fault.waveform), str(error).rpartition("expected ")[2] or str(error))


def _short(error: UsageError) -> str:
    """Without the fault's name before it."""
    return str(error).partition(": ")[2] or str(error)


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in settings.items()) or "none"
