"""Both parties on the shipped link with a receiver that tells times by its own clock: what must not confuse them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from hil.bench import load
from hil.bench.model import ReceiverDevice, TransmitterDevice
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.pipeline.authentication import KeyPool
from hil.pipeline.bits import unpack_steps
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Brightness, Header, Message, Stretches, Synchronised, decode, encode
from hil.pipeline.settings import BlockContext, DistillSettings, KeyFate
from hil.pipeline.stepping import run_pair
from hil.ports.detections import DetectorRole, ReceiverDeclaration, SourceDeclaration, TagTiming
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hil.pipeline.settings import BlockResult
    from hil.pipeline.stepping import Interceptor
    from hil.pipeline.stepping import Message as OnTheWay
    from hil.ports.detections import TagRecords

MS = 1_000_000
PRE_SHARED = bytes(range(256)) * 8
KM_NS = 1.468 / 299792.458 * 1e9
"""Nanoseconds of one kilometre of fibre of group index 1.468."""


class TaggedMetro:
    """Blocks of 200 ms; with an epsilon of 1e-4 the closed forms want 93 ms for key. ``bob``: keys of the receiver's table."""

    def __init__(self, *, seed: int = 3, tick_s: float = 125e-12, **bob: Any) -> None:
        bench = load("metro-25km")
        table = msgspec.structs.replace(bench.device["bob"], timing="tags", tick_s=tick_s, jitter_sigma_s=50e-12, **bob)
        self.world = World(msgspec.structs.replace(bench, device=bench.device | {"bob": table}), seed)
        self.world.set_emitting("alice", 0, emitting=True)
        self.world.set_biased("bob", 0, biased=True)
        alice = bench.device["alice"]
        assert isinstance(alice, TransmitterDevice)
        assert isinstance(table, ReceiverDevice)
        source = SourceDeclaration(
            alice.pulse_rate_hz, alice.intensities, alice.intensity_probabilities, alice.key_basis_probability
        )
        roles = tuple(DetectorRole(name, number // 2, number % 2) for number, name in enumerate(table.detectors))
        timing = TagTiming(Fraction(repr(tick_s)), table.window_s)
        receiver = ReceiverDeclaration(roles, "passive", table.dead_time_s, timing=timing)
        settings = DistillSettings("metro", source, receiver, epsilon_secrecy=1e-4)
        self.alice = Alice(settings, KeyPool(PRE_SHARED), SeededEntropy(seed, "alice"))
        self.bob = Bob(settings, KeyPool(PRE_SHARED), SeededEntropy(seed, "bob"))
        self.now_ns = 0
        self.sequence = 0

    def detect(self, length_ms: int = 200, *, halfway: Callable[[int], None] | None = None) -> tuple[BlockContext, TagRecords]:
        """The next block of raw data; ``halfway`` is told the time in its middle."""
        start_ns, self.now_ns = self.now_ns, self.now_ns + length_ms * MS
        first = self.world.pulse_index("alice", start_ns)
        self.world.start_block("bob", start_ns)
        if halfway is not None:
            halfway(start_ns + length_ms * MS // 2)
        self.world.stop_block("bob", self.now_ns)
        records = self.world.last_tags("bob")
        assert records is not None
        context = BlockContext(
            self.sequence,
            start_ns / 1e9,
            self.now_ns / 1e9,
            length_ms / 1e3,
            pulses=(first, self.world.pulse_index("alice", self.now_ns)),
        )
        self.sequence += 1
        return context, records

    def distil(
        self, context: BlockContext, records: Any, interceptor: Interceptor | None = None
    ) -> tuple[BlockResult, BlockResult]:
        def prepare(index: Any) -> Any:
            return self.world.prepare("alice", index)

        return run_pair(self.alice.block(context, prepare), self.bob.block(context, records), interceptor)

    def block(self, **about: Any) -> BlockResult:
        """One more block that both parties end alike; Bob's result."""
        interceptor = about.pop("interceptor", None)
        of_a, of_b = self.distil(*self.detect(**about), interceptor)
        assert of_a.fate is of_b.fate
        assert [key_id for key_id, _ in of_a.keys] == [key_id for key_id, _ in of_b.keys]
        if of_b.fate is KeyFate.RELEASED:
            assert of_a.report == of_b.report
        return of_b


def lines(result: BlockResult) -> dict[str, float]:
    """Of the ledger, by what was counted."""
    return {entry.what: entry.value for entry in result.report.ledger}


def delay_ns(result: BlockResult) -> float:
    return lines(result)["delay since the block began at the transmitter"]


def rate_ppm(result: BlockResult) -> float:
    return lines(result)["rate of the receiver's clock over the transmitter's"]


@pytest.mark.parametrize("tick_s", [125e-12, 156.25e-12])
def test_one_ppm_gives_key_and_is_recovered(tick_s: float) -> None:
    """Rate to 1e-3 ppm; the delay is that of 25 km, to the fraction of the 1 ns period that rounding to ticks leaves."""
    link = TaggedMetro(tick_s=tick_s, clock_error_ppm=1.0, clock_offset_s=86_400.0)
    for _ in range(2):
        result = link.block()
        assert result.fate is KeyFate.RELEASED
        assert rate_ppm(result) == pytest.approx(1.0, abs=1e-3)
        assert delay_ns(result) == pytest.approx(25.0 * KM_NS, abs=0.6)


def test_a_drifting_noisy_quartz_gives_key() -> None:
    """-47 ppm that change by 1 ppm a second, with a flicker floor of 1e-9: each block has the rate of its middle."""
    link = TaggedMetro(clock_error_ppm=-47.0, clock_drift_ppm_per_h=3600.0, clock_noise=1e-9)
    for number in range(3):
        result = link.block()
        assert result.fate is KeyFate.RELEASED
        assert rate_ppm(result) == pytest.approx(-47.0 + 0.1 + 0.2 * number, abs=0.02)


def test_half_a_kilometre_more_between_blocks_gives_key_in_both() -> None:
    """500 m of fibre are 2448.36 ns (group index 1.468), so 2448 pulses and a bit."""
    link = TaggedMetro()
    before = link.block()
    link.world.inject("metro", "length_km", 25.5, link.now_ns)
    after = link.block()
    assert before.fate is after.fate is KeyFate.RELEASED
    assert delay_ns(after) - delay_ns(before) == pytest.approx(0.5 * KM_NS, abs=0.1)


def test_half_a_kilometre_more_within_a_block_costs_the_stretch_it_happened_in() -> None:
    """Between two of eight stretches the count changed: a seventh of the block is dropped, the rest gives key."""
    link = TaggedMetro()
    result = link.block(halfway=lambda now_ns: link.world.inject("metro", "length_km", 25.5, now_ns))
    assert result.fate is KeyFate.RELEASED
    dropped = lines(result)["dropped: no sure pulse of this block"] / lines(result)["clicks"]
    assert 0.08 < dropped < 0.2
    assert result.report.key_errors is not None
    assert result.report.key_errors < 0.02 * result.report.sifted_key_bits


def test_a_ramp_of_one_kelvin_gives_key_all_along() -> None:
    """1 K over 25 km are 950 ps (38 ps per km and K), nearly a pulse: it comes in 20 steps over a second."""
    link = TaggedMetro()
    delays = []
    for block in range(5):
        for step in range(4):
            warm_c = 20.0 + (4 * block + step + 1) / 20.0
            link.world.inject("metro", "temperature_c", warm_c, link.now_ns + step * 50 * MS)
            link.world.counters("bob", link.now_ns)
        result = link.block()
        assert result.fate is KeyFate.RELEASED
        delays.append(delay_ns(result))
    assert delays[-1] - delays[0] == pytest.approx(0.95 * 0.8, abs=0.1)


@pytest.mark.parametrize("late", [-10_000_000, 10_000_000])
def test_ten_milliseconds_between_the_two_begins_are_found(late: int) -> None:
    """Alice's count is read 10 ms early or late; once found, the next block needs no wide search."""
    link = TaggedMetro()
    link.now_ns = 100 * MS
    context, records = link.detect()
    first, end = context.pulses
    of_a, of_b = link.distil(replace(context, pulses=(first + late, end + late)), records)
    assert of_a.fate is of_b.fate is KeyFate.RELEASED
    assert delay_ns(of_b) == pytest.approx(25.0 * KM_NS + late, abs=0.6)
    assert link.block().fate is KeyFate.RELEASED


def with_dark_counts(records: TagRecords, number: int) -> TagRecords:
    """The same block with so many clicks more, at any time and in any detector."""
    rng = stream(1, "more dark counts", number)
    ticks = np.concatenate([records.ticks, rng.integers(records.first, records.end, number)])
    detector = np.concatenate([records.detector, rng.integers(0, 4, number, dtype=np.uint8)])
    order = np.argsort(ticks, kind="stable")
    return replace(records, ticks=ticks[order], detector=detector[order])


def test_a_receiver_in_the_dark_has_no_synchronisation() -> None:
    """Nothing but the twin's own dark counts, of 20 kcps a detector."""
    link = TaggedMetro(dark_count_rate_hz=20_000.0)
    link.world.set_emitting("alice", 0, emitting=False)
    of_a, of_b = link.distil(*link.detect())
    assert of_a.fate is of_b.fate is KeyFate.DISCARDED
    assert "no period within 100 ppm" in of_b.report.sentence


def test_a_shuffled_stream_has_no_synchronisation() -> None:
    """Clicks at any time have no period: both parties say so, and nothing is guessed."""
    link = TaggedMetro()
    context, records = link.detect()
    nothing = replace(records, ticks=records.ticks[:0], detector=records.detector[:0])
    of_a, of_b = link.distil(context, with_dark_counts(nothing, 100_000))
    assert of_a.fate is of_b.fate is KeyFate.DISCARDED
    assert "no synchronisation: 100,000 clicks show no period within 100 ppm" in of_b.report.sentence
    assert "no synchronisation" in of_a.report.sentence


def test_dark_counts_beside_the_pulses_are_dropped() -> None:
    """6,000 uniform clicks on 600,000, 125 times the declared dark counts: the window of 600 ps in 1 ns takes out 40 %.

    Bounds for a false alarm of 1e-6: 4.9 standard deviations of a binomial law, and 0.1 % of the light for its jitter's tails.
    """
    # in step with the pulses, ticks of 125 ps would keep five of their eight; afterpulses come at any time too
    link = TaggedMetro(clock_error_ppm=7.0, afterpulse_probability=0.0)
    context, records = link.detect()
    added = 6_000
    of_a, of_b = link.distil(context, with_dark_counts(records, added))
    assert of_a.report == of_b.report
    outside = lines(of_b)["dropped: outside the window around a pulse"]
    spread = 4.9 * (added * 0.4 * 0.6) ** 0.5
    assert 0.4 * added - spread < outside < 0.4 * added + spread + 0.001 * records.ticks.size
    assert of_a.fate is of_b.fate is KeyFate.RELEASED
    # every click is announced or stands in one line; a pulse dropped or drawn for has two or more, of one detector a few times
    told = lines(of_b)
    crossed, doubled = told["dropped: clicks in both bases"], told["random bit: several clicks in one basis"]
    gone = sum(
        value for what, value in told.items() if what.startswith("dropped") and value == int(value) and "basis" not in what
    )
    left = told["clicks"] - told["announced"] - (gone - crossed) - 2 * crossed - doubled
    assert 0 <= left <= 2 * crossed + 100


def test_clicks_of_another_transmitter_have_no_offset() -> None:
    """Pulses of the right period that Alice did not send: the period is found, the brightness fits nowhere."""
    link = TaggedMetro()
    other = TaggedMetro(seed=99)
    context, _ = link.detect()
    _, records = other.detect()
    of_a, of_b = link.distil(context, records)
    assert of_a.fate is of_b.fate is KeyFate.DISCARDED
    assert "follow the brightness of the sent pulses at no offset" in of_b.report.sentence


def test_disclosed_pulses_make_no_key_and_are_counted() -> None:
    """What the ledger takes out adds up, and no announced event lies in a pulse whose intensity was told."""
    link = TaggedMetro(clock_error_ppm=5.0)
    heard: dict[type, Any] = {}

    def listen(message: OnTheWay) -> Iterable[bytes]:
        _, body = decode(message.data)
        heard[type(body)] = body
        return (message.data,)

    result = link.block(interceptor=listen)
    told = lines(result)
    stretches, detections = heard[Stretches], next(body for kind, body in heard.items() if kind.__name__ == "Detections")
    assert told["intensities disclosed, of pulses without key"] == len(stretches.starts) * stretches.length
    index = unpack_steps(detections.steps, detections.width, detections.events, detections.first)
    for start in stretches.starts:
        assert not ((index >= start) & (index < start + stretches.length)).any()
    # about 320 clicks a stretch
    assert 8 * 200 < told["dropped: pulse disclosed for synchronisation"] < 8 * 440


@pytest.mark.parametrize(
    "asked",
    [
        Stretches((), 100),
        Stretches((0, 50), 100),
        Stretches((1 << 40,), 100),
        Stretches((-5,), 100),
        Stretches((0,), 1 << 25),
        Stretches((0,), 0),
        Stretches(tuple(range(0, 9000, 1000)), 100),
    ],
    ids=["none", "overlapping", "not sent yet", "before the block", "too long", "empty", "too many"],
)
def test_alice_tells_nothing_of_pulses_she_should_not(asked: Stretches) -> None:
    """Least of all of pulses that are still to be sent: the block ends as if a message had been changed."""
    link = TaggedMetro()
    seen: list[type] = []

    def change(message: OnTheWay) -> Iterable[bytes]:
        header, body = decode(message.data)
        seen.append(type(body))
        return (encode(header, asked) if isinstance(body, Stretches) else message.data,)

    assert link.block(interceptor=change).fate is KeyFate.DISCARDED
    assert Brightness not in seen


@pytest.mark.parametrize(
    "changed",
    [Synchronised(float("nan"), 0.0, 0, 0, 0), Synchronised(0.0, 0.0, -1, 0, 0), Synchronised(0.0, 1e300, 0, 0, 0)],
    ids=["nan", "negative", "far"],
)
def test_impossible_synchronisations_are_refused(changed: Message) -> None:
    """Numbers that cannot be end the block at Alice."""
    link = TaggedMetro()

    def change(message: OnTheWay) -> Iterable[bytes]:
        header, body = decode(message.data)
        return (
            (encode(Header(header.sender, header.number, header.block), changed),)
            if isinstance(body, Synchronised)
            else (message.data,)
        )

    result = link.block(interceptor=change)
    assert result.fate is KeyFate.DISCARDED


def test_records_of_the_other_kind_are_a_mistake() -> None:
    """Pulse indices where tags are declared are no block to distil."""
    link = TaggedMetro()
    context, _ = link.detect()
    indices = link.world.last_block("bob")
    assert indices is not None
    with pytest.raises(UsageError, match="DetectionRecords of a receiver"):
        link.distil(context, indices)
