"""What a driver promises whatever its role: life cycle, identity, envelope, read-back, safe state, capabilities, units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import DeviceUnreachableError, EnvelopeError, MissingCapabilityError
from hil.ports import roles
from hil.ports.identity import Capabilities, Identity
from hil.ports.roles import Instrument

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.suites.contracts.case import Case, Check, Setter

__all__ = ["ROLE_CHECKS"]

PROTOCOLS: dict[str, type] = {
    "attenuator": roles.Attenuator,
    "detector": roles.SinglePhotonDetector,
    "laser": roles.Laser,
    "pair-source": roles.PairSource,
    "power-meter": roles.PowerMeter,
    "power-outlet": roles.PowerOutlet,
    "recording": roles.Recording,
    "repeater-node": roles.RepeaterNode,
    "switch": roles.OpticalSwitch,
    "temperature-controller": roles.TemperatureController,
    "time-tagger": roles.TimeTagger,
}
"""Roles whose drivers have one class; a transceiver's depends on what the device says it is."""

NEEDS = {
    "coincidences": "coincidences",
    "counts": "counts",
    "enable": "set_enabled",
    "singles": "singles",
    "tec": "set_setpoint_c",
    "time-tags": "time_tags",
    "wavelength": "set_wavelength_nm",
}
"""What a feature lets a test call."""

READINGS: dict[str, tuple[float, float]] = {
    "attenuation_db": (-200.0, 200.0),
    "channel": (0, 10_000),
    "current_a": (0.0, 10.0),
    "power_w": (-1.0, 10.0),
    "setpoint_c": (-200.0, 220.0),
    "temperature_c": (-200.0, 220.0),
    "wavelength_nm": (100.0, 30_000.0),
}
"""Where a reading in the unit of its name lies, on any bench of optical instruments."""

WAYS_AROUND_THE_SETTER = {"write", "query", "send", "ask", "raw", "transport", "command"}
GATE_S = 0.02
LONG_GATE_S = 0.5
MANY = 25
"""Where so many clicks are due, none come once in 1e10 times."""


def building_touches_nothing(case: Case) -> None:
    """A driver can be made for a device that is not there."""
    assert case.spec.build(case.dead).name == case.dead.name


def an_absent_device_is_found_at_open(case: Case) -> None:
    """Opening fails at once, and the error names the device as the bench file does."""
    device = case.spec.build(case.dead)
    with pytest.raises(DeviceUnreachableError, match=case.name):
        device.open()
    device.close()


def has_what_its_role_offers(case: Case) -> None:
    """It has the life cycle that all roles share, and every method of its own."""
    with case.driver() as driver:
        assert isinstance(driver, Instrument)
        wanted = PROTOCOLS.get(case.role, Instrument)
        missing = [name for name in vars(wanted) if not name.startswith("_") and not hasattr(driver, name)]
        assert not missing, f"a {case.role} offers {', '.join(missing)}"


def says_who_it_is(case: Case) -> None:
    """Identity is asked, parsed, and the same when asked again."""
    with case.driver() as driver:
        identity = driver.identity()
        assert isinstance(identity, Identity)
        assert identity.vendor
        assert identity.model
        assert driver.identity() == identity


def closing_twice_does_nothing(case: Case) -> None:
    """Whoever cleans up need not know who did before."""
    with case.driver() as driver:
        driver.close()
        driver.close()


def opens_again_after_closing(case: Case) -> None:
    """A closed device can be opened again and answers."""
    with case.driver() as driver:
        driver.close()
        driver.open()
        assert driver.identity().model


def a_closed_device_says_so(case: Case) -> None:
    """Asking a closed device is an error with its name, not an answer and not a hang."""
    if case.role == "recording":
        pytest.skip("a recording is read once and then needs no port")
    with case.driver() as driver:
        driver.close()
        with pytest.raises(DeviceUnreachableError, match=case.name):
            driver.identity()


def parking_is_idempotent(case: Case) -> None:
    """The safe state can be asked for from the safe state."""
    with case.driver() as driver:
        driver.park()
        driver.park()


def parking_brings_the_safe_state(case: Case) -> None:
    """Dark, without bias, at the most attenuation or on the dark channel; temperatures and outlets stay as they are."""
    with case.driver() as driver:
        leave_safe = _LEAVE_SAFE.get(case.role)
        if leave_safe is None:
            pytest.skip(f"the safe state of a {case.role} is any")
        is_safe = leave_safe(case, driver)
        driver.park()
        is_safe()


def declares_what_it_can_do(case: Case) -> None:
    """Capabilities are the driver's, narrowed by the envelope and by nothing widened; each feature is there to be called."""
    with case.driver() as driver:
        found, envelope = driver.capabilities, case.direct.envelope
        assert isinstance(found, Capabilities)
        assert 0.0 <= found.settle_s < math.inf
        for setting, (low, high) in found.ranges.items():
            widest = case.spec.capabilities.ranges[setting]
            assert widest[0] <= low <= high <= widest[1], f"{setting}: wider than what the SPEC declares"
            if setting in envelope:
                assert envelope[setting][0] <= low, f"{setting}: wider than the envelope"
                assert high <= envelope[setting][1], f"{setting}: wider than the envelope"
            assert hasattr(driver, setting) or hasattr(driver, setting.rpartition("_")[0]), f"{setting} cannot be read"
        for feature in found.features & NEEDS.keys():
            assert callable(getattr(driver, NEEDS[feature], None)), f"declares {feature} without {NEEDS[feature]}()"


