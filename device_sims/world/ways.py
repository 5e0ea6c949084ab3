"""The optical ways of a bench, each from what sends light to the receiver it ends at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.bench.model import Bench, Link

__all__ = ["Way", "ways"]


@dataclass(frozen=True)
class Way:
    """Where a receiver's light comes from, and what it goes through.

    ``name`` is that of its parameters: the link's, or ``metro.a`` for an arm of an entangled link. ``link`` is the link's
    table, with the path and the fibre of the arm.
    """

    name: str
    link_name: str
    link: Link
    emitter: str
    receiver: str

    @property
    def path(self) -> tuple[str, ...]:
        """Elements in the order in which light meets them."""
        return self.link.path


def ways(bench: Bench) -> tuple[Way, ...]:
    """Every way of the bench."""
    found = []
    for name, link in bench.link.items():
        if link.entangled:
            for party, receiver in link.parties.items():
                found.append(Way(f"{name}.{party}", name, link.along(party), link.source, receiver))
        elif "b" in link.parties:
            found.append(Way(name, name, link, link.parties["a"], link.parties["b"]))
    return tuple(found)
