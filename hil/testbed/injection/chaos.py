"""Breaks a link on purpose, and heals it: every shipped or installed fault by its name, now or at a time.

::

    with chaos.dark_count_spike(link.receiver, rate_hz=5_000, duration="30 s") as spike:
        run = link.run("60 s")
    assert spike.healed

    cut = chaos.at("3 s").fiber_cut(duration="2 s")
    run = link.run("10 s")
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from hil.discovery import find, names
from hil.errors import MissingCapabilityError, UnknownNameError, UsageError
from hil.seeds import derive
from hil.testbed.channel.classical_channel import SUFFIX
from hil.testbed.injection._fault_settings import duration_s, settings_of, together
from hil.testbed.injection._fault_waveforms import magnitudes_given, waveform_of
from hil.testbed.injection._troubles import TROUBLE, all_of
from hil.testbed.injection.abort_watch import AbortWatch
from hil.testbed.injection.admission import admit, is_real
from hil.testbed.injection.chaos_plan import ChaosPlan
from hil.testbed.injection.fault import Fault
from hil.testbed.injection.fault_bench import TestbedFaultBench
from hil.testbed.injection.fault_target import target_of
from hil.testbed.injection.steady_look import LOOK_S, SteadyLook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.clock import Clock
    from hil.ports.spec import FaultBench, FaultSpec, Undo
    from hil.ports.waveform import Waveform
    from hil.testbed.guard.steady import Steady
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

__all__ = ["Chaos", "Scheduler"]

logger = logging.getLogger("hil.testbed")

_NS_PER_S = 1_000_000_000


class _NoSuchFaultError(UnknownNameError, AttributeError):
    """As Python expects of an attribute that is not there."""


class Chaos:
    """The faults of one test on one link.

    A fault takes its target first (a driver, a device's name, or nothing for the link's own), then its settings (numbers in
    the unit of the setting's name, or texts with a unit), then ``duration`` and ``waveform`` (``"ramp 20 s"``). Each gives a
    :class:`~hil.testbed.injection.fault.Fault` to enter with ``with``. Faults on the same setting heal last in, first out.
    What is left at the end of the test is healed.
    """

    def __init__(self, testbed: Testbed, link: Link) -> None:
        if getattr(link, "level", None) is None:
            raise MissingCapabilityError(f"link {link.name} is a recording: what was recorded cannot be broken any more")
        self.link = link
        self.bench: FaultBench = TestbedFaultBench(testbed, link)
        self._testbed = testbed
        self._guardian = testbed.guardian
        testbed.classical(link.name + SUFFIX)  # closed after what :meth:`finish` heals
        self._made: list[Fault] = []
        self._active: list[Fault] = []
        self._count = 0
        self._deep = 0
        self._put_off: list[Exception] = []
        self._steadily = SteadyLook(link)
        self._steady: Steady | None = None
        self._watch = AbortWatch(link, self.bench, testbed.clock, self._abort)
        self._plan = ChaosPlan(link) if testbed.rehearsal else None

    def __getattr__(self, name: str) -> Callable[..., Fault]:
        spec = _spec_of(name)

        def make(
            target: Any = None,
            /,
            *,
            duration: str | float | None = None,
            waveform: str | Waveform | None = None,
            **settings: Any,
        ) -> Fault:
            return self._make(spec, target, duration, waveform, settings)

        return make

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name.replace("-", "_") for name in names("fault"))]

    def try_out(self, name: str, target: Any = None, /, **given: Any) -> None:
        """Raise now what making this fault would raise; nothing is made, and nothing is moved."""
        fault = getattr(self, name)(target, **given)
        fault.state = "never"
        self._made.remove(fault)

    def at(self, when: str | float) -> Scheduler:
        """Faults that come by themselves, so much bench time from now: ``chaos.at("3 s").fiber_cut(duration="2 s")``."""
        wait_s = 0.0 if when == 0 else duration_s(when, "at")
        assert wait_s is not None
        return Scheduler(self, wait_s)

    def finish(self) -> None:
        """Heal whatever is in, last in, first out; the first trouble is raised once all were tried.

        UsageError for a fault that was made and never entered: the test broke nothing there.
        """
        forgotten = [fault for fault in self._made if fault.state == "made"]
        everything = [*reversed(self._active), *self._made]
        self._made.clear()
        ends = [partial(self._end, fault) for fault in everything]
        plan = [self._plan.record] if self._plan is not None else []
        all_of([*ends, *plan, *(partial(_complain, fault) for fault in forgotten)])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One fault is injected or healed: trouble of others whose time comes meanwhile is raised when that is done."""
        self._deep += 1
        try:
            yield
        except BaseException as error:
            if self._deep == 1:
                for other in self._put_off:
                    error.add_note(f"besides: {other}")
                self._put_off.clear()
            raise
        finally:
            self._deep -= 1
        if not self._deep and self._put_off:
            first, *others = self._put_off
            self._put_off.clear()
            for other in others:
                first.add_note(f"besides: {other}")
            raise first

    def call_back(self, step: Callable[[], None]) -> None:
        """A fault's own step, as its time has come."""
        try:
            step()
        except TROUBLE as error:
            if not self._deep:
                raise
            self._put_off.append(error)

    # --- for faults ---------------------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The bench's clock."""
        return self._testbed.clock

    def above(self, fault: Fault) -> list[Fault]:
        """Faults that came later and hold a setting this one would heal, in the order they came."""
        if fault not in self._active:
            return []
        own = {(undo.device, undo.setting) for undo in fault.undos}
        later = self._active[self._active.index(fault) + 1 :]
        return [other for other in later if own & {(undo.device, undo.setting) for undo in other.undos}]

    def cool_down(self, fault: Fault) -> None:
        """Wait until what the fault would move has cooled down after the last one."""
        undos = fault.plan()
        self.clock.sleep(self._testbed.chaos_limits.ready_in_s({leg.device for leg in fault.way(undos)}))

    def look(self, fault: Fault) -> float:
        """Begin a look at the steady state, where somebody else may have to heal the fault; how long it takes at least."""
        if not fault.of_hardware:
            return 0.0
        self._steadily.begin()
        return LOOK_S

    @property
    def lit(self) -> bool:
        """Whether the link has light and bias."""
        return self._steadily.lit

    def hold(self, fault: Fault) -> None:
        """See that the fault may be injected, and leave its undos with the guardian, before anything moves."""
        way = fault.way(fault.undos)
        admit(self.link, fault.fault, (undo.device for undo in fault.undos), way, cooled=True)
        if all(other.target.endswith(SUFFIX) for other in self._active):  # else it stands as before the first of those
            self._steady = self._steadily.end(settled=True) if fault.of_hardware else None
        self._testbed.chaos_limits.begin({leg.device for leg in way})
        self._watch.start()
        if self._plan is not None:
            self._plan.add(fault, way, self.clock.now_ns() / _NS_PER_S)
        self.hold_again(fault)
        self._active.append(fault)

    def hold_again(self, fault: Fault) -> None:
        """Leave the fault's undos with the guardian, in place of those that it may have of it."""
        real = [undo for undo in fault.undos if is_real(self.link, undo.device)]
        if self._guardian is not None and real:
            self._guardian.hold(id(fault), real, f"{fault.commanded} on {fault.target}", steady=self._steady)

    def release(self, fault: Fault, *, seen: bool) -> None:
        """The fault is gone: the guardian may forget it, and what waited for it heals.

        ``seen``: the bench showed that; else it is looked at before the next test.
        """
        self._active.remove(fault)
        self._testbed.chaos_limits.end({undo.device for undo in fault.undos})
        if not self._active:
            self._watch.stop()
        if self._guardian is not None and any(is_real(self.link, undo.device) for undo in fault.undos):
            self._guardian.release(id(fault), seen=seen)
        for other in reversed(list(self._active)):
            other.resume()

    def record(self, fault: Fault, start_s: float, end_s: float, *, healed: bool) -> None:
        """The fault's line in the run's record."""
        self._testbed.record(
            "fault",
            fault=fault.fault,
            target=fault.target,
            start_s=start_s,
            end_s=end_s,
            commanded=fault.commanded,
            evidence=fault.evidence,
            healed=healed,
            healing=fault.healing,
            levels=fault.levels,
            link=self.link.name,
        )

    def note_never(self, fault: Fault) -> None:
        """Say that a fault never got its turn."""
        fault.healing = "never injected: the test was over before its time came"
        text = f"{fault.commanded} on {fault.target} was never injected: the test was over before its time came"
        logger.warning("%s", text)
        self._testbed.record("note", text=text, time_s=self.clock.now_ns() / _NS_PER_S, link=self.link.name)

    # --- inside -------------------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """The run is being ended: dark first, then every undo, the last fault first."""
        self._testbed.interrupt()

    def _take_back(self) -> None:
        all_of([fault.take_back_at_once for fault in reversed(self._active)])

    def _abort(self) -> None:
        """Take back whatever is in, last in, first out."""
        all_of([fault.abort for fault in reversed(self._active)])

    def _end(self, fault: Fault) -> None:
        """Heal it; what cannot be healed is kept from later tests and runs."""
        try:
            fault.end()
        finally:
            if fault.state == "broken":
                real = {undo.device for undo in fault.undos if is_real(self.link, undo.device)}
                self._testbed.quarantine(real, f"{fault.commanded} on {fault.target} could not be healed: {fault.healing}")

    def _make(
        self,
        spec: FaultSpec,
        target: Any,
        duration: str | float | None,
        waveform: str | Waveform | None,
        settings: dict[str, Any],
    ) -> Fault:
        testbed = self._testbed
        seed = derive(testbed.seed, testbed.name, testbed.case, "fault", self.link.name, self._count)
        chosen, lasts_s, shape, name = together(
            spec,
            partial(settings_of, spec, settings),
            partial(duration_s, duration),
            partial(waveform_of, spec, waveform, seed),
            partial(target_of, self, spec, target),
        )
        together(spec, partial(magnitudes_given, spec, chosen, shape))
        fault = Fault(self, spec, name, chosen, duration_s=lasts_s, waveform=shape)
        self._count += 1
        if not self._made and not self._active:
            self._testbed.on_end(self.finish)
            self._testbed.on_interrupt(self._take_back)
        self._made.append(fault)
        try:
            self.link.ensure_up()  # a fault of a dark link shows in nothing, and bringing the link up later would undo it
            undos = fault.plan()
            fault.of_hardware = self._of_hardware(undos)
            admit(self.link, fault.fault, (undo.device for undo in undos), fault.way(undos), cooled=False)
        except BaseException:
            fault.state = "never"
            raise
        return fault

    def _of_hardware(self, undos: tuple[Undo, ...]) -> bool:
        """Whether it moves a device that was none of the twins, on the bench itself or when its tape was recorded."""
        simulated = self._testbed.simulated_devices
        return any(undo.device in self._testbed.devices and undo.device not in simulated for undo in undos)

    def schedule(self, fault: Fault, wait_s: float) -> Fault:
        """Let it come by itself, so much bench time from now."""
        fault.schedule(self.clock.now_ns() + round(wait_s * _NS_PER_S))
        return fault


class Scheduler:
    """Faults of one :class:`Chaos` that come at one time."""

    def __init__(self, chaos: Chaos, wait_s: float) -> None:
        self._chaos = chaos
        self._wait_s = wait_s

    def __getattr__(self, name: str) -> Callable[..., Fault]:
        make = getattr(self._chaos, name) if _spec_of(name) else None

        def scheduled(target: Any = None, /, **settings: Any) -> Fault:
            assert make is not None
            return self._chaos.schedule(make(target, **settings), self._wait_s)

        return scheduled


def _complain(fault: Fault) -> None:
    raise UsageError(
        f"chaos.{fault.fault}(...) was made but never entered, so nothing was broken; write `with chaos.{fault.fault}(...):`,"
        f" or chaos.at('3 s').{fault.fault}(...)"
    )


def _spec_of(name: str) -> FaultSpec:
    """The fault of that name; an AttributeError too, as it is asked for as an attribute."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        spec: FaultSpec = find("fault", name, python=True)
    except UnknownNameError as error:
        raise _NoSuchFaultError(str(error).partition("; or give")[0]) from None
    return spec
