"""One fault from its command to its healing: commanded, seen, taken back, seen healed, each at its time."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from hil.errors import (
    ChaosLimitError,
    EnvelopeError,
    FaultWithoutEvidenceError,
    HealingError,
    MissingCapabilityError,
    UsageError,
)
from hil.ports.spec import Finding
from hil.ports.waveform import Step
from hil.testbed.injection._fault_settings import in_words
from hil.testbed.injection._troubles import TROUBLE, all_of
from hil.testbed.injection.evidence import Evidence
from hil.testbed.injection.following import Follower
from hil.testbed.injection.steady_look import LOOK_S as STEADY_S
from hil.testbed.injection.trajectory import legs
from hil.testbed.injection.undoing import Undoing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from hil.clock import Scheduled
    from hil.ports.run import FaultWindow
    from hil.ports.spec import FaultSpec, Span, Undo
    from hil.ports.waveform import Waveform
    from hil.testbed.injection.chaos import Chaos
    from hil.testbed.injection.trajectory import Leg

__all__ = ["Fault"]

_NS_PER_S = 1_000_000_000
_SHORTEST_POLL_S = 0.05
_POLLS = 40
_NOTHING_SENT = (ChaosLimitError, EnvelopeError, MissingCapabilityError, UsageError)


class Fault:
    """A handle on one fault.

    ``state``: ``made``, ``waiting`` (for its time), ``coming`` (commanded, not yet seen), ``in``, ``healing`` (taken back, not
    yet seen), ``healed``, ``broken`` (healing was not seen), ``never`` (did not get its turn, or nothing came of it).
    ``evidence`` and ``healing`` are words with what the bench showed. ``of_hardware``: it moves a real device.
    """

    def __init__(
        self, chaos: Chaos, spec: FaultSpec, target: str, settings: Any, *, duration_s: float | None, waveform: Waveform
    ) -> None:
        self.fault = spec.name.replace("-", "_")
        self.target = target
        self.settings = settings
        self.duration_s = duration_s
        self.waveform = waveform
        self.of_hardware = False
        self.state = "made"
        self.evidence = ""
        self.healing = ""
        self._chaos = chaos
        self._spec = spec
        self._timers: list[Scheduled] = []
        self._looks = Evidence(spec, chaos, target, settings)
        self._undoing = Undoing(chaos)
        self._follower: Follower | None = None
        self._deadline_ns = 0
        self._commanded_ns = 0
        self._undone_ns: int | None = None
        self._windows = chaos.link.windows
        self._window: int | None = None
        self._overdue = False
        self._behind = False
        self._moving = False
        self._time_was_up = False

    def __repr__(self) -> str:
        return f"<{self.commanded} on {self.target}: {self.state}>"

    # --- what a test asks ---------------------------------------------------------------------------------------------

    @property
    def commanded(self) -> str:
        """The fault, its settings and its waveform in words."""
        words = f"{self.fault} {in_words(self.settings)}".rstrip()
        return words if isinstance(self.waveform, Step) else f"{words}, {self.waveform}"

    @property
    def undos(self) -> tuple[Undo, ...]:
        """What heals it; nothing before it is commanded."""
        return self._undoing.undos

    @property
    def levels(self) -> tuple[tuple[float, float], ...]:
        """How strong it was from when on: bench seconds, and the level of its waveform from 0 to 1."""
        return tuple(self._follower.levels) if self._follower is not None else ()

    @property
    def undone_s(self) -> float | None:
        """When it was taken back, in bench seconds, which the bench may show later; None before."""
        return None if self._undone_ns is None else self._undone_ns / _NS_PER_S

    @property
    def injected(self) -> bool:
        """Whether the bench showed it."""
        return bool(self.evidence)

    @property
    def healed(self) -> bool:
        """Whether the bench showed it gone."""
        return self.state == "healed"

    @property
    def window(self) -> FaultWindow | None:
        """From the command to the confirmed healing; None before, ending at infinity while it is in."""
        return None if self._window is None else list(self._windows)[self._window]

    def __enter__(self) -> Self:
        """Inject it now and wait until the bench shows it; a scheduled one keeps its time."""
        if self.state == "made":
            self.state = "never"  # unless something comes of it
            self._chaos.cool_down(self)
            with self._chaos.alone():
                self._inject()
        elif self.state != "waiting":
            raise UsageError(f"{self!r} was entered before; make another one with chaos.{self.fault}(...)")
        return self

    def _inject(self) -> None:
        steady_s = self._chaos.look(self)
        self._looks.begin()
        self._chaos.clock.sleep(max(self._spec.look_s, steady_s))
        self._command()
        try:
            self._wait("coming")
        except BaseException:
            self._retreat()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Heal what is not healed, whatever happened inside; trouble in that comes with what happened inside as its cause."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._chaos.interrupt()
        try:
            self.end()
        except TROUBLE as trouble:
            if error is None:
                raise
            if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
                error.add_note(f"besides, {trouble}")
                return
            trouble.add_note(f"this came after {type(error).__name__} inside the with block: {error}")
            raise trouble from error

    def end(self) -> None:
        """Heal, with every later fault on the same settings first, and wait until it shows; done twice it does nothing."""
        if self.state in {"made", "waiting"}:
            waited = self.state == "waiting"
            self._cancel()
            self.state = "never"
            if waited:
                self._chaos.note_never(self)
        if self.state in {"never", "healed"}:
            return
        all_of([other.end for other in reversed(self._chaos.above(self))] + [self._heal])

    def take_back_at_once(self) -> None:
        """Undo it and read back: the run is being ended, in the dark, and nobody waits until counts show it."""
        if self.state == "coming":
            self._retreat()
        elif self.state in {"in", "healing"}:
            self._cancel()
            self._undo()
            words = "put back and read back; the run was being ended, so nobody waited for the bench to show it"
            self._close("healed", words, seen=False)

    def abort(self) -> None:
        """Heal it at once, seen or not."""
        if self.state == "coming":
            self._retreat()
        self.end()

    def plan(self) -> tuple[Undo, ...]:
        """How it would be healed, from what stands now."""
        return self._spec.plan(self._chaos.bench, self.target, self.settings)

    def way(self, undos: tuple[Undo, ...]) -> tuple[Leg, ...]:
        """Every move it would make from where these stand."""
        bench = self._chaos.bench
        return legs(self._spec, bench, self.target, self.settings, undos, waveform=self.waveform, duration_s=self.duration_s)

    def _heal(self) -> None:
        with self._chaos.alone():
            self._wait("coming")
            if self.state in {"in", "broken"}:
                self._take_back()
            self._wait("healing")

    # --- time ---------------------------------------------------------------------------------------------------------

    def schedule(self, due_ns: int) -> None:
        """Inject at that bench time, in whatever waits for the clock then; the look before it begins in time for it."""
        self.state = "waiting"
        look_s = max(self._spec.look_s, STEADY_S if self.of_hardware else 0.0)
        early_ns = max(due_ns - round(look_s * _NS_PER_S), self._chaos.clock.now_ns())
        self._at(early_ns, partial(self._look_ahead, due_ns))
        self._at(due_ns, self._fire)

    def time_is_up(self) -> None:
        """The duration is over: heal now, or, while a later fault holds the same setting, as soon as that one is healed."""
        if self._moving:  # a device that waits for its move is not told another one meanwhile
            self._time_was_up = True
            return
        if self.state == "coming":
            self._not_shown(f"it was in for {self.duration_s:g} s only, which was too short to be seen")
        if self.state != "in":
            return
        self._overdue = bool(self._chaos.above(self))
        if not self._overdue:
            try:
                self._take_back()
            finally:
                self._watch()

    def _fire(self) -> None:
        if self.state == "waiting":
            self.state = "never"  # unless something comes of it
            self._command()
            self._watch()

    def _at(self, due_ns: int, callback: Any) -> None:
        self._timers.append(self._chaos.clock.call_at(due_ns, partial(self._chaos.call_back, callback)))

    def _cancel(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    @property
    def _poll_s(self) -> float:
        return max(self._patience_s / _POLLS, _SHORTEST_POLL_S)

    @property
    def _patience_s(self) -> float:
        return self._spec.patience_s(self._chaos.bench, self.target)

    def _watch(self) -> None:
        """Look until there is a finding, between what else happens on the bench."""
        if self.state in {"coming", "healing"} and not self._find():
            self._at(self._chaos.clock.now_ns() + round(self._poll_s * _NS_PER_S), self._watch)

    def _wait(self, state: str) -> None:
        """Look until there is a finding, and do nothing else."""
        while self.state == state and not self._find():
            self._chaos.clock.sleep(self._poll_s)

    # --- injecting ----------------------------------------------------------------------------------------------------

    def _look_ahead(self, due_ns: int) -> None:
        """Of a scheduled fault; where looking takes bench time the second look begins in time as well."""
        clock = self._chaos.clock
        begun_ns = clock.now_ns()
        self._chaos.look(self)
        self._looks.begin()
        if taken_ns := clock.now_ns() - begun_ns:
            self._at(max(due_ns - taken_ns, clock.now_ns()), self._looks.end)

    def _command(self) -> None:
        chaos = self._chaos
        self._looks.commanded()
        self._undoing.undos = self.plan()
        chaos.hold(self)
        self._commanded_ns = chaos.clock.now_ns()
        self.state = "coming"
        try:
            self._follower = Follower(self._spec, chaos.bench, self.target, self.settings, self.undos)
            self._follower.follow(self.waveform, 0.0, self._commanded_ns / _NS_PER_S)
            self._looks.followed()
            patience_s = self._patience_s
        except BaseException as error:
            if isinstance(error, _NOTHING_SENT):
                self._close("never", "refused, nothing was moved")
            else:
                self._retreat()
            raise
        self._windows = chaos.link.windows
        self._window = self._windows.open(
            self.fault,
            self.target,
            self._commanded_ns / _NS_PER_S,
            commanded=self.commanded,
            evidence="",
            spoils_detections=self._spec.spoils_detections and self._moves_anything(),
        )
        self._deadline_ns = chaos.clock.now_ns() + round((self.waveform.tops_s + patience_s) * _NS_PER_S)
        self._follow_after(0.0)
        if self.duration_s is not None:
            due_ns = self._commanded_ns + round(self.duration_s * _NS_PER_S)
            self._at(due_ns - round(self._spec.look_s * _NS_PER_S), self._looks.begin)
            self._at(due_ns, self.time_is_up)

    def _moves_anything(self) -> bool:
        """False for a fault of zero."""
        return bool(self._spec.moves(self._chaos.bench, self.target, self.settings, self.undos))

    def _follow_after(self, time_s: float) -> None:
        """Be there for the next change of the waveform."""
        next_s = self.waveform.next_change_s(time_s)
        if math.isfinite(next_s):
            due_ns = self._commanded_ns + round(next_s * _NS_PER_S)
            self._at(due_ns, partial(self._follow, next_s))

    def _follow(self, due_s: float) -> None:
        """A change is due; while a later fault holds the same setting, it waits for that one."""
        if self.state not in {"coming", "in"}:
            return
        elapsed_s = max(due_s, (self._chaos.clock.now_ns() - self._commanded_ns) / _NS_PER_S)
        self._behind = bool(self._chaos.above(self))
        if not self._behind:
            self._move_on(elapsed_s)
        self._follow_after(elapsed_s)

    def _move_on(self, elapsed_s: float) -> None:
        assert self._follower is not None
        self._moving = True
        try:
            self._follower.follow(self.waveform, elapsed_s, self._chaos.clock.now_ns() / _NS_PER_S)
            if self.state == "coming":
                self._looks.followed()
        except BaseException as error:
            self._cancel()
            self._undo()
            self._close("healed", f"taken back, as its waveform could not be followed: {error}", seen=False)
            raise
        finally:
            self._moving = False
        if self._time_was_up:
            self._time_was_up = False
            self.time_is_up()

    def _retreat(self) -> None:
        """Take back what is commanded but was not seen."""
        if self.state == "coming":
            self._cancel()
            self._hand_up()
            self._undo()
            self._close("never", "taken back, as the bench did not show it", seen=False)

    def _hand_up(self) -> None:
        """What a later fault holds, that one heals, and to where this one found it."""
        for other in self._chaos.above(self):
            other.heal_to(self._undoing.hand_to(other.undos))

    def heal_to(self, undos: Iterable[Undo]) -> None:
        """Heal these settings to where they stood before the fault below this one, which is gone."""
        self._undoing.take_over(undos)
        if self._follower is not None:
            self._follower.stood_at(self.undos)
        self._chaos.hold_again(self)

    def _find(self) -> bool:
        """Whether this look settled what was waited for."""
        now = self._looks.read()
        if self._moving or (span := self._looks.since(now)) is None:
            return False
        expired = self._chaos.clock.now_ns() >= self._deadline_ns
        if self.state == "coming":
            finding = self._shown(span)
            if finding.shown:
                self.state, self.evidence = "in", finding.words + self._level_in_words
                assert self._window is not None
                self._windows.seen(self._window, self.evidence)
            elif expired:
                self._not_shown(f"within {self.waveform.tops_s + self._patience_s:g} s: {finding.words}")
            return finding.shown
        if self.state != "healing":
            return True
        finding = self._looks.healed(span)
        if finding.shown:
            # counts of a bench that is dark by now told nothing
            self._close("healed", finding.words, seen=not self.of_hardware or self._chaos.lit)
        elif expired and (others := self._others()):
            # what was undone reads back as it stood; what else the bench shows is those others' as well
            words = f"reads back as it stood; {' and '.join(others)} was in besides, so no more can be told"
            self._close("healed", words, seen=False)
            return True
        elif expired:
            self._close("broken", finding.words)
            raise HealingError(
                f"{self.fault} on {self.target}: healing was commanded, but the bench does not show it within"
                f" {self._patience_s:g} s: {finding.words}. Look at {self.target} before anything else runs on this bench"
            )
        return finding.shown

    @property
    def _level_in_words(self) -> str:
        """At which level of its waveform a look judged it; nothing for a step, which has one."""
        assert self._follower is not None
        return "" if isinstance(self.waveform, Step) else f" (at level {self._follower.level:g} of its waveform)"

    def _others(self) -> tuple[str, ...]:
        """Faults of what is detected that were in at any time while this one was."""
        assert self._window is not None
        now_s = self._chaos.clock.now_ns() / _NS_PER_S
        return self._windows.beside(self._window, self._commanded_ns / _NS_PER_S, now_s)

    def _shown(self, span: Span) -> Finding:
        """What the bench shows of it at its present level."""
        follower = self._follower
        assert follower is not None
        if not follower.level:
            return Finding(shown=False, words="its waveform is at nothing just now")
        return self._looks.shown(follower.settings, span)

    def _not_shown(self, words: str) -> None:
        """Take it back and say that it was never seen."""
        self._retreat()
        raise FaultWithoutEvidenceError(
            f"{self.commanded} on {self.target}: commanded, but the bench does not show it {words}. It was taken back, and what"
            " was measured meanwhile says nothing about this fault"
        )

    # --- healing ------------------------------------------------------------------------------------------------------

    def _take_back(self) -> None:
        """Undo, and from then on look whether the bench shows it."""
        with self._chaos.alone():
            self._put_back()

    def _put_back(self) -> None:
        blind, self._overdue = None, False
        if self.state == "in":  # on another attempt there is nothing of it left to look at
            try:
                self._look_before_healing()
            except TROUBLE as error:  # what cannot be looked at must be healed all the same
                blind = error
            if self.state != "in":
                return  # its time was up during that look
        self._cancel()
        self._undo()
        self.state = "healing"
        if blind is not None:
            self._close("broken", f"put back, but the bench could not be looked at: {blind}")
            raise HealingError(f"{self.fault} on {self.target} was {self.healing}") from blind
        self._deadline_ns = self._chaos.clock.now_ns() + round(self._patience_s * _NS_PER_S)
        self._looks.moved()

    def _look_before_healing(self) -> None:
        if not isinstance(self.waveform, Step):
            return  # it may be at any level by now: healing is judged by the level at which it was seen
        if not self._looks.begun:
            self._looks.begin()
            self._chaos.clock.sleep(self._spec.look_s)
        self._looks.healing()

    def _undo(self) -> None:
        """Carry out every undo, last one first; HealingError, once all were tried, for what does not stand as it should."""
        self._undone_ns = self._chaos.clock.now_ns()
        if troubles := self._undoing.put_back():
            words = "; ".join(text for text, _ in troubles)
            cause = next((error for _, error in reversed(troubles) if error is not None), None)
            self._close("broken", words)
            raise HealingError(
                f"{self.fault} on {self.target} could not be healed: {words}. Heal it by hand"
                " before anything else runs on this bench"
            ) from cause

    def _close(self, state: str, words: str, *, seen: bool = True) -> None:
        """The end of it, good or bad, as the record keeps it; whether the bench showed that it is gone."""
        chaos = self._chaos
        end_s = chaos.clock.now_ns() / _NS_PER_S
        recorded = self.state == "broken"
        self.state, self.healing = state, words
        healed = state != "broken"
        if self._window is not None:
            self._windows.close(self._window, end_s, healed=healed)
            if healed or not recorded:
                chaos.record(self, self._commanded_ns / _NS_PER_S, end_s, healed=healed)
        if healed:
            chaos.release(self, seen=seen)

    def resume(self) -> None:
        """A later fault on the same setting was healed: what is overdue heals now, what is behind its waveform catches up."""
        if self._overdue:
            self.time_is_up()
        elif self._behind and self.state in {"coming", "in"} and not self._chaos.above(self):
            self._behind = False
            self._move_on((self._chaos.clock.now_ns() - self._commanded_ns) / _NS_PER_S)
