"""Recorded pairs between two parties: what comes out, and what each says on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hil.errors import SynchronisationError
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Check, EventTimes, Halves, PairedEvents, Parities, Settings, Stop, decode, encode
from hil.pipeline.pairs import AlicePairs, BobPairs, PairSettings
from hil.pipeline.stepping import run_pair
from hil.ports.detections import TimeTags

SETTINGS = PairSettings(half_window_ticks=3)


@dataclass(frozen=True)
class Truth:
    """Both parties' tags, and what was put into them."""

    alice: TimeTags
    bob: TimeTags
    sifted: tuple[int, int]
    errors: tuple[int, int]
    key: bytes
    """Alice's bits of the sifted pairs, in order of time, packed."""


def _truth(seed: int = 1, *, pairs: int = 900, error_ratio: float = 0.03, others: int = 300) -> Truth:
    """Pairs 100 ticks apart or more, so that none is ambiguous; settings drawn at both ends; lone events in between."""
    random = np.random.default_rng(seed)
    ticks = np.cumsum(random.integers(100, 4000, pairs))
    setting_a, setting_b, bit = random.integers(0, 2, (3, pairs))
    flipped = random.random(pairs) < error_ratio
    same = setting_a == setting_b
    lone = [np.setdiff1d(random.integers(0, ticks[-1], others), np.add.outer(ticks, np.arange(-9, 10))) for _ in range(2)]
    tags = []
    for setting, value, alone, delay in ((setting_a, bit, lone[0], 0), (setting_b, bit ^ flipped, lone[1], 12_345)):
        at = np.concatenate([ticks, alone]) + delay
        channel = np.concatenate([2 * setting + value, random.integers(0, 4, alone.size)])
        order = np.argsort(at, kind="stable")
        tags.append(TimeTags(at[order], channel[order].astype(np.uint8)))
    counts = [
        tuple(int(np.count_nonzero(chosen & (setting_a == which))) for which in (0, 1)) for chosen in (same, same & flipped)
    ]
    return Truth(tags[0], tags[1], counts[0], counts[1], np.packbits(bit[same].astype(np.uint8)).tobytes())


def _exchange(truth: Truth, interceptor=None, seed: int = 5):
    alice = AlicePairs(SETTINGS, SeededEntropy(seed, "a")).exchange(truth.alice)
    bob = BobPairs(SETTINGS, SeededEntropy(seed, "b")).exchange(truth.bob)
    return run_pair(alice, bob, interceptor)


class _Listener:
    """Passes every message on and keeps it."""

    def __init__(self):
        self.heard = []

    def __call__(self, message):
        self.heard.append((message.direction, decode(message.data)[1]))
        return [message.data]

    def kinds(self, direction):
        return [type(said) for way, said in self.heard if way == direction]


