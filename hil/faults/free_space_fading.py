"""Light through the air fades: turbulence and pointing take it away and give it back.

The attenuator in the link's path fades it, inside its envelope, as laboratories emulate the air; without one, the air of the
twin does. A waveform ("random-walk 100 ms", "replay PASS.csv") makes the depth come and go. Seen in the counts of the receiver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError
from hil.faults._path_loss import path_loss
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "FreeSpaceFading"]


@dataclass(frozen=True)
class FreeSpaceFading:
    """``fade_db``: depth of the deepest fade."""

    fade_db: float

    def __post_init__(self) -> None:
        checked(self, fade_db=(0.0, 100.0))


def _air(bench: FaultBench, way: str) -> tuple[str, str]:
    if bench.declared(way).free_space is None:
        raise MissingCapabilityError(
            f"free_space_fading: the light of {way} goes through no air, and no attenuator in its path could stand in for it"
        )
    return way, "excess_loss_db"


SPEC = path_loss(
    name="free-space-fading",
    title="Light through the air fades",
    settings=FreeSpaceFading,
    of="fade_db",
    instead=_air,
    acts_on="the attenuator in the link's path; without one, the air of the twin",
    reach=Range(1.0, 20.0, "between the 30 and the 50 dB of good and bad passes of a satellite; general knowledge, our choice"),
)
