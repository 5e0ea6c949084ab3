"""Settings of an ID900 as its commands make and tell them; answers as open clients of it expect them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from ._scpi_tree import ScpiError
from ._scpi_values import number_with_unit, one, switch, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._scpi_tree import Handler

__all__ = ["acting", "address", "chosen", "kept", "linked", "picoseconds", "set_to", "tell", "timed"]

D = TypeVar("D")

_TIME = {"PS": 1.0, "TB": 1.0, "KTB": 1e3, "MTB": 1e6, "GTB": 1e9, "NS": 1e3, "US": 1e6, "MS": 1e9, "S": 1e12}
"""The time base (TB) is 1 ps; the maker's manual writes 3 s as 3000 GTB."""
_LONGEST_PS = 1e18
_ADDRESS = re.compile(r"(STAR|INPU|DELA|TSCO|GEN|REC|NONE)(?:T|Y|ORD)?(\d{0,2})")
_BLOCKS = {"STAR": 0, "NONE": 0, "REC": 0, "INPU": 4, "DELA": 8, "TSCO": 24, "GEN": 8}
"""Blocks that a link may name, and how many there are of each; 0 for those without a number."""


def set_to(text: object) -> str:
    """The answer to a setting."""
    return f"Value set to {text}"


def picoseconds(parameters: list[str], most: float = _LONGEST_PS) -> int:
    """A time, in units of 1 ps where it has none."""
    value = number_with_unit(one(parameters), _TIME)
    if not abs(value) <= most:
        raise ScpiError(-222)
    return round(value)


def address(parameters: list[str]) -> str:
    """A block that events come from, by its short name (``INPU1``, ``TSCO12``, ``NONE``)."""
    match = _ADDRESS.fullmatch(one(parameters))
    most = _BLOCKS[match[1]] if match else 0
    number = int(match[2] or 0) if match else 0
    if match is None or not (1 <= number <= most if most else number == 0):
        raise ScpiError(-141)
    return match[1] + (str(number) if most else "")


def tell(read: Callable[[D, int], object]) -> Handler[D]:
    """A query."""

    def handler(device: D, parameters: list[str], now_ns: int) -> str:
        if parameters:
            raise ScpiError(-108)
        return str(read(device, now_ns))

    return handler


def acting(act: Callable[[D, int], object]) -> Handler[D]:
    """A command without parameters; what ``act`` returns is the answer."""
    return tell(act)


def timed(
    pattern: str,
    get: Callable[[D], int],
    put: Callable[[D, int, int], None],
    *,
    limits: tuple[float, float] = (-1e12, 1e12),
    bare: bool = False,
) -> dict[str, Handler[D]]:
    """A time in ps, told with the unit TB; ``bare``: the answer to the command has none. ``put`` is told the time."""

    def command(device: D, parameters: list[str], now_ns: int) -> str:
        value = picoseconds(parameters)
        if not limits[0] <= value <= limits[1]:
            raise ScpiError(-222)
        put(device, value, now_ns)
        return set_to(get(device) if bare else f"{get(device)}TB")

    return {pattern: command, f"{pattern}?": tell(lambda device, _: f"{get(device)}TB")}


def linked(pattern: str, get: Callable[[D], str], put: Callable[[D, str], None]) -> dict[str, Handler[D]]:
    """Where a block's events come from."""

    def command(device: D, parameters: list[str], _now_ns: int) -> str:
        put(device, address(parameters))
        return set_to(get(device))

    return {pattern: command, f"{pattern}?": tell(lambda device, _: get(device))}


def chosen(pattern: str, get: Callable[[D], str], put: Callable[[D, str], None], *words: str) -> dict[str, Handler[D]]:
    """One of some words; with the words ON and OFF also 1 and 0, and ON where none is given."""

    def command(device: D, parameters: list[str], _now_ns: int) -> str:
        if words == ("ON", "OFF"):
            put(device, "ON" if not parameters or switch(parameters) else "OFF")
        else:
            put(device, word(parameters, *words).upper())
        return set_to(get(device))

    return {pattern: command, f"{pattern}?": tell(lambda device, _: get(device))}


def kept(pattern: str, settings: Callable[[D], dict[str, str]], initial: str, *words: str) -> dict[str, Handler[D]]:
    """A setting that is kept and told, and changes nothing."""

    def put(device: D, value: str) -> None:
        settings(device)[pattern] = value

    return chosen(pattern, lambda device: settings(device).get(pattern, initial), put, *words)