def setting_reads_back_at_both_ends(case: Case) -> None:
    """Whatever is allowed can be set, and is then read back from the device in the same unit."""
    setter = case.setter
    with case.driver() as driver:
        for value in driver.capabilities.ranges[setter.setting]:
            getattr(driver, setter.write)(value)
            found = _read(driver, setter)
            assert abs(found - value) <= setter.tolerance, f"{setter.setting}: {value} was set, {found} is read"


def a_setter_waits_until_it_may_be_judged(case: Case) -> None:
    """Light that moves has settled when the setter returns: the bench's time went on by the declared settle time."""
    if case.role not in {"attenuator", "switch"}:
        pytest.skip(f"a {case.role} settles after its setter has returned")
    setter, clock = case.setter, case.direct.clock
    with case.driver() as driver:
        low, high = driver.capabilities.ranges[setter.setting]
        value = low if abs(_read(driver, setter) - high) <= setter.tolerance else high
        began_ns = clock.now_ns()
        getattr(driver, setter.write)(value)
        assert (clock.now_ns() - began_ns) / 1e9 >= driver.capabilities.settle_s


def a_move_outside_the_envelope_sends_nothing(case: Case) -> None:
    """Beyond either end, and for nan, EnvelopeError names the device; nothing was sent, and it stands where it stood."""
    setter = case.setter
    with case.driver() as driver:
        low, high = driver.capabilities.ranges[setter.setting]
        before = _read(driver, setter)
        for value in (low - 1, high + 1, math.nan):
            said = len(case.relay.sent())
            with pytest.raises(EnvelopeError, match=case.name):
                getattr(driver, setter.write)(value)
            case.relay.settle()
            assert case.relay.sent()[said:] == []
        assert _read(driver, setter) == before


def asks_before_it_moves(case: Case) -> None:
    """What sits above the driver (the optical interlock) hears of a move before anything is sent, and may refuse it."""
    setter = case.setter
    asked: list[tuple[str, float]] = []

    def refuse(setting: str, value: float) -> None:
        asked.append((setting, value))
        raise EnvelopeError(case.name, "not now")

    with case.driver(before_move=refuse) as driver:
        stood = _read(driver, setter)
        low, high = driver.capabilities.ranges[setter.setting]
        wanted = high if abs(stood - low) <= setter.tolerance else low
        with pytest.raises(EnvelopeError, match="not now"):
            getattr(driver, setter.write)(wanted)
        assert asked == [(setter.setting, wanted)]
        assert abs(_read(driver, setter) - stood) <= setter.tolerance
        if case.role == "laser":
            with pytest.raises(EnvelopeError, match="not now"):
                driver.set_emitting(emitting=True)
            assert asked[-1] == ("emitting", 1.0)
            assert not driver.emitting()


def offers_no_way_around_its_setter(case: Case) -> None:
    """A role exposes no raw write."""
    with case.driver() as driver:
        assert not WAYS_AROUND_THE_SETTER & {name for name in dir(driver) if not name.startswith("_")}


def readings_are_in_the_unit_of_their_name(case: Case) -> None:
    """Readings are numbers that a bench can show in the unit they are named with; counts are whole and not negative."""
    with case.driver() as driver:
        looked = 0
        for name, (low, high) in READINGS.items():
            if not callable(getattr(driver, name, None)):
                continue
            value = getattr(driver, name)()
            assert isinstance(value, (int, float)), f"{name}: {value!r} is no number"
            assert low <= value <= high, f"{name}: {value} is no reading in that unit"
            looked += 1
        looked += _counts_are_whole(driver)
        if not looked:
            pytest.skip(f"a {case.role} has no such reading")


def _counts_are_whole(driver: Any) -> int:
    found = {name: getattr(driver, name)(GATE_S) for name in ("counts", "singles", "coincidences") if hasattr(driver, name)}
    for name, counts in found.items():
        values = list(counts.values()) if isinstance(counts, dict) else list(counts) if name == "singles" else [counts]
        assert values, f"{name}: nothing was counted"
        assert all(isinstance(value, int) and value >= 0 for value in values), f"{name}: {counts!r}"
    return len(found)


