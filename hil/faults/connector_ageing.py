"""A connector ages: dirt and wear of its end faces add loss, over weeks or in a ramp of a test.

The attenuator in the link's path adds the loss, inside its envelope; without one, the first connector that the path of the twin
names, else its channel. Seen in the counts of the receiver behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._path_loss import path_loss
from hil.faults._refusal import checked
from hil.ports.spec import Range

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench

__all__ = ["SPEC", "ConnectorAgeing"]


@dataclass(frozen=True)
class ConnectorAgeing:
    """``loss_db``: loss on top of what the connector had when it was new."""

    loss_db: float

    def __post_init__(self) -> None:
        checked(self, loss_db=(0.0, 40.0))


def _of_the_twin(bench: FaultBench, way: str) -> tuple[str, str]:
    link = bench.declared(way)
    worn = next((name for name, part in link.element.items() if part.kind == "connector" and name in link.path), None)
    return way, "excess_loss_db" if worn is None else f"{worn}.loss_db"


SPEC = path_loss(
    name="connector-ageing",
    title="A connector ages: it loses more light than when it was new",
    settings=ConnectorAgeing,
    of="loss_db",
    instead=_of_the_twin,
    acts_on="the attenuator in the link's path; without one, a named connector of the twin's path, or its channel",
    reach=Range(
        0.1, 3.0, "from what one more mated pair loses to a link that is cleaned at once; general knowledge, our choice"
    ),
)
