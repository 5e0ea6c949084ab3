"""The fibre is bent too tightly: light is lost on the way.

The attenuator in the link's path adds the loss, inside its envelope; without one, the fibre of the twin does. Seen in the
counts of the receiver behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.faults._path_loss import path_loss
from hil.faults._refusal import checked
from hil.ports.spec import Range

__all__ = ["SPEC", "MacrobendLoss"]


@dataclass(frozen=True)
class MacrobendLoss:
    """``loss_db``: loss on top of what the path has."""

    loss_db: float

    def __post_init__(self) -> None:
        checked(self, loss_db=(0.0, 100.0))


SPEC = path_loss(
    name="macrobend-loss",
    title="The fibre is bent: light is lost",
    settings=MacrobendLoss,
    of="loss_db",
    instead=lambda _bench, way: (way, "excess_loss_db"),
    acts_on="the attenuator in the link's path; without one, the loss of the twin's channel",
    reach=Range(
        0.1, 20.0, "0.1 dB: what 100 turns of 30 mm radius may lose (ITU-T G.652.D, 1625 nm); 20 dB: nearly broken, our choice"
    ),
)
