"""``[chain.X]``: links end to end over trusted nodes."""

from __future__ import annotations

from typing import Literal

from hil.bench.tables.quantities import Table

__all__ = ["Chain"]


class Chain(Table, frozen=True, kw_only=True):
    """``[chain.X]``: decoy-state BB84 links from the first site to the last; every site between is a trusted node."""

    links: tuple[str, ...]
    """Two or more, in order. Neighbours meet at one site; which end of a link stands there does not matter."""
    kmes: dict[Literal["a", "b"], str] = {}
    """Key management entities of the first and the last site, which get the end-to-end keys."""
