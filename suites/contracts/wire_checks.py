"""What a driver promises when its line does not: silence, late and damaged replies, words nobody asked for, a broken line.

Every promise ends alike: an error that names the device or, where a repetition is harmless, the right answer; never a wrong
one; and the next question is answered rightly.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hil.errors import DeviceError, DeviceTimeoutError, DeviceUnreachableError, DirtyLinkError, MissingCapabilityError
from hil.suites.contracts.case import PATIENCE_S, SETTERS, took

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.suites.contracts.case import Case, Check, Setter

__all__ = ["WIRE_CHECKS"]

LONG_S = 5.0
"""A patience that nothing but a fault may use up."""
MOST_ATTEMPTS_S = 6.0
"""Three attempts, each with its way back into step, end well within this."""

_ACTIONS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "detector": (("set_biased", {"biased": True}), ("counts", {"gate_s": 0.02})),
    "laser": (("set_emitting", {"emitting": True}),),
    "pair-source": (("set_emitting", {"emitting": True}),),
    "power-meter": (("power_w", {}),),
    "power-outlet": (("set_powered", {"powered": False}),),
    "receiver": (("set_biased", {"biased": True}), ("start", {})),
    "repeater-node": (("set_repeating", {"repeating": True}),),
    "temperature-controller": (("set_enabled", {"enabled": False}),),
    "time-tagger": (("singles", {"gate_s": 0.02}),),
    "transmitter": (("set_emitting", {"emitting": True}),),
}
"""What a role does beside moving its setting."""


def silence_is_a_timeout(case: Case) -> None:
    """A device that says nothing is an error with its name, soon; once it speaks again, it answers rightly."""
    with case.driver(timeout_s=PATIENCE_S) as driver:
        expected = driver.identity()
        case.relay.to_driver = _swallow
        with took() as silence:
            driver.identity()
        assert isinstance(silence.error, (DeviceTimeoutError, DirtyLinkError, DeviceUnreachableError)), silence.error
        assert case.name in str(silence.error)
        assert PATIENCE_S * 0.9 <= silence.seconds < MOST_ATTEMPTS_S
        case.relay.behave()
        assert driver.identity() == expected


def a_late_reply_answers_nothing_else(case: Case) -> None:
    """An answer that comes when its patience is over is nobody's: not its repetition's, not the next question's."""
    kept: list[tuple[bytes, int]] = []

    def keep_the_first(data: bytes) -> bytes:
        if not kept:
            kept.append((data, case.relay.conversations))
            return b""
        case.relay.to_driver = _as_it_is
        late, conversation = kept[0]  # what belongs to a stream that was closed meanwhile comes to nobody
        return late + data if case.relay.conversations == conversation else data

    if not case.relay.cuts:
        pytest.skip("this carrier keeps each answer with its question")
    with case.driver(timeout_s=PATIENCE_S) as driver:
        identity, ask = driver.identity(), _other_question(case, driver)
        expected = ask()
        case.relay.to_driver = keep_the_first
        with took() as late:
            found = ask()
        assert kept
        assert late.error is not None or found == expected, f"a late reply was taken for {found}"
        assert driver.identity() == identity
        assert ask() == expected
        assert driver.identity() == identity


def a_garbled_reply_is_no_answer(case: Case) -> None:
    """Bytes as of a wrong baud rate are an error with the device's name, or asked for again; then the device is in step."""

    def garble(data: bytes) -> bytes:
        end = case.papers.end if data.endswith(case.papers.end) else b""
        return bytes(byte | 0x80 for byte in data[: len(data) - len(end)]) + end

    _damage_once(case, garble)


