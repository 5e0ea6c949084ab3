"""What faults share that turn the polarisation on a way of light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._clicks import emitter

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["UNLESS", "error_free", "polarised"]

UNLESS = "it would take a polarisation controller in its path, which no driver here has"


def polarised(bench: FaultBench, way: str, word: str) -> None:
    """MissingCapabilityError where the light of a way carries its bits in time bins."""
    name = emitter(bench)
    if getattr(bench.declared(name), "encoding", "polarisation") != "polarisation":
        raise MissingCapabilityError(f"{word}: {name} encodes in time bins, so the polarisation of {way} carries no bit")


def error_free(bench: FaultBench, way: str) -> float:
    """By how much errors that come on top show: 1 - 2 e of the declared misalignment e."""
    return 1.0 - 2.0 * float(bench.declared(bench.receiver_behind(way)).misalignment)
