"""How soon a link reacted to a fault, measured from what was seen: looks after blocks, and what applications were told.

A time is no finer than the blocks it is read from; it is the moment at which somebody could have known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hil.record.model import MomentEntry, ReactionEntry
from hil.testbed.gamedays.gameday_looks import OF_KEY, firings
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.gamedays.model import Alert, Expectation
    from hil.history.steps import History, Step
    from hil.ports.run import FaultWindow
    from hil.testbed.gamedays.gameday_looks import Look

__all__ = ["Seen", "moments", "reactions"]

What = Literal["detect", "stop", "alert", "recover"]
_EARLY = 1e-9


@dataclass(frozen=True)
class Seen:
    """Everything that reactions are read from."""

    looks: Sequence[Look]
    history: History
    alerts: Sequence[Alert]


@dataclass(frozen=True)
class _Found:
    """When a reaction was there, in bench time, and in words how it showed; None where it was not.

    ``undecided``: it cannot be told whether it was, as what was seen was this framework's own doing.
    """

    at_s: float | None
    words: str
    undecided: bool = False


@dataclass(frozen=True)
class _Reaction:
    """What came of one expectation: timed from ``from_s``; judged where it must come, or ``within_s``."""

    what: What
    found: _Found
    from_s: float
    within_s: float | None
    judged: bool = False


def reactions(number: int, window: FaultWindow, expect: Expectation, seen: Seen) -> tuple[ReactionEntry, ...]:
    """The reactions to one fault, each judged where something is expected of it; its window ends when it was taken back."""
    made = (
        _Reaction("detect", _detected(window, expect, seen), window.start_s, expect.detect_within_s),
        _Reaction("stop", _stopped(window, expect, seen), window.start_s, expect.stop_delivery_within_s),
        _Reaction("alert", _alerted(window, expect, seen), window.start_s, expect.alert_within_s, judged=bool(expect.alert)),
        _Reaction("recover", _recovered(window, expect, seen), window.end_s, expect.recover_within_s),
    )
    return tuple(_entry(number, window, each) for each in made if each.what != "alert" or expect.alert)


def moments(number: int, window: FaultWindow, found: Sequence[ReactionEntry]) -> Iterator[MomentEntry]:
    """The fault's course: injected, what came of it, healed."""
    yield MomentEntry(time_s=window.start_s, kind="fault", text=f"{window.commanded} on {window.target}", number=number)
    for each in found:
        if each.measured_s is not None:
            from_s = window.end_s if each.what == "recover" else window.start_s
            yield MomentEntry(time_s=from_s + each.measured_s, kind=each.what, text=each.words, number=number)
    healed = "and seen healed" if window.healed else "not seen to be healed"
    yield MomentEntry(
        time_s=window.end_s, kind="heal", text=f"{window.fault} on {window.target} taken back, {healed}", number=number
    )


def _entry(number: int, window: FaultWindow, made: _Reaction) -> ReactionEntry:
    measured_s = None if made.found.at_s is None else max(0.0, made.found.at_s - made.from_s)
    met = measured_s is not None and (made.within_s is None or measured_s <= made.within_s + _EARLY)
    judged = made.judged or made.within_s is not None
    outcome = Outcome.INCONCLUSIVE if made.found.undecided else Outcome.PASS if met else Outcome.FAIL
    return ReactionEntry(
        number=number,
        fault=window.fault,
        target=window.target,
        what=made.what,
        outcome=outcome if judged else Outcome.SKIPPED,
        words=made.found.words,
        expected_s=made.within_s,
        measured_s=measured_s,
    )


def _within(window: FaultWindow, looks: Sequence[Look]) -> list[Look]:
    """Looks at blocks that share time with the fault, or whose messages did: those are spoken when a block is over."""
    return [look for look in looks if look.time_s >= window.start_s - _EARLY and look.start_s < window.end_s - _EARLY]


def _detected(window: FaultWindow, expect: Expectation, seen: Seen) -> _Found:
    before = [look for look in seen.looks if look.time_s < window.start_s - _EARLY]
    quiet = set(expect.detect_by) - (before[-1].signals.keys() if before else set())
    for look in _within(window, seen.looks):
        if on := sorted(quiet & look.signals.keys()):
            return _Found(look.time_s, "; ".join(f"{name}: {look.signals[name]}" for name in on))
    listed = ", ".join(sorted(quiet))
    if quiet & OF_KEY and (barred := _barred(_within(window, seen.looks))):
        return _Found(None, f"none of {listed} came on; {barred}", undecided=True)
    return _Found(None, f"none of {listed} came on" if listed else f"{', '.join(expect.detect_by)} had been on before")


