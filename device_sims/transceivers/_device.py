"""One simulated transceiver: who it says it is, and what it tells at which level. All that changes is kept by the world."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from hil.bench.model import PairSourceDevice, ReceiverDevice, TransmitterDevice
from hil.errors import UsageError
from hil.ports.detections import DetectionRecords
from hil.ports.identity import firmware_text

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["FIRMWARE", "Refusal", "SimulatedTransceiver", "deliverable"]

VENDOR = "QKD-HIL"
MODEL = "Reference Transceiver"
FIRMWARE = "2.4.1"

_WIDEST_GAP = 2**32 - 2


class Refusal(Exception):  # noqa: N818  (an answer, not a failure)
    """A request that is answered with an error of the protocol."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"{code} {text}")

    @classmethod
    def unknown(cls, what: str) -> Refusal:
        return cls(10, f"unknown command {what}")

    @classmethod
    def bad_argument(cls, text: str) -> Refusal:
        return cls(11, text)

    @classmethod
    def unsupported(cls, what: str) -> Refusal:
        return cls(12, f"{what} is not supported by this device or level")


class SimulatedTransceiver:
    """Shared by every session of both ports of one device."""

    def __init__(self, world: World, name: str) -> None:
        declared = world.bench.device.get(name)
        if not isinstance(declared, (TransmitterDevice, PairSourceDevice, ReceiverDevice)):
            raise UsageError(f"{name}: not a transmitter, pair source or receiver of bench {world.bench.bench.name!r}")
        self.world = world
        self.name = name
        self.declared = declared
        self.level = "L3" if isinstance(declared, PairSourceDevice) else declared.level

    @property
    def emits(self) -> bool:
        """Whether light leaves it: a transmitter or a pair source."""
        return not isinstance(self.declared, ReceiverDevice)

    @property
    def prepares(self) -> bool:
        """Whether it knows what it sent: a transmitter."""
        return isinstance(self.declared, TransmitterDevice)

    @property
    def identity(self) -> str:
        """The answer to ``*IDN?``; the serial number is the bench file's, or one made of the device's name."""
        made = hashlib.blake2b(f"{self.world.bench.bench.name}/{self.name}".encode(), digest_size=4).hexdigest().upper()
        return ",".join((VENDOR, MODEL, self.declared.serial or f"RT-{made}", self.firmware))

    @property
    def firmware(self) -> str:
        """Its own version, or the one it was told to tell."""
        if isinstance(self.declared, PairSourceDevice):
            return FIRMWARE
        code = self.world.injected(self.name, "firmware_code")
        return firmware_text(code) if code else FIRMWARE

    def needs_raw_data(self, what: str) -> None:
        """Refusal below L3, where detections and preparations stay inside."""
        if self.level != "L3":
            raise Refusal.unsupported(what)


def deliverable(block: DetectionRecords) -> DetectionRecords:
    """The block up to the first gap that does not fit the wire's 32-bit differences of pulse index."""
    if block.end - block.first <= _WIDEST_GAP:
        return block
    edges = np.concatenate([[block.first], block.index])
    wide = np.flatnonzero(np.diff(edges) > _WIDEST_GAP)
    if wide.size == 0:
        return block
    kept = int(wide[0])
    end = int(edges[kept]) + _WIDEST_GAP
    share = (end - block.first) / (block.end - block.first)
    return DetectionRecords(
        first=block.first,
        end=end,
        index=block.index[:kept],
        detector=block.detector[:kept],
        live_s=block.live_s * share,
        sequence=block.sequence,
        lost=block.lost,
    )
