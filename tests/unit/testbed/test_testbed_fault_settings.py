"""Settings of faults as tests write them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from hil.errors import UsageError
from hil.faults.dark_count_spike import SPEC as SPIKE
from hil.faults.dark_count_spike import DarkCountSpike
from hil.faults.fiber_cut import SPEC as CUT
from hil.faults.thermal_drift import SPEC as DRIFT
from hil.faults.thermal_drift import ThermalDrift
from hil.testbed.injection._fault_settings import duration_s, in_words, settings_of


@dataclass(frozen=True)
class _Everything:
    loss_db: float = 0.0
    rise_s: float = 0.0
    length_km: float = 0.0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rate_hz": 5_000}, 5_000.0),
        ({"rate_hz": "5 kHz"}, 5_000.0),
        ({"rate": "5 kcps"}, 5_000.0),
    ],
)
def test_rates(given: dict[str, object], expected: float) -> None:
    """A number in the unit of the name, a text with its unit, or the bare name where the text says the unit."""
    assert settings_of(SPIKE, given) == DarkCountSpike(expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"delta_k": -2}, ThermalDrift(delta_k=-2.0)),
        ({"delta": "2 K"}, ThermalDrift(delta_k=2.0)),  # a difference: not the temperature of 2 K, -271.15 degC
        ({"delta": "-1500 mK"}, ThermalDrift(delta_k=-1.5)),
        ({"setpoint": "305.15 K"}, ThermalDrift(setpoint_c=32.0)),
    ],
)
def test_temperatures(given: dict[str, object], expected: ThermalDrift) -> None:
    """Kelvins are a difference in a drift, and an absolute temperature in a set point."""
    assert settings_of(DRIFT, given) == expected


def test_other_units() -> None:
    """Every unit a name may end with is parsed into that unit."""
    spec = replace(SPIKE, settings=_Everything)
    assert settings_of(spec, {"loss": "3 dB", "rise": "20 ms", "length": "500 m"}) == _Everything(3.0, 0.02, 0.5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": 5_000}, "bare number"),
        ({"rate_hz": "5 km"}, "unknown unit"),
        ({"rate_hz": float("nan")}, "expected a number in Hz"),
        ({"rate_hz": True}, "expected a number in Hz"),
        ({"rate_hz": 1, "rate": "1 Hz"}, "given twice"),
        ({"width_s": 1, "rate_hz": 1}, "no setting 'width_s'.*known: rate_hz"),
        ({}, "rate_hz not given"),
        ({"rate_hz": -1}, "rate of zero or more"),
    ],
)
def test_refused(given: dict[str, object], words: str) -> None:
    """Refused in words, before anything is touched."""
    with pytest.raises(UsageError, match=words):
        settings_of(SPIKE, given)


def test_a_cut_has_none() -> None:
    """And a drift needs exactly one."""
    with pytest.raises(UsageError, match="known: none"):
        settings_of(CUT, {"depth_db": 3})
    with pytest.raises(UsageError, match="either delta_k"):
        settings_of(DRIFT, {})
    with pytest.raises(UsageError, match="difference of temperatures"):
        settings_of(DRIFT, {"delta": "2 degC"})


def test_durations() -> None:
    """A time above zero, or none."""
    assert duration_s("30 s") == 30.0
    assert duration_s(0.5) == 0.5
    assert duration_s(None) is None
    for wrong in ("0 s", 0, -1, "soon"):
        with pytest.raises(UsageError):
            duration_s(wrong)


def test_words() -> None:
    """As reports show them."""
    assert in_words(DarkCountSpike(5_000)) == "rate 5000 Hz"
    assert in_words(ThermalDrift(delta_k=-2)) == "delta -2 K"
    assert in_words(ThermalDrift(setpoint_c=32)) == "setpoint 32 degC"
