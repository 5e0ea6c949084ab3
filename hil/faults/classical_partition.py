"""A classical channel passes nothing, one way or both.

As TCP shows it: what was sent arrives once the channel is healed, if anyone waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import WAYS, checked, classical
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "ClassicalPartition"]


@dataclass(frozen=True)
class ClassicalPartition:
    """``cut_way``: ``both``, ``a->b`` or ``b->a``, where ``a`` calls (Alice, or an application) and ``b`` is called."""

    cut_way: str = "both"

    def __post_init__(self) -> None:
        checked(self)


def _shown(_settings: ClassicalPartition, before: Readings, now: Readings) -> Finding:
    words = f"{now['echoed']:.0f} of {now['sent']:.0f} messages came back, {before['echoed']:.0f} before"
    return Finding(now["echoed"] == 0.0 and before["echoed"] > 0.0, words)


SPEC = classical(
    name="classical-partition",
    title="A classical channel passes nothing, one way or both",
    settings=ClassicalPartition,
    zero="Nothing of it can be zero: each way is cut or it is not.",
    acts_on="every connection of a classical channel, in the ways that are cut; connections stay open",
    moves=lambda settings: dict(zip(("cut_a_to_b", "cut_b_to_a"), WAYS[settings.cut_way], strict=True)),
    shown=_shown,
)