class TestExchange:
    """Both parties end with Alice's bits, and with the counts that were put in."""

    @pytest.mark.parametrize("error_ratio", [0.0, 0.005, 0.03, 0.11])
    def test_errors_are_counted_exactly_and_corrected(self, error_ratio):
        """Sifted bits and errors of each setting are those drawn; Bob's corrected bits are Alice's."""
        truth = _truth(error_ratio=error_ratio)
        for result in _exchange(truth):
            assert result.sifted == truth.sifted
            assert result.errors == truth.errors
            assert result.bits is not None
            assert result.bits.reveal() == truth.key
            assert result.bits.test

    def test_both_parties_keep_the_same_books(self):
        """Parities of either side, hash and sentence agree, and so do the events they call pairs."""
        truth = _truth()
        alice, bob = _exchange(truth)
        assert (alice.parities_of_alice, alice.parities_of_bob, alice.check_bits) == (
            bob.parities_of_alice,
            bob.parities_of_bob,
            bob.check_bits,
        )
        assert alice.sentence == bob.sentence
        assert np.array_equal(truth.alice.ticks[alice.events] + 12_345, truth.bob.ticks[bob.events])
        assert bob.synchronisation is None

    def test_pairs_that_cross_in_time_stay_together(self):
        """Alice's 10 goes to Bob's 11, her 12 to his 8: both parties list the two in the same order."""
        truth, end = _truth(), 10**7
        alice = TimeTags(
            np.append(truth.alice.ticks, [end + 10, end + 12]), np.append(truth.alice.channel, [0, 1]).astype(np.uint8)
        )
        late = np.array([8, 11]) + end + 12_345
        bob = TimeTags(np.append(truth.bob.ticks, late), np.append(truth.bob.channel, [1, 0]).astype(np.uint8))
        settings = PairSettings(half_window_ticks=4)
        of_a, of_b = run_pair(
            AlicePairs(settings, SeededEntropy(5, "a")).exchange(alice), BobPairs(settings, SeededEntropy(5, "b")).exchange(bob)
        )
        assert (alice.ticks[of_a.events[-2:]] - end).tolist() == [12, 10]
        assert (bob.ticks[of_b.events[-2:]] - 12_345 - end).tolist() == [8, 11]
        assert of_a.errors == truth.errors
        assert of_a.bits == of_b.bits

    def test_parities_are_charged_as_they_go_over_the_channel(self):
        """Bits charged to Alice fit the bytes of her parity messages, of which less than a byte each is padding."""
        listener = _Listener()
        alice, _ = _exchange(_truth(), listener)
        parities = [said for _, said in listener.heard if isinstance(said, Parities)]
        sent_bits = 8 * sum(len(said.bits) for said in parities)
        assert sent_bits - 7 * len(parities) <= alice.parities_of_alice <= sent_bits
        halves = [said for _, said in listener.heard if isinstance(said, Halves)]
        assert alice.parities_of_bob >= 8 * sum(len(said.bits) for said in halves) - 7 * len(halves) > 0

    def test_it_says_in_words_that_this_is_no_key(self):
        """However good the bits are; settings that go together at both ends are one setting."""
        truth = _truth()
        alice, _ = _exchange(truth)
        assert "equal at both ends; no key: a recording supports no claim of a secret key" in alice.sentence
        together = TimeTags(truth.bob.ticks, truth.bob.channel & 1)
        alice, _ = _exchange(Truth(TimeTags(truth.alice.ticks, truth.alice.channel & 1), together, (0, 0), (0, 0), b""))
        assert "no key: a recording in one setting supports no claim of a secret key" in alice.sentence

    def test_bits_show_nowhere(self):
        """A result may be printed."""
        truth = _truth()
        alice, _ = _exchange(truth)
        assert "<secret" in repr(alice)
        assert truth.key.hex() not in repr(alice)
        assert repr(truth.key) not in repr(alice)

    def test_the_seed_decides_what_is_disclosed_not_what_comes_out(self):
        """The same seed gives the same exchange; another shuffles otherwise, over the same bits."""
        truth = _truth()
        first, again, other = (_exchange(truth, seed=seed)[0] for seed in (5, 5, 6))
        assert (first.disclosed_bits, first.bits) == (again.disclosed_bits, again.bits)
        assert first.bits == other.bits
        assert first.disclosed_bits != other.disclosed_bits


class TestWhatIsSaid:
    """Neither party says more than times, pairs and settings, and what correction takes."""

    def test_the_order_of_the_conversation(self):
        """Bob: times, settings; Alice: pairs; then parities; at the end Alice's hash."""
        listener = _Listener()
        _exchange(_truth(), listener)
        assert listener.kinds("b->a")[:2] == [EventTimes, Settings]
        assert listener.kinds("a->b")[0] is PairedEvents
        assert set(listener.kinds("a->b")[1:-1]) == {Parities}
        assert listener.kinds("a->b")[-1] is Check

    def test_announcements_do_not_depend_on_the_bits(self):
        """With every bit of both parties turned over, all that is said before correction is the same, byte for byte."""
        truth = _truth()
        turned = Truth(
            TimeTags(truth.alice.ticks, truth.alice.channel ^ 1),
            TimeTags(truth.bob.ticks, truth.bob.channel ^ 1),
            truth.sifted,
            truth.errors,
            b"",
        )
        said = []
        for one in (truth, turned):
            listener = _Listener()
            _exchange(one, listener)
            said.append([message for _, message in listener.heard if isinstance(message, EventTimes | PairedEvents | Settings)])
        assert said[0] == said[1]
        assert len(said[0]) == 3


