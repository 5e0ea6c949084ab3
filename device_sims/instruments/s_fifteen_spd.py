"""Simulated S-Fifteen single-photon detector module (serial, over USB): bias, cooler and counter of one detector.

``counts?`` counts for the set ``time`` (ms) and answers then. The detector has its declared efficiency and dark counts with the
declared bias (``hvolt``), none below nine tenths of it (breakdown), in proportion between. The cooler tells its set point
(``settemp``), and the detector is at it, as soon as its loop is closed; else it is at room temperature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import DetectorDevice
from hil.device_sims.spec import Endpoint, Later, Reply, TwinSpec

from ._nameplate import declared_as, serial_number
from ._s_fifteen import SFifteenSession, answer

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "SFifteenSpd"]

FIRMWARE = "1.3"
_AMBIENT_C = 22.0
_LIMITS = {
    "hvolt": (0.0, 260.0),
    "threshvolt": (-2.0, 2.0),
    "pvolt": (0.0, 5.0),
    "constp": (0.0, 100.0),
    "consti": (0.0, 100.0),
    "loop": (0, 1),
    "settemp": (-60.0, 30.0),
    "time": (1, 65_535),
    "delay": (0, 10_000),
}


class SFifteenSpd:
    """One module: what is set, and its detector in the world."""

    def __init__(self, world: World, device: str) -> None:
        declared = declared_as(world, device, DetectorDevice)
        self._world, self._device = world, device
        self._serial = serial_number(world, device, "SPD")
        self._kept: dict[str, float] = {
            "hvolt": declared.bias_v if world.beside.biased(device) else 0.0,
            "threshvolt": -0.15,
            "pvolt": 1.5,
            "constp": 0.2,
            "consti": 0.01,
            "loop": 1,
            "settemp": declared.setpoint_c,
            "time": 1000,
            "delay": 0,
        }

    def execute(self, words: list[str], now_ns: int) -> Reply | Later | None:
        """One command."""
        name, *parameters = words
        if name.endswith("?") and not parameters:
            return self._ask(name[:-1], now_ns)
        if name in {"help", "save"} and not parameters:
            return answer("ok" if name == "save" else " ".join(["*idn?", "counts?", "temp?", *_LIMITS]))
        if name not in _LIMITS or len(parameters) != 1:
            return answer("unknown command")
        return self._set(name, parameters[0], now_ns)

    def _ask(self, name: str, now_ns: int) -> Reply | Later:
        if name == "*idn":
            return answer(f"SPD InGaAs, S-Fifteen Instruments, {self._serial}, firmware {FIRMWARE}")
        if name == "temp":
            return answer(f"{self._cooled_c:.2f}")
        if name == "counts":
            return self._count(now_ns)
        if name in _LIMITS:
            return answer(f"{self._kept[name]:g}")
        return answer("unknown command")

    def _count(self, now_ns: int) -> Later:
        before = self._world.beside.clicks(self._device, now_ns)

        def tell(then_ns: int) -> tuple[bytes, None]:
            return answer(self._world.beside.clicks(self._device, then_ns) - before).data, None

        return Later(self._kept["time"] / 1e3, tell)

    def _set(self, name: str, text: str, now_ns: int) -> Reply | None:
        low, high = _LIMITS[name]
        try:
            value = float(text) if len(text) < 20 and "_" not in text else low - 1.0
        except ValueError:
            value = low - 1.0
        if not low <= value <= high:
            return answer("out of range")
        self._kept[name] = value
        if name == "hvolt":
            self._world.beside.set_bias_v(self._device, value, now_ns)
        elif name in {"settemp", "loop"}:
            self._world.beside.cool(self._device, self._cooled_c, now_ns)
        return None

    @property
    def _cooled_c(self) -> float:
        return self._kept["settemp"] if self._kept["loop"] else _AMBIENT_C


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    module = SFifteenSpd(world, device)
    return (Endpoint("control", "pty", lambda: SFifteenSession(module.execute), baud_rate=115_200),)


SPEC = TwinSpec(
    name="s-fifteen-spd", roles=("detector",), title="S-Fifteen single-photon detector (serial)", build=_build, late=True
)
