"""The link under test: its devices, light on and off, and what can be run and measured over it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from hil.bench.wording import nearest
from hil.errors import MissingCapabilityError, UnknownNameError
from hil.physics.prediction import predict
from hil.pipeline.settings import KeyFate
from hil.pipeline.transcript import TranscriptWriter
from hil.ports.identity import EvidenceLevel
from hil.testbed import balancing, lighting, measuring, running
from hil.testbed.detector import Detector
from hil.testbed.distilling import Session, declared_source
from hil.testbed.gamedays.key_history import note_blocks
from hil.testbed.injection.windows import FaultWindows
from hil.testbed.released import ReleasedKeys, batch_digest
from hil.testbed.restarts import Restarts
from hil.testbed.surveying import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from hil.bench.model import ReceiverDevice, SwitchDevice, TransmitterDevice
    from hil.device_sims.world.month import Change, Survey
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Interceptor
    from hil.ports.detections import DetectionRecords, SourceDeclaration, TagRecords
    from hil.ports.roles import Attenuator, OpticalSwitch, PairSource, PowerMeter, Receiver, TemperatureController, Transmitter
    from hil.ports.run import (
        Availability,
        BasisBalance,
        BlockReport,
        CalibrationLog,
        CountGates,
        InterClickGaps,
        LinkRun,
        Prediction,
    )
    from hil.ports.secret import SecretBytes
    from hil.testbed.channel.classical import TwoParties
    from hil.testbed.delivery import KeyDelivery
    from hil.testbed.measuring import Condition
    from hil.testbed.released import ReleasedKey
    from hil.testbed.testbed import Testbed

__all__ = ["Link"]


class Link:
    """A decoy-state BB84 link of the bench, real or simulated.

    ``declared`` is its table of the bench file, ``windows`` the fault windows of the present test, ``is_up`` whether it was
    brought up in this test, ``restarts`` which of its devices restarted since. ``watchers`` are shown the records of each block
    and its seconds, ``acquiring`` says that one is under way. Devices that the link does not have are None.
    """

    def __init__(self, testbed: Testbed, name: str) -> None:
        self.name = name
        self.testbed = testbed
        self.declared = testbed.bench.link[name]
        self.emitter: Transmitter | PairSource = self._driver(self._emitter_name)
        self.receiver: Receiver = self._driver(self.declared.parties["b"])
        self.switch: OpticalSwitch | None = self._of_role("switch")
        self.attenuator: Attenuator | None = self._of_role("attenuator")
        self.power_meter: PowerMeter | None = self._of_role("power-meter")
        self.temperature_controller: TemperatureController | None = self._of_role("temperature-controller")
        self.forget()

    def forget(self) -> None:
        """A new test: no key, no fault window, a link that is down, parties that share fresh authentication keys."""
        self.windows = FaultWindows()
        self.is_up = False
        self.restarts = Restarts(self)
        self.acquiring = False
        self.watchers: list[Callable[[tuple[DetectionRecords | TagRecords, ...], float], None]] = []
        self._released = ReleasedKeys()
        self._session: TwoParties | None = None
        self._source: SourceDeclaration | None = None
        self._sequence = 0

    # --- what it is ---------------------------------------------------------------------------------------------------

    @cached_property
    def device_names(self) -> tuple[str, ...]:
        """Every device of the link: parties, path in order, auxiliary ones; not its key management entities."""
        return tuple(name for name in self.declared.devices if name in self.testbed.devices)

    @property
    def transmitter(self) -> Transmitter:
        """What prepares the pulses."""
        return cast("Transmitter", self.emitter)

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Everything on the link that detects, the one the rest of this class calls the receiver first."""
        return (self.receiver,)

    def detector_names(self, receiver: Receiver) -> tuple[str, ...]:
        """What the detectors of one of its receivers are called in runs and counts."""
        return receiver.detectors

    def detector(self, name: str) -> Detector:
        """One detector by that name; UnknownNameError names the nearest."""
        known = {each: (one, number) for one in self.receivers for number, each in enumerate(self.detector_names(one))}
        if name not in known:
            raise UnknownNameError(f"link {self.name} has no detector {name!r}; expected {nearest(name, known)}")
        receiver, number = known[name]
        return Detector(name, number, receiver, self)

    @property
    def pulse_rate_hz(self) -> float:
        """Pulses, or coincidence slots, a second."""
        return float(self.source.pulse_rate_hz)

    @property
    def simulated(self) -> bool:
        """Whether any of its devices is a twin."""
        return not self.testbed.simulated_devices.isdisjoint(self.device_names)

    @property
    def level(self) -> EvidenceLevel:
        """How much raw data both of its ends show."""
        levels = [device.capabilities.level for device in (self.emitter, *self.receivers)]
        return min(EvidenceLevel.L3 if level is None else level for level in levels)

    @cached_property
    def prediction(self) -> Prediction:
        """What the closed forms expect of the link as the bench file declares it."""
        return predict(self.testbed.bench, self.name)

    @property
    def transmitter_declared(self) -> TransmitterDevice:
        """The transmitter's table of the bench file."""
        return cast("TransmitterDevice", self.testbed.bench.device[self.transmitter.name])

    @property
    def receiver_declared(self) -> ReceiverDevice:
        """The receiver's table of the bench file."""
        return cast("ReceiverDevice", self.testbed.bench.device[self.receiver.name])

    @property
    def switch_declared(self) -> SwitchDevice:
        """The switch's table of the bench file; MissingCapabilityError for a link without one."""
        return cast("SwitchDevice", self.testbed.bench.device[self.device_of_role("switch")])

    @property
    def source(self) -> Any:
        """What the transmitter says it sends; BenchError where the bench file says otherwise."""
        if self._source is None:
            self._source = declared_source(self)
        return self._source

    def device_of_role(self, role: str) -> str:
        """Name of the link's first device with that role (``switch``); MissingCapabilityError when it has none."""
        roles = {name: str(self.testbed.bench.device[name].__struct_config__.tag) for name in self.device_names}
        found = next((name for name, has in roles.items() if has == role), None)
        if found is None:
            raise MissingCapabilityError(
                f"link {self.name} has no {role}; expected {nearest(role, sorted(set(roles.values())))}"
            )
        return found

    def require(self, level: EvidenceLevel, what: str) -> None:
        """MissingCapabilityError where the link shows less than this evidence level."""
        if self.level < level:
            raise MissingCapabilityError(
                f"link {self.name} is of evidence level {self.level.name}; {what} take {level.name} or more"
            )

    # --- light --------------------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Bring every device to its operating point, switch through, bias and light on, and wait until it is settled."""
        lighting.up(self)
        self.is_up = True
        self.restarts.note()

    def ensure_up(self) -> None:
        """Bring the link up unless it was already; a fault or a test may have darkened it since, which stays so.

        A device that restarted since gets its bias or light back.
        """
        if not self.is_up:
            self.up()
        elif restarted := self.restarts.found():
            self.resume(restarted)

    def resume(self, restarted: tuple[str, ...]) -> None:
        """Have these devices go on, which restarted by themselves."""
        lighting.restore(self, restarted)
        self.restarts.note()
        text = f"{' and '.join(restarted)} restarted, and got bias or light back"
        self.testbed.record("note", text=text, time_s=self.testbed.now_s(), link=self.name)

    def down(self) -> None:
        """Light and bias off; nothing else moves."""
        lighting.down(self)
        self.is_up = False

    # --- runs and measurements ----------------------------------------------------------------------------------------

    def run(
        self,
        duration: str | float = "10 s",
        *,
        interceptor: Interceptor | None = None,
        transcript: Path | None = None,
        deliver_to: KeyDelivery | None = None,
    ) -> LinkRun:
        """Make key for that long; a link that is down is brought up first.

        Blocks have the declared length; a rest of half a block or more makes a shorter one, a smaller rest makes none.
        ``interceptor`` stands between the parties' messages, and ``transcript`` is a file that they are written to, for
        :func:`hil.pipeline.replaying.replay`. ``deliver_to`` takes the keys of each block as the run goes on; where its stores
        are full no block is begun until there is room (``held_s`` of the run). Of a black box (L0) the run holds what it claims
        and delivers.
        """
        return running.run(self, duration, running.Extras(interceptor, transcript, deliver_to))

    def released(self) -> tuple[ReleasedKey, ...]:
        """Keys that both parties released and no key store was given yet: (key ID, Alice's key, Bob's key)."""
        return self._released.waiting()

    def take_released(self, most: int | None = None) -> tuple[ReleasedKey, ...]:
        """As :meth:`released`, the oldest ``most`` or all, and they are gone from here: for whoever has a key store."""
        return self._released.take(most)

    def give_back(self, keys: Iterable[ReleasedKey]) -> None:
        """Keys that were taken and that no key store has, after all."""
        self._released.give_back(keys)

    def count_gates(self, condition: Condition = "lit", gates: int = 20, gate: str | float = "100 ms") -> list[CountGates]:
        """Clicks of each detector in equal gates: ``lit`` as the link stands, ``dark`` without light and on the dark port."""
        return measuring.count_gates(self, condition, gates, gate)

    def detector_balance(self, duration: str | float = "1 s", stretches: int = 20) -> list[BasisBalance]:
        """Clicks of bit 1 and of both detectors of each basis, in equal stretches, with the light on (L1).

        Of a receiver that tells times (L3) also those of the half of the clicks that come early, and of the late half.
        """
        return balancing.detector_balance(self, duration, stretches)

    def inter_click_gaps(self, duration: str | float = "1 s") -> list[InterClickGaps]:
        """Gaps between the clicks of each detector, in pulse periods (L3)."""
        return measuring.inter_click_gaps(self, duration)

    def watch(self, duration: str | float = "30 d") -> tuple[Availability, CalibrationLog]:
        """Leave the link alone for that long, then read both devices' own logs: was it up, when did it calibrate itself."""
        return measuring.watch(self, duration)

    def survey(
        self,
        duration: str | float = "30 d",
        *,
        every: str | float = "1 min",
        window: str | float = "10 ms",
        first: str | float = 0.0,
        changes: Sequence[Change] = (),
        workers: int = 1,
    ) -> Survey:
        """Clicks, key-basis bits and errors in a window every so often over that long; of a simulated link only.

        The link is lit from the first moment and as its bench file declares it, with its drift, weather and maintenance: what a
        test has set or injected does not show, ``changes`` do, each from its own time on. The first window begins at ``first``.
        The bench's own time stands still. The result is the same for any number of
        ``workers``, which are processes. MissingCapabilityError for a link with a real device.
        """
        return survey(self, duration, every, window, workers=workers, first=first, changes=changes)

    # --- for the runs themselves --------------------------------------------------------------------------------------

    def sent_pulses(self) -> int | None:
        """Alice's own count of the pulses that have left; None where nobody prepares any."""
        return self.transmitter.pulse_index()

    def next_sequence(self) -> int:
        """Number of the next block of this test, from 1."""
        self._sequence += 1
        return self._sequence

    @property
    def parties(self) -> TwoParties:
        """Alice and Bob of this test, who share what they made so far."""
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def transcript_writer(self, path: Path) -> TranscriptWriter:
        """Writes what both parties of a run say and hear; a context manager."""
        return TranscriptWriter(path, self.name, self.parties.settings_digest, self.declared.classical.lanes)

    def conclude(self, of_a: BlockResult, of_b: BlockResult) -> BlockReport:
        """Both ends of a block: what they released is kept."""
        if self.testbed.history is not None:
            note_blocks(self.testbed.history, self.testbed.now_s(), of_a, of_b)
        for end_a, end_b in ((of_a.settled, of_b.settled), (of_a, of_b)):
            self.keep(end_a.keys if end_a else (), end_b.keys if end_b else ())
        # a key that one end has released and the other has in doubt is not there yet
        return of_a.report if of_b.fate is KeyFate.RELEASED else of_b.report

    def keep(self, of_a: Iterable[tuple[str, SecretBytes]], of_b: Iterable[tuple[str, SecretBytes]]) -> int:
        """Keep what each end released, and record it; the bits that both have now and did not before."""
        keys = self._released.add(of_a, of_b)
        bits = sum(key.bit_length for _, key, _ in keys)
        if keys:
            self.testbed.record(
                "key",
                link=self.name,
                fingerprints=batch_digest(key for _, key, _ in keys),
                bits=bits,
            )
        return bits

    def observed(self, blocks: Sequence[BlockReport]) -> dict[str, Any]:
        """What a run of this kind of link holds besides: the source, from which the length that a block needs follows."""
        del blocks
        return {"source": self.source}

    def block_series(self, blocks: Sequence[BlockReport]) -> dict[str, Any]:
        """Series over blocks that only this kind of link has."""
        del blocks
        return {}

    def all_of_role(self, role: str) -> list[Any]:
        """Drivers of every device of the link with that role."""
        bench = self.testbed.bench
        return [self._driver(name) for name in self.device_names if str(bench.device[name].__struct_config__.tag) == role]

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _emitter_name(self) -> str:
        return self.declared.parties["a"]

    def _make_session(self) -> TwoParties:
        return Session(self)

    def _driver(self, name: str) -> Any:
        return self.testbed.device(name)

    def _of_role(self, role: str) -> Any:
        try:
            return self._driver(self.device_of_role(role))
        except MissingCapabilityError:
            return None
