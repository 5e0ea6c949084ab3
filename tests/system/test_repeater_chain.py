"""A repeater chain as a user meets it: the suite on its bench, with two firmwares, and its twins served in real time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.bench import load, shipped
from hil.clock import SystemClock
from hil.device_sims._speed import SpeedClock
from hil.device_sims.host import TwinHost
from hil.drivers.reference_repeater import ReferenceRepeater
from hil.physics.repeater_prediction import predict_repeater
from hil.ports.spec import DeviceSettings
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SELECTED = "_repeater or every_firmware"
_MIDDLE = '[device.middle]\nrole = "repeater-node"\ndriver = "reference-repeater"\nfirmware = "~=2.1"\n'


@pytest.fixture
def old(tmp_path: Path) -> Callable[..., Path]:
    """The shipped bench whose middle node has firmware 1.x, with or without the pin."""

    def make(pin: str) -> Path:
        text = shipped()["repeater-2"].read_text(encoding="utf-8")
        assert _MIDDLE in text
        changed = _MIDDLE.replace('firmware = "~=2.1"\n', f'twin = "reference-repeater-1x"\n{pin}')
        path = tmp_path / "old.toml"
        path.write_text(text.replace(_MIDDLE, changed), encoding="utf-8")
        return path

    return make


def test_the_chain_as_declared_passes(hil_run: Callable[..., Any]) -> None:
    """The control: rate, fidelity, swaps and firmware of the shipped bench."""
    run = hil_run("-k", _SELECTED, bench="repeater-2")
    assert run.code == 0, run.output
    (verdict,) = run.verdicts("entanglement_fidelity")
    assert verdict.outcome is Outcome.PASS
    assert verdict.simulated


def test_old_firmware_does_not_pass_its_pin(hil_run: Callable[..., Any], old: Callable[..., Path]) -> None:
    run = hil_run("-k", _SELECTED, bench=old('firmware = "~=2.1"\n'))
    assert run.code == 10, run.output
    assert "firmware 1.4.2 found on QKD-HIL Reference Repeater" in run.output


def test_old_firmware_without_a_pin_misses_the_fidelity(hil_run: Callable[..., Any], old: Callable[..., Path]) -> None:
    """Rate and swaps are as before, and only the fidelity says what is wrong."""
    run = hil_run("-k", _SELECTED, bench=old(""))
    assert run.code == 1, run.output
    (failed,) = [test for test in run.record.tests if test.outcome is not Outcome.PASS]
    assert "test_fidelity_of_the_pairs" in failed.case
    assert "predicted 0.8155" in run.output


def test_other_words_than_a_recordings_for_what_does_not_apply(hil_run: Callable[..., Any], tmp_path: Path) -> None:
    """A test of a user's own that asks for a receiver is skipped, and told that a repeater chain has none."""
    own = tmp_path / "test_own.py"
    own.write_text("def test_own(receiver):\n    raise AssertionError\n", encoding="utf-8")
    run = hil_run("-rs", bench="repeater-2", paths=(own,))
    assert "is a repeater chain, and this test needs a transmitter and a receiver" in " ".join(run.output.split())


def test_served_in_real_time_both_ends_tell_the_same_pairs() -> None:
    """A hundred times faster than real, over sockets, until 500 pairs are there: same times, as many errors as predicted."""
    bench, clock = load("repeater-2"), SystemClock()
    deadline = time.monotonic() + 60.0
    with TwinHost(bench, list(bench.device), 5, SpeedClock(100.0), speed=100.0) as host, ExitStack() as stack:
        nodes = {name: ReferenceRepeater(DeviceSettings(name, host.addresses[name].resource, clock)) for name in bench.device}
        for node in nodes.values():
            node.open()
            stack.callback(node.close)
        for node in nodes.values():
            node.set_repeating(repeating=True)
        while nodes["west"].pairs(500).made < 500:
            assert time.monotonic() < deadline, "500 pairs take about 65 ms of real time"
        nodes["middle"].set_repeating(repeating=False)
        west, east, swaps = nodes["west"].pairs(), nodes["east"].pairs(), nodes["middle"].swaps()
    assert west.made == east.made == swaps.succeeded >= 500
    np.testing.assert_array_equal(west.times_ns, east.times_ns)
    wrong = (west.outcomes != east.outcomes) ^ (np.arange(west.made) % 3 == 2)
    share = 2.0 / 3.0 * (1.0 - predict_repeater(bench, "backbone").fidelity)
    assert abs(wrong.mean() - share) < 6.0 * (share * (1.0 - share) / west.made) ** 0.5
