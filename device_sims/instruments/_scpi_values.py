"""Parameters of SCPI commands: numbers with units and named limits, switches, words (SCPI-99 volume 1, chapter 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from ._scpi_tree import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._scpi_tree import Handler

__all__ = ["Number", "number_with_unit", "one", "switch", "switched", "word"]

D = TypeVar("D")

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d{1,3})?)\s*([A-Z][A-Z/]*)?")


def one(parameters: list[str]) -> str:
    """The one parameter; ScpiError for none or several."""
    if len(parameters) != 1:
        raise ScpiError(-108 if parameters else -109)
    return parameters[0]


def number_with_unit(parameter: str, units: Mapping[str, float]) -> float:
    """A number, in the unit whose factor is 1."""
    match = _NUMBER.fullmatch(parameter)
    if match is None:
        raise ScpiError(-120)
    if match[2] and match[2] not in units:
        raise ScpiError(-131)
    return float(match[1]) * units.get(match[2] or "", 1.0)


def switch(parameters: list[str]) -> bool:
    """``ON``, ``OFF``, 1 or 0."""
    words = {"ON": True, "OFF": False, "1": True, "0": False}
    parameter = one(parameters)
    if parameter not in words:
        raise ScpiError(-141)
    return words[parameter]


def word(parameters: list[str], *known: str) -> str:
    """One of these words, each given by its short form in capitals and the rest of its long form."""
    parameter = one(parameters)
    for each in known:
        if parameter in {each.upper(), "".join(letter for letter in each if not letter.islower())}:
            return each
    raise ScpiError(-141)


@dataclass(frozen=True)
class Number(Generic[D]):
    """A setting with its limits (least, most, default), also by their names; ``show`` formats the answers."""

    get: Callable[[D, int], float]
    put: Callable[[D, float, int], None]
    limits: Callable[[D], tuple[float, float, float]]
    units: Mapping[str, float]
    show: Callable[[float], str] = "{:.6E}".format

    def set(self, device: D, parameters: list[str], now_ns: int) -> None:
        """Take the one parameter, if it is inside."""
        parameter = one(parameters)
        low, high, _ = self.limits(device)
        value = self._named(device, parameter)
        value = number_with_unit(parameter, self.units) if value is None else value
        if not low <= value <= high:
            raise ScpiError(-222)
        self.put(device, value, now_ns)

    def ask(self, device: D, parameters: list[str], now_ns: int) -> str:
        """The value, or one of its limits."""
        if not parameters:
            return self.show(self.get(device, now_ns))
        value = self._named(device, parameters[0]) if len(parameters) == 1 else None
        if value is None:
            raise ScpiError(-108 if len(parameters) > 1 else -141)
        return self.show(value)

    def under(self, pattern: str) -> dict[str, Handler[D]]:
        """Command and query of a tree."""
        return {pattern: self.set, f"{pattern}?": self.ask}

    def _named(self, device: D, parameter: str) -> float | None:
        low, high, default = self.limits(device)
        named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high, "DEF": default, "DEFAULT": default}
        return named.get(parameter)


def switched(pattern: str, get: Callable[[D], bool], put: Callable[[D, bool, int], None]) -> dict[str, Handler[D]]:
    """Command and query of something that is on or off."""

    def tell(device: D, parameters: list[str], now_ns: int) -> None:
        put(device, switch(parameters), now_ns)

    def ask(device: D, parameters: list[str], _now_ns: int) -> str:
        if parameters:
            raise ScpiError(-108)
        return f"{get(device):d}"

    return {pattern: tell, f"{pattern}?": ask}
