"""The bench of a test run, opened: devices behind their drivers, real or simulated, the clock, and the links they make."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from hil.bench.loader import load
from hil.bench.model import Bench
from hil.bench.queries import simulated_devices
from hil.bench.wording import nearest
from hil.clock import SystemClock, VirtualClock
from hil.errors import BenchError, HilError, MissingCapabilityError, ReplyError, UnknownNameError
from hil.pipeline.entropy import SeededEntropy, SystemEntropy
from hil.record.series import save_series
from hil.seeds import derive
from hil.testbed.device_events import device_events
from hil.testbed.guard import safe
from hil.testbed.guard.protection import GuardSettings, lease_devices, start_guardian
from hil.testbed.guard.pulse import Pulse, PulseClock
from hil.testbed.guard.shared_file import state_folder
from hil.testbed.injection.chaos_limits import ChaosLimits
from hil.testbed.link_kinds import make_link
from hil.testbed.opening import addresses_of, open_devices, several, shut
from hil.testbed.tapes import NOT_MEASURED, open_tapes, replayed_devices
from hil.testbed.twin import start_twins, twin_addresses
from hil.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from hil.device_sims.host import Control, TwinHost
    from hil.history.steps import History
    from hil.pipeline.entropy import Entropy
    from hil.ports.roles import Instrument
    from hil.record.eventlog import EventLog
    from hil.record.folder import RunFolder
    from hil.record.series import Series
    from hil.testbed.channel.classical_channel import ClassicalChannel
    from hil.testbed.guard.guardian import Guardian
    from hil.testbed.link import Link
    from hil.testbed.opening import Opened
    from hil.testbed.recordings.recorded_link import RecordedLink
    from hil.testbed.relay_chain import RelayChain
    from hil.testbed.repeater_link import RepeaterLink
    from hil.testbed.tapes import TapePlan, Tapes

__all__ = ["Testbed"]

logger = logging.getLogger("hil.testbed")


class Testbed:
    """What a run holds on to; :meth:`open` makes it, :meth:`close` leaves no thread, port, pty or file behind.

    ``clock`` is virtual where every device is a twin, else that of the system. ``guardian`` makes real devices safe, should
    this process be killed or hang; None where there are none. ``pulse`` tells it whether the test is alive. ``history`` takes
    the steps in the life of the present test's keys, where somebody wants them. ``devices`` are the opened drivers by name,
    ``identities`` what each said it is, ``case`` the test that runs (empty between tests). ``replayed``: nobody is there, every
    answer comes from a tape, and nothing is measured. ``rehearsal``: twins stand for hardware (``rehearsed``) in a chaos plan.
    ``chaos_limits``: how often and how fast faults may move its devices.
    """

    __test__ = False  # the name begins like a test class

    def __init__(
        self,
        bench: Bench,
        opened: Opened,
        *,
        seed: int,
        clock: SystemClock | VirtualClock,
        simulated_devices: frozenset[str] = frozenset(),
        twins: TwinHost | None = None,
        guardian: Guardian | None = None,
        pulse: Pulse | None = None,
        protection: ExitStack | None = None,
        log: EventLog | None = None,
        folder: RunFolder | None = None,
        tapes: Tapes | None = None,
        rehearsed: frozenset[str] | None = None,
    ) -> None:
        self.bench = bench
        self.name = bench.bench.name
        self.seed = seed
        self.clock = clock
        self.simulated_devices = simulated_devices
        self.devices = opened.devices
        self.identities = opened.identities
        self.log = log
        self.folder = folder
        self.case = ""
        self.guardian = guardian
        self.pulse = pulse or Pulse()
        self.history: History | None = None
        self.replayed = tapes is not None and tapes.replaying
        self.rehearsal = rehearsed is not None
        self.rehearsed = rehearsed or frozenset()
        hardware = frozenset() if self.replayed else frozenset(bench.device) - simulated_devices
        self.chaos_limits = ChaosLimits(bench.device, hardware, self.now_s, state_folder())
        self._tapes = tapes
        self._twins = twins
        self._protection = protection or ExitStack()
        self._links: dict[str, Link | RecordedLink | RepeaterLink] = {}
        self._chains: dict[str, RelayChain] = {}
        self._channels: dict[str, ClassicalChannel] = {}
        self._at_end: list[Callable[[], None]] = []
        self._at_interrupt: list[Callable[[], None]] = []
        self._quarantined = ""
        self._interrupted = False
        self._closed = False

    @classmethod
    def open(
        cls,
        bench: Bench | str | Path,
        *,
        simulate: bool = False,
        seed: int,
        recording: Path | None = None,
        log: EventLog | None = None,
        folder: RunFolder | None = None,
        tape: TapePlan | None = None,
        rehearse: bool = False,
        guard: GuardSettings | None = None,
        clear: bool = False,
        in_trouble: list[tuple[str, Exception]] | None = None,
    ) -> Self:
        """Start the twins, connect to every device, check identity and firmware pins.

        ``simulate`` replaces every device by its twin, ``recording`` is the file of a recorded bench, ``tape`` says to record
        what the devices say or to replay it without them. ``rehearse`` opens twins alone, which faults then treat as what they
        stand for, and record what they would move. ``guard`` says which guardian is wanted, where not as the environment has
        it, and ``clear`` opens what is quarantined as well. ``in_trouble`` takes what cannot be used, and the rest is opened.
        BenchFileError and UsageError for a wrong file, BenchError for devices that cannot be used, all of them at once.
        """
        replay = tape is not None and tape.replaying
        simulate = simulate or rehearse
        loaded = bench if isinstance(bench, Bench) else load(bench, simulate=simulate or replay)
        simulated = replayed_devices(loaded, tape) if tape and replay else simulated_devices(loaded, simulate=simulate)
        pulse = Pulse()
        clock = VirtualClock() if replay or set(loaded.device) == simulated else PulseClock(pulse)
        guard = guard or GuardSettings.of_environment()
        addresses = addresses_of(loaded, recording)
        with ExitStack() as stack:
            protection = stack.enter_context(ExitStack())
            twins, guardian = None, None
            if not replay:
                lease = lease_devices(loaded, simulated, protection, guard)
                guardian = start_guardian(
                    loaded, simulated, folder, protection, settings=guard, pulse=pulse, lease=lease, clear=clear
                )
                twins = start_twins(loaded, simulated, seed, clock)
            if twins is not None:
                stack.callback(twins.close)
            tapes = open_tapes(loaded, simulated, clock, tape) if tape else None
            if tapes is not None:
                stack.callback(tapes.close)
            taped = tapes.addresses() if tapes is not None else {}
            opened = open_devices(loaded, addresses | twin_addresses(twins) | taped, clock, tapes, in_trouble=in_trouble)
            stack.callback(shut, opened.devices)
            made = cls(
                loaded,
                opened,
                seed=seed,
                clock=clock,
                simulated_devices=simulated,
                twins=twins,
                guardian=guardian,
                pulse=pulse,
                protection=protection,
                log=log,
                folder=folder,
                tapes=tapes,
                rehearsed=simulated - simulated_devices(loaded, simulate=False) if rehearse else None,
            )
            for told in device_events(made):
                made.record("device", **told)
            for text in guardian.tidings if guardian is not None else ():
                logger.warning("%s", text)
                made.record("note", text=text)
            stack.pop_all()
        return made

    # --- what there is ------------------------------------------------------------------------------------------------

    @property
    def simulated(self) -> bool:
        """Whether any device is a twin; what it feeds is marked so for good."""
        return bool(self.simulated_devices)

    @property
    def links(self) -> tuple[str, ...]:
        """Names of the bench's links, in the order of its file."""
        return tuple(self.bench.link)

    @property
    def control(self) -> Control:
        """The twins' control port (inject, reset); MissingCapabilityError on hardware."""
        if self.replayed:
            raise self.not_measured("there is no twin to inject anything into")
        if self._twins is None:
            raise MissingCapabilityError(f"bench {self.name} has no simulated device, so nothing can be injected into one")
        return self._twins.control

    def device(self, name: str) -> Instrument:
        """The driver of a device; UnknownNameError names the nearest."""
        if name not in self.devices:
            raise UnknownNameError(f"bench {self.name} has no device {name!r}; expected {nearest(name, self.devices)}")
        return self.devices[name]

    def link(self, name: str) -> Link | RecordedLink | RepeaterLink:
        """One link of the bench, always the same object; UnknownNameError names the nearest."""
        if name not in self.bench.link:
            raise UnknownNameError(f"bench {self.name} has no link {name!r}; expected {nearest(name, self.bench.link)}")
        if name not in self._links:
            self._links[name] = make_link(self, name)
        return self._links[name]

    def chain(self, name: str) -> RelayChain:
        """One chain of trusted nodes, always the same object; UnknownNameError names the nearest."""
        if name not in self.bench.chain:
            raise UnknownNameError(f"bench {self.name} has no chain {name!r}; expected {nearest(name, self.bench.chain)}")
        if name not in self._chains:
            from hil.testbed.relay_chain import RelayChain

            self._chains[name] = RelayChain(self, name)
        return self._chains[name]

    def classical(self, name: str) -> ClassicalChannel:
        """A classical channel of the present test by its name (``metro.classical``), made when first asked for."""
        if name not in self._channels:
            from hil.testbed.channel.classical_channel import ClassicalChannel

            self._channels[name] = ClassicalChannel(name, derive(self.seed, self.name, self.case))
            self.on_end(self._channels[name].close)
        return self._channels[name]

    def broken_classical(self, name: str) -> ClassicalChannel | None:
        """The same, where something of the present test has asked for it; else nobody can have broken it."""
        return self._channels.get(name)

    def now_s(self) -> float:
        """Bench time, in seconds."""
        return self.clock.now_ns() / 1e9

    def entropy(self, *key: str | int) -> Entropy:
        """Random bytes for one purpose of the present test: of the operating system, or on twins alone a keyed stream."""
        if self.clock.virtual:
            return SeededEntropy(derive(self.seed, self.name, self.case), *key)
        return SystemEntropy()

    # --- tests --------------------------------------------------------------------------------------------------------

    def begin(self, case: str) -> None:
        """A test starts: twins are reset with a seed of (run seed, bench, case), links forget, and everything is parked."""
        if self.case:
            self.end()
        if self._quarantined:
            raise BenchError(f"bench {self.name} is quarantined: {self._quarantined}. Look at it, then run `hil safe --clear`")
        if self.guardian is not None and self.guardian.owed:
            self._see_healed()
        if isinstance(self.clock, VirtualClock):
            self.clock.reset()
        if self._twins is not None:
            self._twins.control.reset(derive(self.seed, self.name, case))
        for link in self._links.values():
            link.forget()
        for chain in self._chains.values():
            chain.forget()
        self.case = case
        self.chaos_limits.forget()
        self.pulse.watch()
        self.history = None
        if self._tapes is not None:
            self._tapes.section(case)
        if self._twins is not None or self.replayed:
            self._come_into_step()
        self.park()

    def _see_healed(self) -> None:
        """What was healed in the dark, by whomever, is looked at before a test gets the bench."""
        from hil.testbed.injection.steady_proof import see_healed

        self.pulse.watch()
        try:
            if self._tapes is not None:
                self._tapes.section("steady state")
            if self._twins is not None:
                self._twins.control.reset(derive(self.seed, self.name, "steady state"))
                self._come_into_step()
            for link in self._links.values():
                link.forget()
            see_healed(self)
        finally:
            self.pulse.rest()

    def _come_into_step(self) -> None:
        """A reset twin was switched off and on, and some devices then say so once, in place of an answer."""
        for name in sorted(self.simulated_devices & self.devices.keys()):
            with suppress(ReplyError):
                self.devices[name].identity()

    def end(self) -> None:
        """The test is over: heal what is left, park, and see that nobody is gone; every trouble is raised, the parking done."""
        troubles: list[tuple[str, Exception]] = []
        try:
            while self._at_end:
                try:
                    self._at_end.pop()()
                except Exception as error:  # noqa: BLE001  (raised below; what is left has to be healed first)
                    troubles.append((f"end of {self.case or 'the test'}", error))
        finally:
            self._channels.clear()
            if self._tapes is not None:
                troubles += self._tapes.end(self.case)
            unparked = safe.park_all(self.bench, self.devices, boxed=not self.clock.virtual)
            troubles += unparked
            if self.case:
                told = {name for name, _ in unparked}
                left = {name: device for name, device in self.devices.items() if name not in told}
                troubles += safe.missing(left, self.identities, boxed=not self.clock.virtual)
            self.case = ""
            self._interrupted = False
            self._at_interrupt.clear()
            self.pulse.rest()
        if troubles:
            raise several(f"bench {self.name}: {len(troubles)} troubles at the end of a test", troubles)

    def not_measured(self, why: str) -> MissingCapabilityError:
        """What to raise where a replay has nothing to measure with; the rest of the test's tape may then be left over."""
        if self._tapes is not None:
            self._tapes.excuse()
        return MissingCapabilityError(f"bench {self.name} is {NOT_MEASURED}: {why}")

    def busy(self, duration: str | float) -> AbstractContextManager[None]:
        """A stretch of the test that does nothing with a real bench for so long, and is not hung all the same."""
        return self.pulse.expect(parse_duration(duration) if isinstance(duration, str) else duration)

    def quarantine(self, devices: Collection[str], why: str) -> None:
        """Real devices that could not be healed: this run and later ones leave the bench alone from here on."""
        real = sorted(set(devices) - self.simulated_devices)
        if self.guardian is not None and real:
            self._quarantined = f"{', '.join(real)}: {why}"
            self.guardian.quarantine(real, why)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call this at the end of the present test, last come first; what it raises is reported after parking."""
        self._at_end.append(callback)

    def on_interrupt(self, callback: Callable[[], None]) -> None:
        """Call this when the present test is interrupted, once it is dark, last come first."""
        self._at_interrupt.append(callback)

    def interrupt(self) -> None:
        """The run is being ended: light and bias go at once, and then undos; whether all of it shows is looked at afterwards.

        What cannot be done is left to :meth:`end`, which tells of it. A second call in a test does nothing.
        """
        callbacks, self._at_interrupt = self._at_interrupt, []
        if self.case and not self._interrupted:
            self._interrupted = True
            safe.park_all(self.bench, safe.first(self.bench, self.devices), boxed=not self.clock.virtual)
        while callbacks:
            with suppress(HilError, OSError):
                callbacks.pop()()

    def park(self) -> None:
        """Light blocked, bias off, temperatures held; every trouble is raised at the end."""
        safe.park(self.bench, self.devices, boxed=not self.clock.virtual)

    def close(self) -> None:
        """Heal, park, let go of every port and stop the twins; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:
            stack.callback(self._protection.close)
            if self._twins is not None:
                stack.callback(self._twins.close)
            if self._tapes is not None:
                stack.callback(self._tapes.close)
            stack.callback(shut, self.devices)
            self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    # --- record -------------------------------------------------------------------------------------------------------

    def record(self, kind: str, **data: Any) -> None:
        """Append an event of the present test to the run's record, if there is one."""
        if self.log is not None:
            self.log.append(kind, self.case, **data)

    def save_series(self, link: str, series: Series) -> None:
        """Keep series of the present test beside the run's record, if there is one."""
        if self.folder is not None:
            save_series(self.folder, self.case, link, series)
