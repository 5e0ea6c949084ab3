"""A thread for each device: in order within one, and nobody waits for another."""

from __future__ import annotations

import threading

from hil.testbed.guard.hands import Hand, wait_for


def test_in_order_and_what_is_raised_is_kept() -> None:
    """A task that fails keeps the next from nothing."""
    hand, done = Hand("voa"), []

    def fail() -> None:
        raise OSError("the line is gone")

    tasks = [hand.do(lambda: done.append(1)), hand.do(fail), hand.do(lambda: done.append(2))]
    assert wait_for(tasks, 10.0)
    assert done == [1, 2]
    assert str(tasks[1].error) == "the line is gone"
    assert tasks[0].error is tasks[2].error is None
    hand.close()


def test_one_that_hangs_keeps_no_other_waiting() -> None:
    """The time box ends for it alone."""
    stuck, free, release = Hand("switch"), Hand("voa"), threading.Event()
    hanging = stuck.do(lambda: release.wait(30.0))
    behind = stuck.do(lambda: True)
    quick = free.do(lambda: "parked")
    assert wait_for([quick], 10.0)
    assert quick.result == "parked"
    assert not wait_for([hanging, behind], 0.05)
    release.set()
    assert wait_for([hanging, behind], 10.0)
    assert behind.result is True
    stuck.close()
    free.close()