def time_tags_are_those_of_the_gate(case: Case) -> None:
    """In order, in whole ticks of the tagger's own clock from the beginning of the gate to its end, each of an input it has.

    They agree with its counters in another gate on which inputs click at all, as far as clicks are many enough to tell.
    """
    with case.driver() as driver:
        if "time-tags" not in driver.capabilities.features:
            pytest.skip(f"this {case.role} tells no times")
        began_ns = case.direct.clock.now_ns()
        tags, counted = driver.time_tags(LONG_GATE_S), driver.singles(LONG_GATE_S)
        assert case.direct.clock.now_ns() - began_ns >= 2e9 * LONG_GATE_S, "the bench's time did not pass"
    ticks, tick_s, inputs = tags.ticks, float(tags.clock.tick_s), len(counted)
    assert tags.live_s == LONG_GATE_S
    assert abs((tags.end - tags.first) * tick_s - LONG_GATE_S) <= tick_s, "its ticks do not fill the gate"
    assert ticks.shape == tags.detector.shape
    assert (ticks[1:] >= ticks[:-1]).all(), "clicks are out of order"
    assert ((ticks >= tags.first) & (ticks < tags.end)).all(), "a click lies outside the gate"
    assert (tags.detector < inputs).all(), "a click at an input that it does not have"
    for number, count in enumerate(counted):
        found = int((tags.detector == number).sum())
        assert found < MANY or count, f"input {number + 1} counts nothing, but has {found} time tags"
        assert count < MANY or found, f"input {number + 1} counts {count}, but has no time tag"


def _read(driver: Any, setter: Setter) -> float:
    value: float = getattr(driver, setter.read)()
    return value


# --- safe states: each leaves it and returns what asserts that it is back -------------------------------------------------


def _attenuator(case: Case, driver: Any) -> Callable[[], None]:
    low, high = driver.capabilities.ranges["attenuation_db"]
    driver.set_attenuation_db(low)

    def is_safe() -> None:
        assert abs(driver.attenuation_db() - high) <= case.setter.tolerance, "light is not attenuated as much as allowed"

    return is_safe


def _switch(case: Case, driver: Any) -> Callable[[], None]:
    dark = getattr(case.direct.declared, "dark_channel", 0)
    low, high = driver.capabilities.ranges["channel"]
    driver.select(high if dark == low else low)

    def is_safe() -> None:
        assert driver.channel() == dark or not dark, "not on the dark channel"

    return is_safe


def _laser(_case: Case, driver: Any) -> Callable[[], None]:
    driver.set_emitting(emitting=True)
    stood = driver.setpoint_c()

    def is_safe() -> None:
        assert not driver.emitting(), "the laser emits"
        assert driver.setpoint_c() == stood, "the cooler's set point moved"

    return is_safe


def _detector(_case: Case, driver: Any) -> Callable[[], None]:
    driver.set_biased(biased=True)

    def is_safe() -> None:
        assert not driver.biased(), "the detector has its bias"

    return is_safe


def _temperature(_case: Case, driver: Any) -> Callable[[], None]:
    stood = driver.setpoint_c()
    regulated = driver.enabled()

    def is_safe() -> None:
        assert driver.setpoint_c() == stood, "the set point moved"
        assert driver.enabled() is regulated, "the stage is no longer held"

    return is_safe


def _outlet(_case: Case, driver: Any) -> Callable[[], None]:
    stood = driver.powered()

    def is_safe() -> None:
        assert driver.powered() is stood, "the outlet was switched"

    return is_safe


def _emitter(_case: Case, driver: Any) -> Callable[[], None]:
    driver.set_emitting(emitting=True)

    def is_safe() -> None:
        assert not driver.emitting(), "light leaves it"

    return is_safe


def _receiver(_case: Case, driver: Any) -> Callable[[], None]:
    try:
        driver.set_biased(biased=True)
    except MissingCapabilityError as error:
        pytest.skip(str(error))

    def is_safe() -> None:
        assert not driver.biased(), "its detectors have their bias"

    return is_safe


def _node(_case: Case, driver: Any) -> Callable[[], None]:
    driver.set_repeating(repeating=True)

    def is_safe() -> None:
        assert not driver.repeating(), "it still takes part"

    return is_safe


_LEAVE_SAFE: dict[str, Callable[[Case, Any], Callable[[], None]]] = {
    "attenuator": _attenuator,
    "detector": _detector,
    "laser": _laser,
    "pair-source": _emitter,
    "power-outlet": _outlet,
    "receiver": _receiver,
    "repeater-node": _node,
    "switch": _switch,
    "temperature-controller": _temperature,
    "transmitter": _emitter,
}

ROLE_CHECKS: tuple[Check, ...] = (
    building_touches_nothing,
    an_absent_device_is_found_at_open,
    has_what_its_role_offers,
    says_who_it_is,
    closing_twice_does_nothing,
    opens_again_after_closing,
    a_closed_device_says_so,
    parking_is_idempotent,
    parking_brings_the_safe_state,
    declares_what_it_can_do,
    setting_reads_back_at_both_ends,
    a_setter_waits_until_it_may_be_judged,
    a_move_outside_the_envelope_sends_nothing,
    asks_before_it_moves,
    offers_no_way_around_its_setter,
    readings_are_in_the_unit_of_their_name,
    time_tags_are_those_of_the_gate,
)
