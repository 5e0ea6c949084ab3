"""Simulated Polatis optical switch of 8 by 8 fibres, SCPI over its LAN socket (port 5025 on the real one).

Ingress ports are 1 to 8, egress ports 9 to 16. The bench's path enters at port 1, its channel n is egress port 8 + n; without a
connection there is no light. Connecting a port takes it from whatever it was connected to. Answers as open drivers document
them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.bench.model import SwitchDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._nameplate import declared_as, serial_number
from ._scpi import COMMON_TREE, ScpiDevice, ScpiSession, no_parameters
from ._scpi_tree import ScpiError, Tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.device_sims.world.world import World

    from ._scpi_tree import Handler

__all__ = ["SPEC", "PolatisOsm"]

FIRMWARE = "6.5.2.18"
_SIDE = 8
_INGRESS, _EGRESS = range(1, _SIDE + 1), range(_SIDE + 1, 2 * _SIDE + 1)
_PATH_PORT, _UNLIT = 1, 0
_LIST = re.compile(r"\(@([\d,: ]*)\)")


class PolatisOsm(ScpiDevice):
    """One switch: which ingress port is connected to which egress port, and which ports are disabled."""

    def __init__(self, world: World, device: str) -> None:
        super().__init__(f"Polatis,I-OST-{_SIDE}x{_SIDE}-LU1-DMHNS,{serial_number(world, device, '')},{FIRMWARE}")
        self._world, self._device = world, device
        channel = int(world.standing(device, "channel"))
        self.connected = {_PATH_PORT: _SIDE + channel} if channel else {}
        self.disabled: set[int] = set()

    def restore(self) -> None:
        """``*RST`` of a switch leaves its light paths alone."""

    def execute(self, message: str, now_ns: int) -> str:
        """One message; the light stands as it leaves the instrument."""
        answer = super().execute(message, now_ns)
        to = self.connected.get(_PATH_PORT)
        lit = to is not None and not {_PATH_PORT, to} & self.disabled
        channel = to - _SIDE if lit and to is not None else _UNLIT
        if channel != self._world.switch_channel(self._device, now_ns):
            self._world.set_switch_channel(self._device, channel, now_ns)
        return answer

    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the tree."""
        return _TREE.find(words, query=query)(self, parameters, now_ns)

    def connect(self, ingress: list[int], egress: list[int]) -> None:
        """Light paths of these ports, each port's earlier one gone."""
        if len(ingress) != len(egress):
            raise ScpiError(-200)
        for one, other in zip(ingress, egress, strict=True):
            self.connected = {a: b for a, b in self.connected.items() if a != one and b != other}
            self.connected[one] = other

    def disconnect(self, ingress: list[int], egress: list[int]) -> None:
        """Take these light paths away."""
        for one, other in zip(ingress, egress, strict=False):
            if self.connected.get(one) != other:
                raise ScpiError(-200)
            del self.connected[one]

    def peer(self, port: int) -> int | None:
        """The port at the other end of a port's light path."""
        back = {b: a for a, b in self.connected.items()}
        return self.connected.get(port, back.get(port))


def _ports(text: str, allowed: range | None = None) -> list[int]:
    """The ports of a channel list such as ``1,2,5:7``."""
    ports: list[int] = []
    for part in text.replace(" ", "").split(",") if text.strip() else []:
        first, colon, last = part.partition(":")
        if not first or (colon and not last) or len(part) > 9:
            raise ScpiError(-102)
        ports += range(int(first), int(last or first) + 1)
    known = allowed if allowed is not None else range(1, 2 * _SIDE + 1)
    if any(port not in known for port in ports):
        raise ScpiError(-222)
    return ports


def _lists(parameters: list[str], count: int) -> list[str]:
    text = ",".join(parameters)
    found = _LIST.findall(text)
    if _LIST.sub("", text).strip(", ") or len(found) != count:
        raise ScpiError(-108 if len(found) > count else -109)
    return found


def _of_pairs(act: Callable[[PolatisOsm, list[int], list[int]], None]) -> Handler[PolatisOsm]:
    def handler(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> None:
        ingress, egress = _lists(parameters, 2)
        act(switch, _ports(ingress, _INGRESS), _ports(egress, _EGRESS))

    return handler


def _only(switch: PolatisOsm, ingress: list[int], egress: list[int]) -> None:
    switch.connected = {}
    switch.connect(ingress, egress)


def _state(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    pairs = sorted(switch.connected.items())
    return ",".join(f"(@{','.join(str(pair[side]) for pair in pairs)})" for side in (0, 1))


def _port(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> str:
    if len(parameters) != 1 or not parameters[0].isdecimal() or len(parameters[0]) > 4:
        raise ScpiError(-120 if parameters else -109)
    peer = switch.peer(*_ports(parameters[0]))
    return f'"{"" if peer is None else peer}"'


def _clear(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> None:
    no_parameters(parameters)
    switch.connected = {}


def _enabling(*, enabled: bool) -> Handler[PolatisOsm]:
    def handler(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> None:
        (text,) = _lists(parameters, 1)
        ports = set(_ports(text))
        switch.disabled = switch.disabled - ports if enabled else switch.disabled | ports

    return handler


def _port_states(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    return f"({','.join('D' if port in switch.disabled else 'E' for port in range(1, 2 * _SIDE + 1))})"


def _all_errors(switch: PolatisOsm, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    told = [switch.next_error()]
    while switch.errors:
        told.append(switch.next_error())
    return ",".join(told)


def _size(_switch: PolatisOsm, parameters: list[str], _now_ns: int) -> str:
    no_parameters(parameters)
    return f"{_SIDE},{_SIDE}"


_TREE: Tree[PolatisOsm] = Tree(
    {
        **COMMON_TREE,
        "SYSTem:ERRor:ALL?": _all_errors,
        "OXC:SWITch:SIZE?": _size,
        "OXC:SWITch:CONNect:ADD": _of_pairs(PolatisOsm.connect),
        "OXC:SWITch:CONNect:ONLY": _of_pairs(_only),
        "OXC:SWITch:CONNect:SUB": _of_pairs(PolatisOsm.disconnect),
        "OXC:SWITch:CONNect:STATe?": _state,
        "OXC:SWITch:CONNect:PORT?": _port,
        "OXC:SWITch:DISConnect:ALL": _clear,
        "OXC:SWITch:PORT:STATe?": _port_states,
        "OXC:SWITch:PORT:DISable": _enabling(enabled=False),
        "OXC:SWITch:PORT:ENABle": _enabling(enabled=True),
    }
)


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, SwitchDevice)
    switch = PolatisOsm(world, device)
    return (Endpoint("control", "tcp", lambda: ScpiSession(switch)),)


SPEC = TwinSpec(name="polatis-osm", roles=("switch",), title="Polatis 8x8 optical switch (SCPI)", build=_build)
