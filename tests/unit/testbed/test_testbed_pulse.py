"""A test that waits is told from one that hangs by how it waits."""

from __future__ import annotations

import threading
import time

import pytest

from hil.testbed.guard.pulse import Pulse, PulseClock


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The process's time, which stands until it is moved."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "monotonic_ns", lambda: round(now[0] * 1e9))
    return now


def test_nobody_is_silent_between_tests(at: list[float]) -> None:
    """A person at a prompt need not hurry."""
    pulse = Pulse()
    at[0] += 1e6
    assert pulse.silent_s == 0.0
    pulse.watch()
    at[0] += 7.0
    assert pulse.silent_s == 7.0
    pulse.rest()
    assert pulse.silent_s == 0.0


def test_asking_the_clock_is_a_sign_of_life(at: list[float]) -> None:
    """Runs, faults and drivers do it all the time."""
    pulse = Pulse()
    clock = PulseClock(pulse)
    pulse.watch()
    at[0] += 7.0
    clock.now_ns()
    assert pulse.silent_s == 0.0
    at[0] += 3.0
    assert pulse.silent_s == 3.0


def test_a_wait_on_the_clock_is_no_silence_and_its_overrun_is(at: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long: it said until when."""
    pulse = Pulse()
    clock = PulseClock(pulse)
    pulse.watch()
    seen = []

    def wait(duration_s: float) -> None:
        at[0] += 0.999 * duration_s
        seen.append(pulse.silent_s)
        at[0] += 0.001 * duration_s + 5.0  # the machine was asleep
        seen.append(pulse.silent_s)

    monkeypatch.setattr(time, "sleep", wait)
    clock.sleep(86_400.0)
    assert seen == [0.0, pytest.approx(5.0)]
    assert pulse.silent_s == 0.0


def test_what_is_announced_ends_with_its_block(at: list[float]) -> None:
    """Whoever announced an hour and needed a minute is expected back at once; one inside another changes nothing."""
    pulse = Pulse()
    pulse.watch()
    with pulse.expect(3600.0):
        with pulse.expect(10.0):
            at[0] += 60.0
            assert pulse.silent_s == 0.0
        at[0] += 600.0
        assert pulse.silent_s == 0.0
    at[0] += 5.0
    assert pulse.silent_s == 5.0


def test_another_thread_gives_no_sign_for_the_test(at: list[float]) -> None:
    """A sampler that goes on while the test hangs hides nothing."""
    pulse = Pulse()
    clock = PulseClock(pulse)
    pulse.watch()
    at[0] += 9.0
    other = threading.Thread(target=clock.now_ns)
    other.start()
    other.join()
    assert pulse.silent_s == 9.0
