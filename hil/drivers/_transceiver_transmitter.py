"""Transmitter of the reference protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.drivers._transceiver_emitter import ReferenceEmitter
from hil.ports.detections import SourceDeclaration
from hil.ports.identity import EvidenceLevel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hil.ports.detections import Preparations

__all__ = ["ReferenceTransmitter"]


class ReferenceTransmitter(ReferenceEmitter):
    """Decoy-state BB84 transmitter."""

    role = "transmitter"

    def source(self) -> SourceDeclaration:
        """What the device says it sends."""
        return self._control.json("SOURCE?", SourceDeclaration)

    def prepare(self, indices: npt.NDArray[np.int64]) -> Preparations:
        """Basis, bit and intensity of these pulses; arrays of the shape of ``indices``, (n,)."""
        self._need(EvidenceLevel.L3, "preparation records")
        return self._data.prepare(indices)