def a_truncated_reply_is_no_answer(case: Case) -> None:
    """A reply that breaks off is not taken for a whole one."""
    if not case.relay.cuts:
        pytest.skip("a message of this carrier comes whole or not at all")
    _damage_once(case, lambda data: data[: len(data) - max(1, len(data) // 4)])


def a_reply_with_another_end_is_no_answer(case: Case) -> None:
    """A reply whose last byte is not its terminator has not ended yet, and what it lacks is not guessed."""
    if not case.relay.cuts:
        pytest.skip("a message of this carrier has no terminator")
    _damage_once(case, lambda data: data[:-1] + b";")


def what_nobody_asked_for_is_no_answer(case: Case) -> None:
    """A line that the device says by itself between two questions is thrown away."""
    with case.driver() as driver:
        expected = driver.identity()
        ends = {data[-1:] for side, data in case.relay.turns if side == "<"}
        for words in (b"0", b"+0"):
            for end in ends:
                case.relay.say(words + end)
        assert driver.identity() == expected
        assert driver.identity() == expected


def a_line_that_ends_in_mid_reply_is_found_at_once(case: Case) -> None:
    """End of file is no silence: the error names the device long before the patience is over; a new line is taken up again."""

    def half(data: bytes) -> bytes:
        case.relay.end_after_this()
        return data[: len(data) // 2] if case.relay.cuts else b""

    with case.driver(timeout_s=LONG_S) as driver:
        expected = driver.identity()
        case.relay.to_driver = half
        with took() as ended:
            driver.identity()
        assert isinstance(ended.error, DeviceError), ended.error
        assert not isinstance(ended.error, DeviceTimeoutError), ended.error
        assert case.name in str(ended.error)
        assert ended.seconds < LONG_S / 2, f"{ended.seconds:.1f} s until the end of the line was noticed"
        case.relay.behave()
        case.relay.admit()
        assert driver.identity() == expected


def only_what_is_harmless_is_said_twice(case: Case) -> None:
    """Whichever reply is lost on the way: no move, toggle, acquisition or switching on is ever repeated by itself."""
    once = case.papers.once
    if not once:
        pytest.skip("no papers say which requests must not be repeated")
    for action, does in _actions(case).items():
        lost = 0
        while _said_once(case, action, does, lost, once):
            lost += 1


def _said_once(case: Case, action: str, does: Callable[[Any], object], lost: int, once: tuple[bytes, ...]) -> bool:
    """Loses the reply with this number; whether there was one."""
    came = -1

    def lose(data: bytes) -> bytes:
        nonlocal came
        came += 1
        if came != lost:
            return data
        if case.relay.cuts:  # sooner known to be lost than by waiting for it
            case.relay.end_after_this(for_good=False)
        return b""

    with case.driver(timeout_s=PATIENCE_S) as driver:
        case.relay.turns.clear()
        case.relay.to_driver = lose
        with took():
            does(driver)
        case.relay.settle()
        said = b"".join(case.relay.sent())
    for pattern in once:
        for words, times in _times(pattern, said).items():
            allowed = 1 if times < 2 else _in_good_order(case, does, pattern)[words]
            assert times <= max(1, allowed), f"{action}: {words!r} was said {times} times when reply {lost + 1} was lost"
    return came >= lost


def _times(pattern: bytes, said: bytes) -> Counter[bytes]:
    """How often each request of a pattern was said."""
    return Counter(found[0] for found in re.finditer(pattern, said))


def _in_good_order(case: Case, does: Callable[[Any], object], pattern: bytes) -> Counter[bytes]:
    """How often where nothing is lost."""
    with case.driver() as driver:
        case.relay.turns.clear()
        does(driver)
        case.relay.settle()
        return _times(pattern, b"".join(case.relay.sent()))


def _actions(case: Case) -> dict[str, Callable[[Any], object]]:
    found: dict[str, Callable[[Any], object]] = {
        method: partial(_act, method, named) for method, named in _ACTIONS.get(case.role, ())
    }
    if case.role in SETTERS:
        found["move"] = partial(_move, SETTERS[case.role])
    return found


def _act(method: str, named: dict[str, Any], driver: Any) -> None:
    getattr(driver, method)(**named)


def _move(setter: Setter, driver: Any) -> None:
    for value in driver.capabilities.ranges[setter.setting]:
        getattr(driver, setter.write)(value)


def _damage_once(case: Case, damage: Callable[[bytes], bytes]) -> None:
    """Damages one reply to either question."""
    with case.driver(timeout_s=PATIENCE_S) as driver:
        for ask in (driver.identity, _other_question(case, driver)):
            expected = ask()
            done: list[bytes] = []

            def once(data: bytes, done: list[bytes] = done) -> bytes:
                case.relay.to_driver = _as_it_is
                done.append(data)
                return damage(data)

            case.relay.to_driver = once
            found = None
            with took() as damaged:
                found = ask()
            assert done
            if damaged.error is None:
                assert found == expected, f"a damaged reply was taken for {found}"
            else:
                assert isinstance(damaged.error, DeviceError)
                assert case.name in str(damaged.error)
            assert ask() == expected
            assert ask() == expected


def _other_question(case: Case, driver: Any) -> Callable[[], object]:
    """Something else to ask than who it is."""
    own = [SETTERS[case.role].read] if case.role in SETTERS else []
    for name in (*own, "biased", "powered", "emitting", "repeating"):
        with suppress(AttributeError, MissingCapabilityError):
            question: Callable[[], object] = getattr(driver, name)
            question()
            return question
    identity: Callable[[], object] = driver.identity
    return identity


def _swallow(_data: bytes) -> bytes:
    return b""


def _as_it_is(data: bytes) -> bytes:
    return data


WIRE_CHECKS: tuple[Check, ...] = (
    silence_is_a_timeout,
    a_late_reply_answers_nothing_else,
    a_garbled_reply_is_no_answer,
    a_truncated_reply_is_no_answer,
    a_reply_with_another_end_is_no_answer,
    what_nobody_asked_for_is_no_answer,
    a_line_that_ends_in_mid_reply_is_found_at_once,
    only_what_is_harmless_is_said_twice,
)
