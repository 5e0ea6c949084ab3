"""Simulated Keysight N7761A variable optical attenuator, SCPI over its LAN socket.

One channel of 0 to 45 dB with a shutter. What the filter does is INPut:ATTenuation less INPut:OFFSet; the bench's light follows
it, and an open or shut OUTPut. ``*RST`` leaves the shutter shut; at time zero of a bench it is open, as the bench file's
operating point has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.model import AttenuatorDevice
from hil.device_sims.spec import Endpoint, TwinSpec

from ._nameplate import declared_as, serial_number
from ._scpi import COMMON_TREE, ScpiDevice, ScpiSession
from ._scpi_tree import Tree
from ._scpi_values import Number, switched

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["SPEC", "KeysightN776x"]

FIRMWARE = "1.20.0"
_MOST_DB, _SHUT_DB = 45.0, 100.0
_DB = {"DB": 1.0}
_METRES = {"M": 1.0, "NM": 1e-9, "UM": 1e-6}


class KeysightN776x(ScpiDevice):
    """One attenuator of a bench."""

    def __init__(self, world: World, device: str) -> None:
        super().__init__(f"Keysight Technologies,N7761A,{serial_number(world, device, 'MY')},{FIRMWARE}")
        self._world, self._device = world, device
        self._attenuation_db = world.standing(device, "attenuation_db")
        self.shutter_open = self._attenuation_db < _SHUT_DB
        self.offset_db, self.speed_db_per_s, self.wavelength_m = 0.0, 1000.0, 1.55e-6

    def restore(self) -> None:
        """No attenuation, no offset, the shutter shut."""
        self._attenuation_db, self.offset_db, self.speed_db_per_s, self.wavelength_m = 0.0, 0.0, 1000.0, 1.55e-6
        self.shutter_open = False

    def execute(self, message: str, now_ns: int) -> str:
        """One message; the light stands as it leaves the instrument."""
        answer = super().execute(message, now_ns)
        self.show(now_ns)
        return answer

    def carry_out(self, words: list[str], *, query: bool, parameters: list[str], now_ns: int) -> str | None:
        """One command of the tree."""
        return _TREE.find(words, query=query)(self, parameters, now_ns)

    def attenuation_db(self) -> float:
        """What it says, its offset included."""
        return self._attenuation_db + self.offset_db

    def set_attenuation_db(self, attenuation_db: float) -> None:
        """Move; the offset is taken off what the filter does."""
        self._attenuation_db = attenuation_db - self.offset_db

    def show(self, now_ns: int) -> None:
        """Let the light follow what is set."""
        wanted_db = self._attenuation_db if self.shutter_open else _SHUT_DB
        if wanted_db != self._world.attenuation_db(self._device, now_ns):
            self._world.set_attenuation_db(self._device, wanted_db, now_ns)


_ATTENUATION: Number[KeysightN776x] = Number(
    lambda voa, _: voa.attenuation_db(),
    lambda voa, value, _: voa.set_attenuation_db(value),
    lambda voa: (voa.offset_db, voa.offset_db + _MOST_DB, voa.offset_db),
    _DB,
    "{:+.8E}".format,
)
_OFFSET: Number[KeysightN776x] = Number(
    lambda voa, _: voa.offset_db, lambda voa, value, _: setattr(voa, "offset_db", value), lambda _: (-200.0, 200.0, 0.0), _DB
)
_SPEED: Number[KeysightN776x] = Number(
    lambda voa, _: voa.speed_db_per_s,
    lambda voa, value, _: setattr(voa, "speed_db_per_s", value),
    lambda _: (0.1, 1000.0, 1000.0),
    {"DB/S": 1.0},
)
_WAVELENGTH: Number[KeysightN776x] = Number(
    lambda voa, _: voa.wavelength_m,
    lambda voa, value, _: setattr(voa, "wavelength_m", value),
    lambda _: (1.26e-6, 1.64e-6, 1.55e-6),
    _METRES,
    "{:+.8E}".format,
)

_TREE: Tree[KeysightN776x] = Tree(
    {
        **COMMON_TREE,
        **_ATTENUATION.under("INPut[:CHANnel]:ATTenuation"),
        **_OFFSET.under("INPut[:CHANnel]:OFFSet"),
        **_SPEED.under("INPut[:CHANnel]:ATTenuation:SPEed"),
        **_WAVELENGTH.under("INPut[:CHANnel]:WAVelength"),
        **switched(
            "OUTPut[:CHANnel][:STATe]",
            lambda voa: voa.shutter_open,
            lambda voa, is_open, _: setattr(voa, "shutter_open", is_open),
        ),
    }
)


def _build(world: World, device: str) -> tuple[Endpoint, ...]:
    declared_as(world, device, AttenuatorDevice)
    attenuator = KeysightN776x(world, device)
    return (Endpoint("control", "tcp", lambda: ScpiSession(attenuator)),)


SPEC = TwinSpec(
    name="keysight-n776x", roles=("attenuator",), title="Keysight N7761A variable optical attenuator (SCPI)", build=_build
)
