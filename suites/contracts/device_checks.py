"""What driver and device promise together: the bytes of the papers, power that goes and comes, errors told, who it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import DeviceError, IdentityError, InstrumentError, MissingCapabilityError
from hil.suites.contracts.case import PATIENCE_S, SETTERS, matches, took
from hil.testbed.pins import check_identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.suites.contracts.case import Case, Check, ErrorQueue

__all__ = ["DEVICE_CHECKS"]

ON = {
    "detector": ("set_biased", {"biased": True}),
    "laser": ("set_emitting", {"emitting": True}),
    "pair-source": ("set_emitting", {"emitting": True}),
    "receiver": ("set_biased", {"biased": True}),
    "repeater-node": ("set_repeating", {"repeating": True}),
    "transmitter": ("set_emitting", {"emitting": True}),
}
"""What a role switches on, and loses with its power."""


def what_is_said_is_what_the_papers_have(case: Case) -> None:
    """For each documented call the driver says exactly those bytes, and the device answers as it is documented to."""
    if not case.papers.calls:
        pytest.skip("no papers tell what is said for which call")
    with case.driver() as driver:
        for call in case.papers.calls:
            case.relay.turns.clear()
            getattr(driver, call.method)(*call.arguments, **call.named)
            case.relay.settle()
            said, wanted = _in_turns(case.relay.turns), _in_turns(call.turns)
            assert [side for side, _ in said] == [side.replace("~", ">") for side, _ in wanted], f"{call}: {said}"
            for (_, data), (side, documented) in zip(said, wanted, strict=True):
                same = data == documented if side == ">" else matches(documented, data)
                who = "the device" if side == "<" else "the driver"
                assert same, f"{call}: {who} said {data!r}; {case.papers.source} has {documented!r}"


def a_device_without_power_is_an_error_with_its_name(case: Case) -> None:
    """In mid-run its driver says which device is gone; with power again the same driver goes on, and what was lit is dark."""
    plug, on = case.plug, ON.get(case.role)
    with case.driver(timeout_s=PATIENCE_S) as driver:
        expected = driver.identity()
        if on:
            try:
                getattr(driver, on[0])(**on[1])
            except MissingCapabilityError:
                on = None
        plug.cut()
        try:
            with pytest.raises(DeviceError, match=case.name):
                driver.identity()
        finally:
            plug.restore()
        assert driver.identity() == expected
        if on:
            assert not getattr(driver, on[0].removeprefix("set_"))(), f"still {on[0].removeprefix('set_')} after a power-up"


def after_a_power_up_stands_what_the_papers_have(case: Case) -> None:
    """Whatever was set before: after a power-up the documented questions have their documented answers."""
    if not case.papers.power_up:
        pytest.skip("no papers tell how it stands after a power-up")
    plug = case.plug
    with case.driver(timeout_s=PATIENCE_S) as driver:
        _leave_its_defaults(case, driver)
        plug.cut()
        plug.restore()
        with took():  # it may find out only now
            driver.identity()
        driver.identity()
        for question, answer in case.papers.power_up:
            found = case.relay.ask(question, case.papers.end)
            assert matches(answer, found), f"{question!r} was answered {found!r} after a power-up; expected {answer!r}"


def errors_from_before_are_not_ours(case: Case) -> None:
    """What somebody else had refused is thrown away at opening, and our first move is not blamed for it."""
    errors, setter = _error_queue(case), case.setter
    with case.driver():
        case.relay.tell(errors.refused)
        assert not matches(errors.none, _peek(case, errors)), "the papers' refused command was taken"
        case.relay.tell(errors.refused)
        case.relay.ask(case.papers.harmless, case.papers.end)  # answered once the command before it was
    with case.driver() as driver:
        getattr(driver, setter.write)(driver.capabilities.ranges[setter.setting][0])


def a_refusal_is_told_in_the_devices_words(case: Case) -> None:
    """A move that the device refuses is an error with its name and with what its error queue says; then that is empty."""
    errors, setter = _error_queue(case), case.setter
    with case.driver() as driver:
        low, high = driver.capabilities.ranges[setter.setting]
        getattr(driver, setter.write)(low)
        spoilt: list[bytes] = []
        told: list[bytes] = []

        def spoil(data: bytes) -> bytes:
            first, rest = _first_line(data)
            if b"?" in first or spoilt:
                return data
            spoilt.append(first)
            return errors.refused + rest

        def listen(data: bytes) -> bytes:
            if spoilt:
                told.append(data)
            return data

        case.relay.to_device, case.relay.to_driver = spoil, listen
        with pytest.raises(InstrumentError, match=case.name) as refused:
            getattr(driver, setter.write)(high)
        case.relay.to_device = case.relay.to_driver = _as_it_is
        words = [data.decode("latin-1").strip() for data in told if not matches(errors.none, data)]
        message = str(refused.value).removeprefix(f"{case.name}: ")
        assert any(word and word in message for word in words), f"{message}: the device said {words}"
        assert matches(errors.none, _peek(case, errors)), "its error queue still holds something"
        getattr(driver, setter.write)(high)


def pins_hold_what_it_says_it_is(case: Case) -> None:
    """A bench that pins the serial number and firmware it tells accepts it, and one that pins others does not."""
    with case.driver() as driver:
        identity = driver.identity()
    check_identity(case.name, identity, "", identity.serial)
    with pytest.raises(IdentityError, match=case.name):
        check_identity(case.name, identity, "", identity.serial + "-OTHER")
    if not identity.firmware:
        with pytest.raises(IdentityError, match=case.name):
            check_identity(case.name, identity, ">=0", "")
        return
    check_identity(case.name, identity, ">0", "")
    with pytest.raises(IdentityError, match=case.name):
        check_identity(case.name, identity, ">9000", "")
    with pytest.raises(IdentityError, match=case.name):
        check_identity(case.name, replace(identity, firmware=""), ">0", "")


def _in_turns(turns: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Pieces of one side that follow each other as one."""
    merged: list[tuple[str, bytes]] = []
    for side, data in turns:
        if merged and merged[-1][0] == side:
            merged[-1] = side, merged[-1][1] + data
        else:
            merged.append((side, data))
    return merged


def _error_queue(case: Case) -> ErrorQueue:
    if case.papers.errors is None:
        pytest.skip("no papers tell of an error queue")
    return case.papers.errors


def _leave_its_defaults(case: Case, driver: Any) -> None:
    """Set and switch on whatever there is."""
    if (on := ON.get(case.role)) is not None:
        getattr(driver, on[0])(**on[1])
    if (setter := SETTERS.get(case.role)) is not None:
        getattr(driver, setter.write)(driver.capabilities.ranges[setter.setting][0])


def _first_line(data: bytes) -> tuple[bytes, bytes]:
    """The first command of a piece, with its end, and what follows it."""
    found = re.match(rb"[^\r\n]*[\r\n]*", data)
    end = found.end() if found else 0
    return data[:end], data[end:]


def _peek(case: Case, errors: ErrorQueue) -> bytes:
    return case.relay.ask(errors.ask, case.papers.end)


def _as_it_is(data: bytes) -> bytes:
    return data


DEVICE_CHECKS: tuple[Check, ...] = (
    what_is_said_is_what_the_papers_have,
    a_device_without_power_is_an_error_with_its_name,
    after_a_power_up_stands_what_the_papers_have,
    errors_from_before_are_not_ours,
    a_refusal_is_told_in_the_devices_words,
    pins_hold_what_it_says_it_is,
)
