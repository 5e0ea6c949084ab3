"""Settings of faults as tests write them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import pytest

from hil.errors import FaultUseError, MissingCapabilityError, UsageError
from hil.faults.classical_latency import SPEC as LATENCY
from hil.faults.dark_count_spike import SPEC as SPIKE
from hil.faults.dark_count_spike import DarkCountSpike
from hil.faults.fiber_cut import SPEC as CUT
from hil.faults.kme_clock_wrong import SPEC as CLOCK
from hil.faults.macrobend_loss import SPEC as BEND
from hil.faults.polarisation_burst import SPEC as BURST
from hil.faults.thermal_drift import SPEC as DRIFT
from hil.faults.thermal_drift import ThermalDrift
from hil.testbed.injection._fault_settings import duration_s, in_words, settings_of, together


@dataclass(frozen=True)
class _Everything:
    loss_db: float = 0.0
    rise_s: float = 0.0
    length_km: float = 0.0


@dataclass(frozen=True)
class _Picky:
    loss_db: float

    def __post_init__(self) -> None:
        if self.loss_db >= 2.0:
            raise UsageError("less than 2")


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
        ({"rate": 5_000}, "rate: found the number 5000 without a unit; expected rate_hz=5000, or rate as a text with its unit"),
        ({"rate_hz": "5 km"}, "rate_hz: found '5 km'; expected a number in Hz, or a rate"),
        ({"rate_hz": float("nan")}, "rate_hz: found nan; expected a number in Hz"),
        ({"rate_hz": True}, "expected a number in Hz"),
        ({"rate_hz": 1, "rate": "1 Hz"}, "rate: found '1 Hz', rate_hz a second time; expected rate_hz once"),
        ({"width_s": 1, "rate_hz": 1}, "width_s: found an unknown setting; expected one of: rate_hz"),
        ({}, "rate_hz: found nothing; expected a number in Hz"),
        ({"rate_hz": -1}, "dark_count_spike: rate_hz: found -1; expected 0 or more"),
    ],
)
def test_refused(given: dict[str, object], words: str) -> None:
    """Refused in words, before anything is touched."""
    with pytest.raises(UsageError, match=words):
        settings_of(SPIKE, given)


def test_a_cut_has_none() -> None:
    """And a drift needs exactly one."""
    with pytest.raises(UsageError, match="depth_db: found an unknown setting; expected no setting: this fault has none"):
        settings_of(CUT, {"depth_db": 3})
    with pytest.raises(UsageError, match="delta_k, setpoint_c: found nothing; expected one of them"):
        settings_of(DRIFT, {})
    with pytest.raises(UsageError, match="difference of temperatures"):
        settings_of(DRIFT, {"delta": "2 degC"})


def test_all_that_can_be_known_comes_at_once() -> None:
    """An unknown setting hides no wrong one, a missing one hides no range; each by the fault's name, never by a class's."""
    with pytest.raises(FaultUseError) as caught:
        settings_of(BURST, {"burst_s": 2, "spin": 3, "spinn_hz": 1})
    told = str(caught.value).split("\n")
    assert [line.partition("; ")[0] for line in told] == [
        "polarisation_burst: spin: found the number 3 without a unit",
        "polarisation_burst: spinn_hz: found an unknown setting",
        "polarisation_burst: burst_s: found 2",
    ]
    with pytest.raises(FaultUseError) as caught:
        settings_of(LATENCY, {"latency_s": -1, "jitter_s": "fast", "latency_way": "up"})
    assert [mistake.where for mistake in caught.value.mistakes] == ["latency_s", "jitter_s", "latency_way"]
    with pytest.raises(FaultUseError, match=r"^macrobend_loss: loss_db: found '3 Hz'; expected a number in dB, or a loss"):
        settings_of(BEND, {"loss_db": "3 Hz"})
    with pytest.raises(FaultUseError, match=r"^macrobend_loss: loss_db: found -3; expected 0 to 100$"):
        settings_of(BEND, {"loss_db": -3})
    with pytest.raises(FaultUseError, match=r"^kme_clock_wrong: clock_way: found 3; expected a text$"):
        settings_of(CLOCK, {"offset_s": 3, "clock_way": 3})


def test_somebody_elses_fault_may_refuse_in_its_own_words() -> None:
    """A plain UsageError of its settings is a mistake of theirs, too."""
    spec = replace(SPIKE, settings=_Picky)
    with pytest.raises(FaultUseError, match=r"^dark_count_spike: settings: found loss_db = 3\.0; expected less than 2$"):
        settings_of(spec, {"loss_db": 3})


def test_settings_times_and_targets_come_at_once() -> None:
    """And go before what the bench lacks: a wrong call is no skip."""

    def lacks() -> None:
        raise MissingCapabilityError("no switch")

    parts = (partial(settings_of, SPIKE, {"rat_hz": 1}), partial(duration_s, "three"), lacks)
    with pytest.raises(FaultUseError) as caught:
        together(SPIKE, *parts)
    assert [mistake.where for mistake in caught.value.mistakes] == ["rat_hz", "rate_hz", "duration"]
    with pytest.raises(MissingCapabilityError):
        together(SPIKE, partial(duration_s, "3 s"), lacks)
    assert together(SPIKE, partial(duration_s, "3 s"), lambda: "bob") == [3.0, "bob"]


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
