"""Aviosys IP Power distribution units: four outlets behind HTTP with basic authentication.

``/set.cmd?cmd=getpower`` tells ``p61=1,p62=0,...``, ``cmd=setpower+p61=0`` or ``cmd=setpower&p61=0`` switches. The bench file's
outlet is one of the four; the others feed nothing. As open drivers document it; models differ in what stands around the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from hil.bench.model import PowerOutletDevice
from hil.device_sims.world.time_of_day import time_of_day

from ._http import HttpSession, Page
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hil.device_sims.world.world import World

__all__ = ["AviosysUnit"]

FIRMWARE = "V1.55"
_OUTLETS = ("p61", "p62", "p63", "p64")
_SWITCHED = re.compile(r"(p6[1-4])=([01])")
_USER, _PASSWORD = "admin", "12345678"


class AviosysUnit:
    """One unit: which outlets are on. ``page`` makes a body of what it has to say, as its model does."""

    def __init__(self, world: World, device: str, page: Callable[[str], str]) -> None:
        self._world, self._device, self._page = world, device, page
        self._own = _OUTLETS[declared_as(world, device, PowerOutletDevice).outlet - 1]
        self._on = dict.fromkeys(_OUTLETS, True)
        self._mac = f"{int(serial_number(world, device, '') or '0', 36) % 16**12:012X}"

    def session(self) -> HttpSession:
        """A connection."""
        return HttpSession(self.answer, realm="user area", user=_USER, password=_PASSWORD, date=self._date)

    def _date(self, now_ns: int) -> datetime:
        return time_of_day(self._world, self._device, now_ns)

    def answer(self, method: str, target: str, now_ns: int) -> Page:
        """One request."""
        address = urlsplit(target)
        if method == "HEAD" and address.path in {"", "/"}:
            return Page(200, "")
        command = unquote_plus(address.query).replace("&", " ")
        if method != "GET" or address.path != "/set.cmd" or not command.startswith("cmd="):
            return Page(404, "Not Found")
        return self._carry_out(command.removeprefix("cmd="), now_ns)

    def _carry_out(self, command: str, now_ns: int) -> Page:
        name, _, rest = command.partition(" ")
        if name == "getversion":
            return self._told(f"Version={FIRMWARE}")
        if name == "getmac":
            return self._told(f"mac={self._mac}")
        if name not in {"getpower", "setpower"}:
            return Page(404, "Not Found")
        if name == "setpower":
            self._switch({outlet: on == "1" for outlet, on in _SWITCHED.findall(rest)}, now_ns)
        self._on[self._own] = self._world.beside.powered(self._device)
        return self._told(",".join(f"{outlet}={on:d}" for outlet, on in self._on.items()))

    def _switch(self, outlets: dict[str, bool], now_ns: int) -> None:
        self._on |= outlets
        if self._own in outlets:
            self._world.beside.set_powered(self._device, now_ns, powered=outlets[self._own])

    def _told(self, text: str) -> Page:
        return Page(200, self._page(text))
