"""Random sequences of faults on a simulated bench, as a hypothesis state machine: overlapping, healed in any order.

Every sequence is drawn from one seed and begins on a world of its own, so it can be run again from that seed alone. Any fault
that is found by name is drawn, with settings out of the ranges it declares. After every step the life of the keys is judged;
whenever nothing is broken, everything that was set or injected must stand as it did before; in the end the link must give key.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, ClassVar, cast
from unittest.mock import patch

import msgspec
from hypothesis import HealthCheck, Phase, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from hil.bench import load
from hil.discovery import find, names
from hil.errors import (
    DeviceError,
    EnvelopeError,
    FaultWithoutEvidenceError,
    HealingError,
    MissingCapabilityError,
    UsageError,
)
from hil.history.checkers import CHECKERS
from hil.history.checking import check
from hil.history.steps import History
from hil.testbed.channel.classical_channel import KME_CHANNEL
from hil.testbed.delivery import KeyDelivery
from hil.testbed.gamedays.applications import Applications
from hil.testbed.injection.chaos import Chaos

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hil.bench.model import Bench
    from hil.ports.spec import FaultSpec
    from hil.testbed.injection.fault import Fault
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

__all__ = ["FaultSequences", "drawable", "play", "quick_bench", "sequence"]

BLOCK_S = 0.06
STEPS = 7
_REFUSED = (MissingCapabilityError, UsageError, EnvelopeError)
_WAVEFORMS = ("step", "ramp 2 s", "burst 1 s every 3 s", "random-walk 1 s")
_COUNTED = ("bytes", "keys", "counts", "bits", "number")
_WAYS = {"clock_way": ("ahead", "behind"), "cut_way": ("both", "a->b", "b->a"), "reorder_way": ("both", "a->b", "b->a")}
_STANDS = 1e-9
_GIVEN_BACK = {"biased", "emitting"}
_FINE = 1000
"""Parts of a range that settings are drawn in."""


def quick_bench() -> Bench:
    """The metropolitan link with bases half and half and exact bounds: the closed forms want 20 ms of it for key.

    So a block of 60 ms gives some, at a twentieth of the clicks of a shipped one.
    """
    bench = load("metro-25km", simulate=True)
    link = bench.link["metro"]
    proof = msgspec.structs.replace(link.proof, epsilon_secrecy=1e-4, bounds="exact")
    devices = {
        name: msgspec.structs.replace(device, key_basis_probability=0.5) if name in {"alice", "bob"} else device
        for name, device in bench.device.items()
    }
    return msgspec.structs.replace(
        bench, device=devices, link={"metro": msgspec.structs.replace(link, block_s=BLOCK_S, proof=proof)}
    )


class FaultSequences(RuleBasedStateMachine):
    """One sequence. ``trace`` says what the last one did, step by step."""

    testbed: ClassVar[Testbed]
    faults: ClassVar[Mapping[str, FaultSpec]]
    trace: ClassVar[list[str]]
    thorough: ClassVar[bool] = True
    """Whether the link must give key again in the end, and the stores everything they took."""

    @initialize(nonce=st.integers(0, 2**32 - 1))
    def begin(self, nonce: int) -> None:
        """A world of its own; hypothesis' first draw of all, zero, is none."""
        assume(nonce)
        type(self).trace = self.said = []
        self.testbed.begin(f"sequence {nonce}")
        self.link = cast("Link", self.testbed.link("metro"))
        self.testbed.history = self.history = History()
        self.link.up()
        self.applications: Applications | None = None
        if any(spec.target_role == KME_CHANNEL or "kme" in name for name, spec in self.faults.items()):
            self._start()
        self.chaos = Chaos(self.testbed, self.link)
        self.made: list[Fault] = []
        self.stood = self.testbed.control.snapshot()

    # --- what may happen ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.faults)
    @rule(data=st.data())
    def inject(self, data: st.DataObject) -> None:
        """Any fault, now; one that cannot be seen or that the bench refuses was taken back."""
        name, how = self._drawn(data)
        self._say(f"inject {name} {how}")
        with suppress(*_REFUSED, FaultWithoutEvidenceError, *self._gone()):
            fault = getattr(self.chaos, name)(**how)
            self.made.append(fault)
            fault.__enter__()

    @precondition(lambda self: self.faults)
    @rule(data=st.data(), wait_s=st.floats(0.01, 2.0), duration_s=st.floats(0.01, 5.0))
    def schedule(self, data: st.DataObject, wait_s: float, duration_s: float) -> None:
        """Any fault, in a while and for a while."""
        name, how = self._drawn(data)
        self._say(f"in {wait_s:g} s, for {duration_s:g} s: {name} {how}")
        with suppress(*_REFUSED, FaultWithoutEvidenceError, *self._gone()):
            self.made.append(getattr(self.chaos.at(wait_s), name)(duration=duration_s, **how))

    @precondition(lambda self: any(fault.state in {"in", "coming", "waiting"} for fault in self.made))
    @rule(data=st.data())
    def heal(self, data: st.DataObject) -> None:
        """One of those that are in, whichever came first or last."""
        there = [fault for fault in self.made if fault.state in {"in", "coming", "waiting"}]
        fault = data.draw(st.sampled_from(range(len(there))), label="which")
        self._say(f"heal {there[fault].fault}")
        with suppress(FaultWithoutEvidenceError, *self._gone()):
            there[fault].end()

    @rule()
    def block(self) -> None:
        """One block of the link, and its keys into the stores."""
        self._say("block")
        with suppress(FaultWithoutEvidenceError, *self._gone()):
            self.link.run(BLOCK_S)

    @rule(number=st.integers(1, 3))
    def use(self, number: int) -> None:
        """Applications at both ends ask for keys, and once more for one that they had."""
        self._say(f"use {number} keys")
        applications = self._start()
        self.delivery.take_in(8)
        applications.use(number)
        again = applications.ask_again()
        assert not again, again

    @rule(wait_s=st.floats(0.01, 20.0))
    def wait(self, wait_s: float) -> None:
        """Nothing, for a while."""
        self._say(f"wait {wait_s:g} s")
        with suppress(FaultWithoutEvidenceError, *self._gone()):
            self.testbed.clock.sleep(wait_s)

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_life_of_every_key_is_right(self) -> None:
        """Whatever is broken just now."""
        if hasattr(self, "history"):
            self._judge()

    @invariant()
    def nothing_is_left_behind(self) -> None:
        """Once everything is healed; light and bias that a restart took are given back by the next run."""
        if hasattr(self, "made") and all(fault.state in {"healed", "never"} for fault in self.made):
            given_back = _GIVEN_BACK if any(fault.fault == "reboot_mid_block" for fault in self.made) else set()
            left = [each for each in self._left() if each.split()[0].rpartition(".")[2] not in given_back]
            assert not left, f"left behind by {[fault.fault for fault in self.made]}: {left}"

    def teardown(self) -> None:
        """Heal what is in; then the link is itself again, and the stores lost nothing."""
        if not hasattr(self, "made"):
            return
        try:
            with suppress(FaultWithoutEvidenceError, *self._gone()):
                self.chaos.finish()
            self.chaos.finish()  # what could not be looked at while a device was gone
            self.nothing_is_left_behind()
            if not self.thorough:
                return
            self._say("afterwards")
            self.testbed.clock.sleep(self._settle_s())
            run = self.link.run(2 * BLOCK_S)  # a block that was in doubt is settled at the beginning of the next
            assert run.blocks[-1].released, f"the link does not come back: {run.blocks[-1].sentence}"
            left = list(self._left())
            assert not left, f"left behind for good: {left}"
            assert self._start().use_up(), "what was stored is not to be had"
            self._judge(unknown=False)
        finally:
            self.testbed.end()

    def _start(self) -> Applications:
        """Key management entities and their applications, once somebody needs them."""
        if self.applications is None:
            self.delivery = KeyDelivery(self.link)
            self.applications = Applications(self.delivery, self.history)
        return self.applications

    # --- inside -------------------------------------------------------------------------------------------------------

    def _drawn(self, data: st.DataObject) -> tuple[str, dict[str, Any]]:
        roles = sorted({spec.target_role for spec in self.faults.values()})
        role = data.draw(st.sampled_from(roles), label="what it acts on")  # first, as a dozen act on one channel
        name = data.draw(
            st.sampled_from(sorted(name for name, spec in self.faults.items() if spec.target_role == role)), label="fault"
        )
        spec = self.faults[name]
        how = data.draw(_settings_of(spec), label="settings")
        if spec.magnitude:
            how["waveform"] = data.draw(st.sampled_from(_WAVEFORMS), label="waveform")
        return name.replace("-", "_"), how

    def _gone(self) -> tuple[type[Exception], ...]:
        """What asking a device raises while a fault has taken its power: no other can be put on it, or seen healed, then."""
        gone = any(fault.fault == "reboot_mid_block" and fault.state not in {"healed", "never"} for fault in self.made)
        return (DeviceError, HealingError) if gone else ()

    def _judge(self, *, unknown: bool = True) -> None:
        good = {"valid", "unknown"} if unknown else {"valid"}
        wrong = [f"{each.name}: {each.words}" for each in check(self.history, CHECKERS) if each.validity not in good]
        assert not wrong, wrong

    def _left(self) -> Iterator[str]:
        now = self.testbed.control.snapshot()
        for key in sorted(self.stood.keys() | now.keys()):
            if abs(now.get(key, float("nan")) - self.stood.get(key, float("nan"))) <= _STANDS:
                continue
            if key in self.stood or key not in now:
                yield f"{'.'.join(key)} {now.get(key)}, stood at {self.stood.get(key)}"
        for channel in self.testbed._channels.values():
            yield from (f"{channel.name}.{name} {value}" for name, value in channel._settings.items() if value)

    def _settle_s(self) -> float:
        devices = (self.testbed.device(name) for name in self.link.device_names)
        return max(device.capabilities.settle_s for device in devices)

    def _say(self, words: str) -> None:
        self.said.append(words)


