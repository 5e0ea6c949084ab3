"""What every fault has to keep, whoever wrote it.

Subclass :class:`FaultContract` in a test file of yours::

    from hil.suites.contracts.fault_contract import FaultContract

    class TestMyFault(FaultContract):
        @pytest.fixture
        def spec(self):
            return SPEC

        @pytest.fixture
        def chaos(self, testbed):
            return Chaos(testbed, testbed.link("metro"))

        arguments = {"delta_k": 2.0}

It covers the plan, evidence, healing, zero and refusals, on a twin or on a bench that allows it. It does not cover what the
fault does to a key: that is for the suites. Read a failing ``test_shows_and_heals`` first. New versions may add checks.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from hil.errors import EnvelopeError, HilError, MissingCapabilityError, UsageError
from hil.ports.spec import FaultSpec, Move, Range, Readings, Undo

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.clock import Clock
    from hil.ports.spec import FaultBench
    from hil.testbed.injection.chaos import Chaos
    from hil.testbed.injection.fault import Fault

__all__ = ["FaultContract", "WatchedBench"]


_SHORT_BLOCK_S = 0.1
"""A look at errors takes a block of its own where none is under way, and what it shows is known at its end."""


class WatchedBench:
    """A bench that notes every move, and can lack a role."""

    def __init__(self, bench: FaultBench, missing_role: str = "") -> None:
        self._bench = bench
        self._missing_role = missing_role
        self.moves: list[Move] = []
        self.before_move: Callable[[], None] = lambda: None

    @property
    def clock(self) -> Clock:
        return self._bench.clock

    def device_of_role(self, role: str) -> str:
        if role == self._missing_role:
            raise MissingCapabilityError(f"no {role} here")
        return self._bench.device_of_role(role)

    def devices_of_role(self, role: str) -> tuple[str, ...]:
        return self._bench.devices_of_role(role)

    def receiver_behind(self, device: str) -> str:
        return self._bench.receiver_behind(device)

    def declared(self, device: str) -> Any:
        return self._bench.declared(device)

    def read(self, device: str, setting: str) -> float:
        return self._bench.read(device, setting)

    def clicks(self, device: str) -> Readings:
        return self._bench.clicks(device)

    def glimpse(self, at_least_s: float = 0.0) -> Readings:
        return self._bench.glimpse(at_least_s)

    def write(self, device: str, setting: str, value: float) -> None:
        self.before_move()
        self._bench.write(device, setting, value)
        self.moves.append(Move(device, setting, value))

    def probe(self, channel: str) -> Readings:
        return self._bench.probe(channel)

    def settle_s(self, device: str) -> float:
        return self._bench.settle_s(device)


class FaultContract:
    """Checks of one fault. Provide ``spec``, ``chaos`` and, as attributes of the class, the arguments below."""

    arguments: ClassVar[dict[str, Any]] = {}
    """Settings under which the fault shows."""
    zero: ClassVar[dict[str, Any] | None] = None
    """Settings of zero; None for a fault that has none."""
    beyond: ClassVar[dict[str, Any] | None] = None
    """Settings outside the envelope, or impossible; None for a fault without a range."""
    stands: ClassVar[dict[tuple[str, str], float] | None] = None
    """Where each setting it moves stands under ``arguments``, by device and name, worked out by hand from what the bench file
    declares and what the settings mean; None where nobody did, and then how far it goes is not checked."""

    @pytest.fixture
    def spec(self) -> FaultSpec:
        """The fault under test."""
        raise NotImplementedError("give the fixture spec: the fault's SPEC")

    @pytest.fixture
    def chaos(self) -> Chaos:
        """Chaos on a link that the fault can be injected into."""
        raise NotImplementedError("give the fixture chaos: a hil.testbed.injection.chaos.Chaos")

    @pytest.fixture
    def bench(self, chaos: Chaos) -> WatchedBench:
        """The chaos' own bench, watched."""
        chaos.link.ensure_up()
        watched = WatchedBench(chaos.bench)
        chaos.bench = watched
        return watched

    def make(self, chaos: Chaos, spec: FaultSpec, **arguments: Any) -> Fault:
        """The fault by its name, as a test asks for it."""
        fault: Fault = getattr(chaos, spec.name.replace("-", "_"))(**arguments)
        return fault

    def test_spec_is_complete(self, spec: FaultSpec) -> None:
        """Name, words for people, what zero means, and settings that carry their unit."""
        assert isinstance(spec, FaultSpec)
        assert spec.name
        assert spec.name == spec.name.lower().replace("_", "-")
        for words in (spec.title, spec.zero, spec.acts_on, spec.target_role):
            assert words.strip()
        assert dataclasses.is_dataclass(spec.settings)
        assert spec.settings.__dataclass_params__.frozen  # type: ignore[attr-defined]
        for info in dataclasses.fields(spec.settings):
            assert "_" in info.name, f"{info.name}: expected a unit in the name, such as rate_hz"
            if info.type == "str":
                continue
            assert isinstance(spec.ranges.get(info.name), Range), f"{info.name}: expected its range, with its source, in ranges"
            assert spec.ranges[info.name].low < spec.ranges[info.name].high
            assert spec.ranges[info.name].source.strip()
        assert set(spec.magnitude) <= set(spec.ranges), (
            f"magnitude {spec.magnitude}: expected names of settings that have a range"
        )

    def test_shows_and_heals(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """The bench shows it in, as far as asked, then out, in words with what was read; confirmed healing ends its window."""
        with self.make(chaos, spec, **self.arguments) as fault:
            if self.stands is not None:
                there = {(move.device, move.setting): bench.read(move.device, move.setting) for move in bench.moves}
                assert there == pytest.approx(self.stands)
            assert fault.injected
            assert any(character.isdigit() for character in fault.evidence)
            assert bench.moves, "it shows without having moved anything"
            assert not fault.healed
        assert fault.healed
        assert any(character.isdigit() for character in fault.healing)
        assert fault.window is not None
        assert fault.window.healed
        assert fault.window.start_s < fault.window.end_s <= bench.clock.now_ns() / 1e9
        assert fault.window.evidence == fault.evidence

    def test_how_to_heal_is_known_before_anything_moves(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """At the first move every setting it touches is already in its undos, with the value it has then."""
        planned: list[tuple[Undo, ...]] = []
        fault = self.make(chaos, spec, **self.arguments)

        def look() -> None:
            if not bench.moves:
                planned.append(fault.undos)
                assert all(bench.read(undo.device, undo.setting) == undo.value for undo in fault.undos)

        bench.before_move = look
        with fault:
            touched = {(move.device, move.setting) for move in bench.moves}
        assert planned
        assert touched <= {(undo.device, undo.setting) for undo in planned[0]}

    def test_healing_restores_exactly(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """Every setting it touched stands where it stood, to the last digit read back."""
        fault = self.make(chaos, spec, **self.arguments)
        with fault:
            stood = {(undo.device, undo.setting): undo.value for undo in fault.undos}
            moved = {(move.device, move.setting): bench.read(move.device, move.setting) for move in bench.moves}
        assert stood
        for key in moved:
            assert bench.read(*key) == stood[key]
        assert any(moved[key] != stood[key] for key in moved), "nothing it moved was elsewhere while it was in"

    def test_undos_are_absolute(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """Carried out once more they change nothing."""
        with self.make(chaos, spec, **self.arguments) as fault:
            pass
        for undo in reversed(fault.undos):
            bench.write(undo.device, undo.setting, float(undo.value))
            assert bench.read(undo.device, undo.setting) == undo.value

    def test_healing_twice_does_nothing(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """Whoever cleans up need not know who did before."""
        with self.make(chaos, spec, **self.arguments) as fault:
            fault.end()
            moves, window = list(bench.moves), fault.window
        fault.end()
        chaos.finish()
        assert bench.moves == moves
        assert fault.window == window

    def test_heals_after_an_exception(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """A test that breaks inside leaves the bench as it was, and its own exception is what comes out."""
        with pytest.raises(ZeroDivisionError), self.make(chaos, spec, **self.arguments) as fault:
            raise ZeroDivisionError
        assert fault.healed
        assert all(bench.read(undo.device, undo.setting) == undo.value for undo in fault.undos)

    def test_comes_and_goes_by_itself(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """Scheduled with a duration, it is in and healed at its time while somebody waits for the clock."""
        start_s = bench.clock.now_ns() / 1e9
        fault: Fault = getattr(chaos.at("2 s"), spec.name.replace("-", "_"))(duration="8 s", **self.arguments)
        bench.clock.sleep(1.9)
        assert not bench.moves
        bench.clock.sleep(600.0)
        assert fault.healed
        assert fault.window is not None
        assert -1e-6 < fault.window.start_s - start_s - 2.0 < _SHORT_BLOCK_S
        assert fault.window.end_s >= start_s + 10.0

    def test_zero_means_what_it_says(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """At zero nothing moves, and the evidence says so."""
        if self.zero is None:
            pytest.skip(f"{spec.name}: {spec.zero}")
        with self.make(chaos, spec, **self.zero) as fault:
            assert not bench.moves
            assert "zero" in fault.evidence
        assert fault.healed
        assert all(bench.read(undo.device, undo.setting) == undo.value for undo in fault.undos)

    def test_follows_a_ramp(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """Its settings rise in steps to where the step takes them, and healing puts them back from there."""
        if not spec.magnitude:
            with pytest.raises(UsageError, match="waveform"):
                self.make(chaos, spec, waveform="ramp 10 s", **self.arguments)
            return
        with self.make(chaos, spec, **self.arguments) as fault:
            at_once = {(move.device, move.setting): bench.read(move.device, move.setting) for move in bench.moves}
            stood = {(undo.device, undo.setting): undo.value for undo in fault.undos}
        bench.moves.clear()
        with self.make(chaos, spec, waveform="ramp 10 s", **self.arguments) as ramp:
            bench.clock.sleep(10.0)
            moved = list(bench.moves)
            assert {key: bench.read(*key) for key in at_once} == at_once
        assert ramp.healed
        assert [level for _, level in ramp.levels] == pytest.approx([step / 20.0 for step in range(1, 21)])
        ways = []
        for key in at_once:
            way = [float(stood[key]), *(float(move.value) for move in moved if (move.device, move.setting) == key)]
            assert way == sorted(way, reverse=way[-1] < way[0])
            ways.append(len(way))
        assert max(ways) > 2, "everything went there at once"
        assert all(bench.read(*key) == value for key, value in stood.items())

    def test_out_of_range_is_refused_with_nothing_moved(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """Beyond the envelope, or impossible: refused, and no setting stands elsewhere."""
        if self.beyond is None:
            pytest.skip(f"{spec.name} has no range: {spec.zero}")
        with pytest.raises((EnvelopeError, UsageError)) as refused, self.make(chaos, spec, **self.beyond):
            pytest.fail("was injected")
        assert isinstance(refused.value, HilError)
        assert not bench.moves
        assert not list(chaos.link.windows)

    def test_a_link_without_the_device_is_a_skip(self, chaos: Chaos, spec: FaultSpec, bench: WatchedBench) -> None:
        """What the bench does not have is a missing capability, not a failure."""
        chaos.bench = WatchedBench(bench, missing_role=spec.target_role)
        with pytest.raises(MissingCapabilityError, match=spec.target_role):
            self.make(chaos, spec, **self.arguments)
        assert not bench.moves