class TestTrouble:
    """Whatever happens on the channel, both parties end, and never with different bits."""

    @pytest.mark.parametrize("number", range(12))
    @pytest.mark.parametrize("direction", ["a->b", "b->a"])
    def test_a_changed_bit_never_gives_different_bits(self, number, direction):
        """One bit of one message turned over: both have the same bits in the end, or at least one has none and says why."""

        def turn(message):
            if (message.direction, message.number) != (direction, number):
                return [message.data]
            data = bytearray(message.data)
            data[-1] ^= 0x80
            return [bytes(data)]

        alice, bob = _exchange(_truth(), turn)
        if alice.bits is None or bob.bits is None:
            assert "nothing: " in alice.sentence + bob.sentence
        else:
            assert alice.bits == bob.bits

    def test_bits_that_hash_to_something_else_are_kept_by_neither(self):
        """A hash that does not fit ends both without bits, after errors were counted."""

        def replace(message):
            header, said = decode(message.data)
            if isinstance(said, Check):
                return [encode(header, Check(said.check_key, bytes(len(said.check))))]
            return [message.data]

        for result in _exchange(_truth(), replace):
            assert result.bits is None
            assert "differed after error correction" in result.sentence
            assert result.errors is not None

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_a_lost_message_ends_both(self, number):
        """A message that never comes is a cut channel, for both."""
        alice, bob = _exchange(_truth(), lambda m: [] if (m.direction, m.number) == ("b->a", number) else [m.data])
        assert alice.bits is bob.bits is None
        assert "cut, or a message was lost" in alice.sentence or "dropped, replayed or out of order" in alice.sentence

    @pytest.mark.parametrize(
        "pairs",
        [
            PairedEvents(2, 1, bytes([5, 0]), bytes(1)),  # an event twice
            PairedEvents(1, 4, (10**6).to_bytes(4, "little"), bytes(1)),  # an event that is not his
            PairedEvents(1, 3, bytes(3), bytes(1)),  # a width that does not exist
        ],
    )
    def test_bob_refuses_pairs_that_cannot_be(self, pairs):
        """What Alice says is checked before it is used."""

        def replace(message):
            header, said = decode(message.data)
            return [encode(header, pairs) if isinstance(said, PairedEvents) else message.data]

        alice, bob = _exchange(_truth(), replace)
        assert bob.bits is alice.bits is None
        assert "changed, dropped, replayed or out of order" in bob.sentence
        assert "as Bob reports" in alice.sentence

    def test_alice_refuses_times_that_cannot_be(self):
        """More events than any recording has are no list of times."""

        def replace(message):
            header, said = decode(message.data)
            return [encode(header, EventTimes(0, 1 << 40, 1, b"")) if isinstance(said, EventTimes) else message.data]

        alice, _ = _exchange(_truth(), replace)
        assert "1099511627776 events" in alice.sentence

    def test_without_a_peak_bob_is_told(self):
        """Alice raises; what she sent before ends Bob in words."""
        random = np.random.default_rng(3)
        alone = [TimeTags(np.sort(random.integers(0, 10**6, 200)), np.zeros(200, np.uint8)) for _ in range(2)]
        listener = _Listener()
        alice = AlicePairs(SETTINGS, SeededEntropy(1, "a")).exchange(alone[0])
        bob = BobPairs(SETTINGS, SeededEntropy(1, "b")).exchange(alone[1])
        with pytest.raises(SynchronisationError, match="no coincidence peak"):
            run_pair(alice, bob, listener)
        assert listener.heard[-1] == ("a->b", Stop("no peak"))

    def test_pairs_in_different_settings_only_give_nothing(self):
        """Nothing sifted is said so by both."""
        truth = _truth()
        odd = Truth(
            TimeTags(truth.alice.ticks, np.zeros_like(truth.alice.channel)),
            TimeTags(truth.bob.ticks, np.full_like(truth.bob.channel, 3)),
            (0, 0),
            (0, 0),
            b"",
        )
        for result in _exchange(odd):
            assert result.bits is None
            assert "none was measured in the same setting" in result.sentence


class TestMoreSettings:
    """Three settings a party, of which two are common to both, as E91 has them."""

    SETTINGS = PairSettings(half_window_ticks=3, settings=3, common=2)

    def _tags(self):
        random = np.random.default_rng(4)
        ticks = np.cumsum(random.integers(100, 4000, 1800))
        a, b, bit = random.integers(0, [[3], [3], [2]], (3, ticks.size))
        tags = [TimeTags(at, (2 * setting + bit).astype(np.uint8)) for at, setting in ((ticks, a), (ticks + 12_345, b))]
        return tags, a, b, bit

    def test_only_common_settings_are_sifted(self):
        """Pairs that both measured in their third setting have a number in common and nothing else."""
        tags, a, b, bit = self._tags()
        alice, bob = run_pair(
            AlicePairs(self.SETTINGS, SeededEntropy(5, "a")).exchange(tags[0]),
            BobPairs(self.SETTINGS, SeededEntropy(5, "b")).exchange(tags[1]),
        )
        same = (a == b) & (a < 2)
        assert alice.sifted == bob.sifted == tuple(np.bincount(a[same]).tolist())
        assert alice.errors == (0, 0)
        assert alice.bits.reveal() == bob.bits.reveal() == np.packbits(bit[same].astype(np.uint8)).tobytes()
        assert "in one setting" not in alice.sentence

    @pytest.mark.parametrize("settings", [1, 2, 3, 4, 5])
    def test_settings_come_back_as_they_went(self, settings):
        """In as many bits as the largest takes: none is lost, and two settings take a bit each as ever."""
        numbers = np.random.default_rng(settings).integers(0, settings, 101).astype(np.uint8)
        known = PairSettings(half_window_ticks=1, settings=settings, common=1)
        packed = known.pack(numbers)
        assert len(packed) == -(-101 * {1: 1, 2: 1, 3: 2, 4: 2, 5: 3}[settings] // 8)
        assert known.unpack(packed, 101).tolist() == numbers.tolist()