def _settings_of(spec: FaultSpec) -> st.SearchStrategy[dict[str, Any]]:
    """Every setting out of its declared range; one that may be left out is, now and then; one of those that may be None."""
    infos = fields(spec.settings)
    drawn = {info.name: strategy for info in infos if (strategy := _setting(spec, info)) is not None}
    either = sorted(info.name for info in infos if info.default is None)
    needed = {info.name for info in infos if info.default is MISSING}

    def of(one: str | None) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {name: strategy for name, strategy in drawn.items() if name in needed or name == one},
            optional={name: strategy for name, strategy in drawn.items() if name not in {*needed, *either}},
        )

    return st.one_of([of(one) for one in either or [None]])


def _setting(spec: FaultSpec, info: Field[Any]) -> st.SearchStrategy[Any] | None:
    if info.name in _WAYS:
        return st.sampled_from(_WAYS[info.name])
    if info.name not in spec.ranges:
        return None
    limits = spec.ranges[info.name]
    if info.name.rpartition("_")[2] in _COUNTED:
        return st.integers(round(limits.low), round(limits.high))
    return st.integers(0, _FINE).map(lambda part: limits.low + (limits.high - limits.low) * part / _FINE)


def drawable() -> dict[str, FaultSpec]:
    """Every fault that there is."""
    return {name: find("fault", name) for name in names("fault")}


def sequence(number: int, testbed: Testbed, faults: Mapping[str, FaultSpec]) -> type[FaultSequences]:
    """The machine of that seed."""

    class Sequence(FaultSequences):
        pass

    Sequence.testbed, Sequence.faults, Sequence.trace = testbed, faults, []
    return seed(number)(Sequence)


def play(machine: type[FaultSequences], *, sequences: int = 1, steps: int = STEPS) -> None:
    """Run one sequence of it, or several; what breaks is shrunk to the fewest steps that break it, and raised."""
    how = settings(
        max_examples=sequences,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    # hypothesis now and then draws a constant out of the modules that happen to be loaded, so a seed would not say it all
    with patch.object(HypothesisProvider, "_maybe_draw_constant", _no_constant):
        run_state_machine_as_test(machine, settings=how)


def _no_constant(*_of: object, **_how: object) -> None:
    """Drawn from the seed, like all others."""
