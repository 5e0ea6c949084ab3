"""What a device's clock is off by, and how far from the truth that may be: by arithmetic on clocks that are known."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hil.cli._device_clocks import ClockOffset, HostTime, offset_of
from hil.clock import VirtualClock
from hil.errors import MissingCapabilityError
from hil.ports.time_of_day import TimeOfDay


class Device:
    """A clock that is ``ahead_s`` off, shows whole steps, and is asked and answers so long."""

    def __init__(self, clock: VirtualClock, host: HostTime, ahead_s: float, **ways: float) -> None:
        self._clock, self._host, self._ahead_s = clock, host, ahead_s
        self._there_s, self._back_s, self._step_s = (ways.get(name, 0.0) for name in ("there_s", "back_s", "step_s"))
        self.zoned = True

    def time_of_day(self) -> TimeOfDay:
        self._clock.sleep(self._there_s)
        shown = self._host.now() + timedelta(seconds=self._ahead_s)
        if self._step_s:
            shown -= timedelta(seconds=shown.timestamp() % self._step_s)
        self._clock.sleep(self._back_s)
        return TimeOfDay(shown if self.zoned else shown.replace(tzinfo=None), self._step_s)


def asked(ahead_s: float, *, zoned: bool = True, **ways: float) -> ClockOffset:
    clock = VirtualClock()
    clock.sleep(12.3)
    host = HostTime(clock)
    device = Device(clock, host, ahead_s, **ways)
    device.zoned = zoned
    found = offset_of(device, host)
    assert found is not None
    return found


@pytest.mark.parametrize("zoned", [True, False])
@pytest.mark.parametrize("ahead_s", [0.0, 90.0, -3600.0])
def test_an_exact_clock_that_answers_at_once(ahead_s: float, zoned: bool) -> None:
    """Its offset, without any uncertainty; without a zone it shows our local time."""
    found = asked(ahead_s, zoned=zoned)
    assert found.offset_s == pytest.approx(ahead_s, abs=1e-5)
    assert found.uncertainty_s == 0.0


@pytest.mark.parametrize(("there_s", "back_s"), [(0.8, 0.0), (0.0, 0.8), (0.3, 0.5)])
@pytest.mark.parametrize("step_s", [0.0, 1.0])
def test_the_truth_is_within_the_uncertainty(there_s: float, back_s: float, step_s: float) -> None:
    """Half of the time the question took, and half of a step; the two ends of the question are the worst cases."""
    found = asked(90.0, there_s=there_s, back_s=back_s, step_s=step_s)
    assert found.uncertainty_s == pytest.approx((there_s + back_s + step_s) / 2)
    assert abs(found.offset_s - 90.0) <= found.uncertainty_s + 1e-5
    if not step_s:
        assert found.offset_s - 90.0 == pytest.approx((there_s - back_s) / 2, abs=1e-5)


@pytest.mark.parametrize(
    ("offset_s", "uncertainty_s", "wrong"), [(5.4, 0.5, False), (5.6, 0.5, True), (-5.6, 0.5, True), (0.2, 0.5, False)]
)
def test_what_is_warned_of(offset_s: float, uncertainty_s: float, wrong: bool) -> None:
    """Five seconds beyond all doubt."""
    assert ClockOffset(offset_s, uncertainty_s).wrong is wrong


def test_how_it_is_shown() -> None:
    """As many digits as mean something."""
    assert str(ClockOffset(90.04, 0.51)) == "+90.0 ± 0.5 s"
    assert str(ClockOffset(-0.0004, 0.0008)) == "-0.000 ± 0.001 s"


class Silent:
    """A model without a calendar."""

    def time_of_day(self) -> TimeOfDay:
        raise MissingCapabilityError("tells none")


@pytest.mark.parametrize("device", [object(), Silent()])
def test_no_clock_is_none(device: object) -> None:
    """Neither a driver without the method nor a model without the clock is an error."""
    assert offset_of(device, HostTime(VirtualClock())) is None


def test_our_own_time_goes_by_the_bench() -> None:
    """The date of the clock's zero, whatever it stood at when it was asked."""
    clock = VirtualClock()
    clock.sleep(100.0)
    host = HostTime(clock)
    assert (host.now() - host.epoch).total_seconds() == pytest.approx(100.0)
    assert abs((host.now() - datetime.now().astimezone()).total_seconds()) < 60.0
