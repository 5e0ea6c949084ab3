"""The parser of human units."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil import units
from hil.errors import UsageError


@pytest.mark.parametrize(
    ("text", "quantity", "value"),
    [
        # values by the SI prefixes and, for dBm, by the definition 0 dBm = 1 mW
        ("50 ns", "time", 5e-8),
        ("156.25 ps", "time", 1.5625e-10),
        ("1.5 µs", "time", 1.5e-6),
        ("1.5 μs", "time", 1.5e-6),
        ("1.5us", "time", 1.5e-6),
        ("  30 d ", "time", 2_592_000.0),
        ("2 min", "time", 120.0),
        ("1 GHz", "rate", 1e9),
        ("60 cps", "rate", 60.0),
        ("20 kcps", "rate", 20_000.0),
        (".5 dB", "loss", 0.5),
        ("0.2 dB/km", "loss per length", 0.2),
        ("500 m", "length", 0.5),
        ("0 dBm", "power", 1e-3),
        ("-20 dBm", "power", 1e-5),
        ("64 pW", "power", 64e-12),
        ("-40 degC", "temperature", -40.0),
        ("22 °C", "temperature", 22.0),
        ("273.15 K", "temperature", 0.0),
        ("0.4 Mbit/s", "bit rate", 4e5),
        ("1.55 µm", "wavelength", 1550.0),
        ("2 %", "ratio", 0.02),
        (0.02, "ratio", 0.02),
        ("2e-4", "ratio", 2e-4),
        ("1e-12 s", "time", 1e-12),
    ],
)
def test_quantities_are_read_into_their_inner_unit(text: str | float, quantity: str, value: float) -> None:
    """Every accepted spelling gives the value its unit defines."""
    assert units.parse(text, quantity) == pytest.approx(value, rel=1e-12, abs=0)


def test_small_prefixes_are_exact() -> None:
    """A time in nanoseconds equals the Python literal a user would write for it."""
    assert [units.parse(f"{n} ns", "time") for n in (3, 7, 50, 999)] == [3e-9, 7e-9, 5e-8, 9.99e-7]


@pytest.mark.parametrize(
    ("text", "quantity", "reason"),
    [
        (50, "time", "no unit"),
        ("50", "time", "no unit"),
        ("50 sec", "time", "unknown unit 'sec'"),
        ("50 NS", "time", "unknown unit 'NS'"),
        ("-1 ns", "time", "out of range"),
        ("nan s", "time", "not a finite number with a unit"),
        ("inf dB", "loss", "not a finite number with a unit"),
        ("1e999 s", "time", "out of range"),
        (float("nan"), "ratio", "not a finite number with a unit"),
        ("9999 dBm", "power", "out of range"),
        ("-1 mW", "power", "out of range"),
        ("-274 degC", "temperature", "out of range"),
        ("-1 K", "temperature", "out of range"),
        ("3 dB/km", "loss", "unknown unit 'dB/km'"),
        ("3 dB 4", "loss", "not a finite number with a unit"),
        ("", "loss", "not a finite number with a unit"),
        (True, "ratio", "not a number with a unit"),
    ],
)
def test_nonsense_is_refused_with_its_reason(text: str | float, quantity: str, reason: str) -> None:
    """What is no quantity is refused, and the message says why and what is accepted."""
    with pytest.raises(UsageError) as caught:
        units.parse(text, quantity)
    assert str(caught.value) == f"{text!r} is not a {quantity} ({reason}); expected {units.accepted(quantity)}"


def test_the_accepted_form_is_in_words() -> None:
    """The message is the interface: it names the units and gives an example."""
    assert units.accepted("time") == (
        "a time of zero or more with its unit (s, ms, us, ns, ps, fs, min, h, d), such as '50 ns'"
    )


def test_a_duration_is_a_time() -> None:
    """Durations of tests and faults go through the same parser."""
    assert units.parse_duration("10 ms") == 0.01
    with pytest.raises(UsageError, match="no unit"):
        units.parse_duration(60)


@pytest.mark.parametrize("quantity", sorted(units.QUANTITIES))
@given(number=st.floats(min_value=0.001, max_value=300, allow_nan=False))
def test_whatever_the_parser_takes_the_pattern_takes(quantity: str, number: float) -> None:
    """The JSON schema accepts every spelling the parser accepts."""
    for unit in units.QUANTITIES[quantity].units:
        text = f"{number} {unit}".strip()
        units.parse(text, quantity)
        assert re.search(units.pattern(quantity), text)


@pytest.mark.parametrize("text", ["50", "-1 ns", "1 sec", "1 ns x", "ns"])
def test_what_the_parser_refuses_the_pattern_refuses(text: str) -> None:
    """An editor underlines what the loader would refuse."""
    assert not re.search(units.pattern("time"), text)


def test_no_unit_belongs_to_two_quantities() -> None:
    """A limit written with its unit has one meaning."""
    seen = [unit for quantity in units.QUANTITIES.values() for unit in quantity.units]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("100 ms", "s", 0.1),
        ("7 d", "d", 7.0),
        ("168 h", "d", 7.0),
        ("50 ns", "ns", 50.0),
        ("2 %", "ratio", 0.02),
        ("0.1 kcps", "Hz", 100.0),
        ("1 mW", "dBm", 0.0),
        ("0 degC", "K", 273.15),
    ],
)
def test_a_text_converts_into_a_named_unit(text: str, unit: str, value: float) -> None:
    """Limits with a unit arrive in the unit of their indicator."""
    assert units.convert(text, unit) == pytest.approx(value, abs=1e-12)


def test_another_quantity_does_not_convert() -> None:
    """Decibels are no time, and an unknown unit is said to be one."""
    with pytest.raises(UsageError, match="is not a time"):
        units.convert("5 dB", "s")
    with pytest.raises(UsageError, match="a unit nobody knows"):
        units.convert("5 dB", "furlong")
