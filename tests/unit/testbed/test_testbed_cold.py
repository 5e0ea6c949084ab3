"""Set points that are led slowly, and a bench that is led to the temperature of the room."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.bench import shipped
from hil.bench.model import LaserDevice, TemperatureControllerDevice
from hil.cli import main
from hil.errors import DeviceError, EnvelopeError
from hil.ports.ramp import ramp, ramp_s
from hil.testbed.guard.cold import cool_down
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("slew_k_per_min", [0.5, 2.0, 6.0, 90.0])
@pytest.mark.parametrize(("from_c", "to_c"), [(30.0, 22.0), (-40.0, 22.0), (20.0, 20.05)])
def test_no_step_is_faster_than_the_slew(from_c: float, to_c: float, slew_k_per_min: float) -> None:
    """At any time the set point is behind the straight line of the slew by a step at most, and never ahead of it."""
    now_s, sign = 0.0, 1.0 if to_c > from_c else -1.0
    steps = ramp(from_c, to_c, slew_k_per_min)
    last_c = from_c
    for value_c, wait_s in steps:
        step_k = sign * (value_c - last_c)
        assert 0.0 < step_k <= slew_k_per_min / 60.0 * max(1.0, 6.0 / slew_k_per_min) + 1e-9
        now_s, last_c = now_s + wait_s, value_c
    assert steps[-1] == (to_c, 0.0)
    at_least_s = 60.0 * abs(to_c - from_c) / slew_k_per_min
    assert ramp_s(from_c, to_c, slew_k_per_min) >= at_least_s - max(1.0, 6.0 / slew_k_per_min) - 1e-9


def test_without_a_slew_it_goes_at_once() -> None:
    """Zero is any."""
    assert ramp(30.0, 22.0, 0.0) == [(22.0, 0.0)]
    assert ramp(22.0, 22.0, 2.0) == [(22.0, 0.0)]


@pytest.fixture
def metro(tmp_path: Path) -> Callable[[str], Path]:
    """metro-25km with a line added to its stage's table."""

    def changed(line: str) -> Path:
        text = shipped()["metro-25km"].read_text(encoding="utf-8")
        path = tmp_path / "slow.toml"
        path.write_text(text.replace("\n[device.stage]\n", f"\n[device.stage]\n{line}\n"), encoding="utf-8")
        return path

    return changed


def test_a_setter_takes_the_time_that_the_slew_asks_for(metro: Callable[[str], Path]) -> None:
    """6 K at 2 K/min: three minutes of the bench's clock, and the world was never moved by more than a step at once."""
    with Testbed.open(metro('slew = "2 K/min"'), simulate=True, seed=1) as testbed:
        testbed.begin("slow")
        stage: Any = testbed.device("stage")
        moves: list[tuple[float, float]] = []
        world: Any = cast("Any", testbed)._twins.world
        change = world.set_setpoint_c

        def noted(name: str, value_c: float, now_ns: int) -> None:
            moves.append((now_ns / 1e9, value_c))
            change(name, value_c, now_ns)

        world.set_setpoint_c = noted
        began_s = testbed.now_s()
        stage.set_setpoint_c(36.0)
        assert testbed.now_s() - began_s == pytest.approx(180.0, abs=15.0)  # and the controller's 0.1 s for each of 60 steps
        for (first_s, first_c), (second_s, second_c) in pairwise(moves):
            assert second_c - first_c <= 2.0 / 60.0 * (second_s - first_s) + 0.05  # it rounds to 0.1 K
        assert stage.setpoint_c() == 36.0
        with pytest.raises(EnvelopeError):
            stage.set_setpoint_c(61.0)
        assert stage.setpoint_c() == 36.0  # refused before its first step


def test_cold_is_ambient_and_off_and_again_changes_nothing(metro: Callable[[str], Path]) -> None:
    """8 K at the 5 K/min of a table that declares none."""
    with Testbed.open(metro(""), simulate=True, seed=1) as testbed:
        testbed.begin("cold")
        link: Any = testbed.link("metro")
        link.up()
        testbed.park()
        said: list[str] = []
        began_s = testbed.now_s()
        assert cool_down(testbed.bench, testbed.devices, testbed.clock, said.append) == []
        assert testbed.now_s() - began_s > 60.0 * 8.0 / 5.0 - 2.0
        stage: Any = testbed.device("stage")
        assert not stage.enabled()
        assert stage.setpoint_c() == 22.0
        assert said == [said[0]]
        assert said[0].startswith("stage: at 2")
        before_s = testbed.now_s()
        assert cool_down(testbed.bench, testbed.devices, testbed.clock, said.append) == []
        assert said[1] == "stage: off, and set to 22 degC"
        assert testbed.now_s() - before_s < 1.0


def test_a_stage_that_stays_warm_is_told_and_left_on(metro: Callable[[str], Path]) -> None:
    """Its time constant is a hundred times what the bench file declares: it is not there after its settle time."""
    with Testbed.open(metro('actual = { time_constant = "2000 s" }'), simulate=True, seed=1) as testbed:
        testbed.begin("warm")
        testbed.park()
        stage: Any = testbed.device("stage")
        stage.set_enabled(enabled=True)
        stage.set_setpoint_c(60.0)
        testbed.clock.sleep(20_000.0)
        ((name, error),) = cool_down(testbed.bench, testbed.devices, testbed.clock, lambda _: None)
        assert name == "stage"
        assert isinstance(error, DeviceError)
        assert "was led to 22 degC" in str(error)
        assert stage.enabled()


def test_lasers_and_every_kind_of_controller_are_led_to_the_room(capsys: pytest.CaptureFixture[str]) -> None:
    """One of each instrument there is: light and bias off, coolers at ambient, controllers off; again, the same."""
    shelf = Path(__file__).parents[2] / "contract" / "shelf.toml"
    with Testbed.open(shelf, simulate=True, seed=1) as testbed:
        testbed.begin("shelf")
        devices: dict[str, Any] = {name: testbed.device(name) for name in testbed.devices}
        lasers = [name for name, device in testbed.bench.device.items() if isinstance(device, LaserDevice)]
        controllers = [name for name, device in testbed.bench.device.items() if isinstance(device, TemperatureControllerDevice)]
        assert len(lasers) >= 2
        assert len(controllers) >= 3
        for name in lasers:
            devices[name].set_setpoint_c(30.0)
        for _ in range(2):
            testbed.park()
            assert cool_down(testbed.bench, testbed.devices, testbed.clock, print) == []
            for name in lasers:
                assert not devices[name].emitting()
                assert devices[name].temperature_c() == pytest.approx(22.0, abs=1.0)
            assert not any(devices[name].enabled() for name in controllers)
    said = capsys.readouterr().out.splitlines()
    order = [line.split(":")[0] for line in said]
    assert order == [*lasers, *controllers] * 2
    assert main(["safe", "--cold", "--bench", "metro-25km"]) == 0
    assert "stage: " in capsys.readouterr().out
