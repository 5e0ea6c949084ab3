"""Source of entangled pairs of the reference protocol."""

from __future__ import annotations

from hil.drivers._transceiver_emitter import ReferenceEmitter
from hil.ports.detections import PairSourceDeclaration

__all__ = ["ReferencePairSource"]


class ReferencePairSource(ReferenceEmitter):
    """Source of photon pairs in the middle of a link."""

    role = "pair-source"

    def source(self) -> PairSourceDeclaration:
        """What the device says it sends."""
        return self._control.json("SOURCE?", PairSourceDeclaration)