def _stopped(window: FaultWindow, expect: Expectation, seen: Seen) -> _Found:
    """The last key, or delivery, of the fault's time, if a look after it found none and the link itself refused it."""
    inside = _within(window, seen.looks)
    return _delivery_stopped(window, inside, seen) if expect.stops == "delivery" else _key_stopped(window, inside)


def _key_stopped(window: FaultWindow, inside: list[Look]) -> _Found:
    """A barred block counts as one that gave key: the parties would have gone on with it."""
    # a block that ends after healing is made of later detections too
    turns = [look for look in inside if look.end_s <= window.end_s + _EARLY]
    if not turns:
        return _Found(None, "nobody looked for key while the fault was in")
    if turns[-1].released:
        return _Found(None, "key went on until the fault was over")
    barred = sum(look.barred for look in turns)
    if turns[-1].barred:
        said = f"{barred} of {len(turns)} blocks were barred by this framework; the parties would have gone on with the last"
        return _Found(None, f"{said}: nothing tells that the link stopped", undecided=True)
    last_s = max((look.end_s for look in turns if look.released or look.barred), default=window.start_s)
    none = sum(look.end_s > last_s for look in turns)
    went_on = f", after {barred} barred ones that the parties would have gone on with" if barred else ""
    return _Found(last_s, f"no key in the {none} blocks from then on, which the parties themselves refused{went_on}")


def _delivery_stopped(window: FaultWindow, inside: list[Look], seen: Seen) -> _Found:
    # what is asked at the moment of healing is answered after it
    during = [step for step in seen.history if window.start_s < step.time_s < window.end_s - _EARLY]
    turns = [(step.time_s, step.outcome == "ok") for step in during if step.step == "enc"]
    if not turns:
        return _Found(None, "nobody looked for delivery while the fault was in")
    if turns[-1][1]:
        return _Found(None, "delivery went on until the fault was over")
    if barred := sum(look.barred for look in inside):
        said = f"{barred} blocks were barred by this framework, so that stores may have run dry by its doing"
        return _Found(None, f"{said}: nothing tells that the link stopped", undecided=True)
    last_s = max((time_s for time_s, gave in turns if gave), default=window.start_s)
    none = sum(time_s > last_s for time_s, _ in turns)
    return _Found(last_s, f"no delivery in the {none} turns from then on")


def _barred(looks: Sequence[Look]) -> str:
    """Why these looks tell nothing of the link's own key, if some of their blocks were barred."""
    barred = sum(look.barred for look in looks)
    return f"{barred} blocks were barred by this framework, which tells nothing of the link's own key" if barred else ""


def _alerted(window: FaultWindow, expect: Expectation, seen: Seen) -> _Found:
    inside = _within(window, seen.looks)
    for alert in seen.alerts:
        if alert.name == expect.alert:
            for look in firings(alert, seen.looks):
                if look in inside:
                    return _Found(look.time_s, f"{alert.name} fired: {alert.signal} for {alert.for_s:g} s or more")
            if alert.signal in OF_KEY and (barred := _barred(inside)):
                return _Found(None, f"{expect.alert} did not fire; {barred}", undecided=True)
    return _Found(None, f"{expect.alert} did not fire")


def _recovered(window: FaultWindow, expect: Expectation, seen: Seen) -> _Found:
    if not window.healed:
        return _Found(None, "not healed, so nothing could recover")
    if expect.stops == "delivery":
        had: list[Step] = [step for step in seen.history if step.step == "dec" and step.outcome == "ok" and step.key_ids]
        later = next((step for step in had if step.time_s >= window.end_s - _EARLY), None)
        return _Found(later.time_s, "both applications have keys again") if later else _Found(None, "no keys were had again")
    look = next((look for look in seen.looks if look.released and look.start_s >= window.end_s - _EARLY), None)
    return (
        _Found(look.end_s, "the first whole block after healing gave key") if look else _Found(None, "no later block gave key")
    )
