"""Small parts: readings on the clock's queue, and pairing of released keys."""

from __future__ import annotations

import hashlib

import pytest

from hil.clock import VirtualClock
from hil.ports.secret import SecretBytes
from hil.testbed.released import ReleasedKeys
from hil.testbed.sampling import Sampler


class TestSampler:
    """Values read while somebody waits."""

    def test_it_reads_at_once_and_every_period_until_the_context_ends(self) -> None:
        clock = VirtualClock()
        clock.sleep(0.25)
        with Sampler(clock, 1.0, lambda: {"now_s": clock.now_ns() / 1e9}) as sampler:
            clock.sleep(2.5)
        clock.sleep(10.0)
        times_s, values = sampler.series()["now_s"]
        assert times_s.tolist() == pytest.approx([0.25, 1.25, 2.25])
        assert values.tolist() == times_s.tolist()

    def test_it_can_wait_for_the_first_period(self) -> None:
        clock = VirtualClock()
        with Sampler(clock, 1.0, lambda: {"one": 1.0}, at_once=False) as sampler:
            clock.sleep(3.0)
        assert sampler.series()["one"][0].tolist() == [1.0, 2.0, 3.0]

    def test_what_fell_due_while_nobody_waited_is_left_out(self) -> None:
        """As on real time, while a block is distilled: one late reading, then back on the beat."""
        clock = VirtualClock()

        def read() -> dict[str, float]:
            if clock.now_ns() == 1_000_000_000:
                clock.reset()
                clock.sleep(3.4)  # time passed without the queue being looked at
            return {"one": 1.0}

        with Sampler(clock, 1.0, read) as sampler:
            clock.sleep(1.0)
            clock.sleep(2.6)
        assert sampler.series()["one"][0].tolist() == pytest.approx([0.0, 1.0, 4.0, 5.0, 6.0])

    def test_an_error_while_reading_ends_the_wait(self) -> None:
        clock = VirtualClock()

        def read() -> dict[str, float]:
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError), Sampler(clock, 1.0, read, at_once=False):
            clock.sleep(5.0)
        clock.sleep(5.0)  # nothing is left on the queue


class TestReleasedKeys:
    """Keys of both ends by their ID."""

    @staticmethod
    def secret(text: str) -> SecretBytes:
        return SecretBytes(hashlib.sha256(text.encode()).digest(), 256)

    def test_a_key_waits_for_its_other_end(self) -> None:
        """One that only Alice released in one block may come from Bob in a later one."""
        keys = ReleasedKeys()
        one, two = self.secret("one"), self.secret("two")
        assert keys.add([("1", one), ("2", two)], [("2", two)]) == [("2", two, two)]
        assert keys.add([], [("1", one)]) == [("1", one, one)]
        assert keys.waiting() == (("2", two, two), ("1", one, one))

    def test_keys_that_differ_are_kept_as_they_are(self) -> None:
        """Nobody here compares them: that is the test's business."""
        keys = ReleasedKeys()
        ((_, of_a, of_b),) = keys.add([("1", self.secret("a"))], [("1", self.secret("b"))])
        assert of_a != of_b

    def test_taken_keys_are_gone(self) -> None:
        keys = ReleasedKeys()
        keys.add([("1", self.secret("a"))], [("1", self.secret("a"))])
        assert [key_id for key_id, _, _ in keys.take()] == ["1"]
        assert keys.waiting() == ()
        assert keys.take() == ()
