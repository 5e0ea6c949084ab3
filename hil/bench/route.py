"""The way of a chain of links over sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.bench.model import Bench

__all__ = ["chain_sites", "route"]


def route(ends: Sequence[tuple[str, str]]) -> tuple[str, ...] | None:
    """Sites along links given by the sites of their ends, each in either order; None where they make no way without a loop."""
    for first in (ends[0][0], ends[0][1]):
        sites = [first]
        for pair in ends:
            if sites[-1] not in pair:
                break
            sites.append(pair[1] if pair[0] == sites[-1] else pair[0])
        if len(sites) == len(ends) + 1 and all(sites) and len(set(sites)) == len(sites):
            return tuple(sites)
    return None


def chain_sites(bench: Bench, chain: str) -> tuple[str, ...]:
    """The sites of a chain of a loaded bench, from its first end to its last."""
    links = [bench.link[name] for name in bench.chain[chain].links]
    ends = [(bench.device[link.parties["a"]].site, bench.device[link.parties["b"]].site) for link in links]
    found = route(ends)
    assert found is not None, ends  # a loaded bench was checked
    return found
