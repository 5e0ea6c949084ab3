"""Simulated Aviosys IP Power 9258 (and 9850) power distribution unit: four outlets behind HTTP with basic authentication.

``/set.cmd?cmd=getpower`` tells ``p61=1,p62=0,...``, ``cmd=setpower+p61=0`` or ``cmd=setpower&p61=0`` switches. The bench file's
outlet is one of the four; the others feed nothing. As open drivers document it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from hil.bench.model import PowerOutletDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._http import HttpSession, Page
from ._nameplate import declared_as, serial_number

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "AviosysIp9258"]

FIRMWARE = "V1.55"
_OUTLETS = ("p61", "p62", "p63", "p64")
_SWITCHED = re.compile(r"(p6[1-4])=([01])")
_USER, _PASSWORD = "admin", "12345678"


class AviosysIp9258:
    """One unit: which outlets are on."""

    def __init__(self, world: World, device: str) -> None:
        self._world, self._device = world, device
        self._own = _OUTLETS[declared_as(world, device, PowerOutletDevice).outlet - 1]
        self._on = dict.fromkeys(_OUTLETS, True)
        self._mac = f"{int(serial_number(world, device, '') or '0', 36) % 16**12:012X}"

    def session(self) -> HttpSession:
        """A connection."""
        return HttpSession(self.answer, realm="user area", user=_USER, password=_PASSWORD)

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
            return _page(f"Version={FIRMWARE}")
        if name == "getmac":
            return _page(f"mac={self._mac}")
        if name not in {"getpower", "setpower"}:
            return Page(404, "Not Found")
        if name == "setpower":
            self._switch({outlet: on == "1" for outlet, on in _SWITCHED.findall(rest)}, now_ns)
        self._on[self._own] = self._world.beside.powered(self._device)
        return _page(",".join(f"{outlet}={on:d}" for outlet, on in self._on.items()))

    def _switch(self, outlets: dict[str, bool], now_ns: int) -> None:
        self._on |= outlets
        if self._own in outlets:
            self._world.beside.set_powered(self._device, now_ns, powered=outlets[self._own])


def _page(text: str) -> Page:
    return Page(200, f"<!--CGI-DATABEG-->\n<p>\n{text}</p>\n\n<!--CGI-DATAEND-->\n")


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    unit = AviosysIp9258(world, device)
    return (Endpoint("control", "http", unit.session),)


SPEC = TwinSpec(
    name="aviosys-ip9258", roles=("power-outlet",), title="Aviosys IP Power 9258 power distribution unit (HTTP)", build=_build
)
