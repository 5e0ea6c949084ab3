"""What a chain of trusted nodes refers to: links that meet, key management entities at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench.checks_link import check_kmes
from hil.bench.route import route
from hil.bench.wording import nearest, show
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked

__all__ = ["check_chain"]

_DEFAULT_KEY_BITS = 256
"""Of a link without key management entities."""


def check_chain(chain: Walked, name: str, bench: Walked) -> Iterator[Mistake]:
    """Every mistake of one chain towards the links and devices of its bench."""
    where = f"chain.{name}"
    known, links = bench.get("link") or {}, chain.get("links")
    if name in known:
        yield Mistake(where, repr(name), "another name than any link has, as records go by it")
    wrong = list(_check_links(links, where, bench)) if links is not None else []
    yield from wrong
    yield from check_kmes(chain, where, bench)
    if not wrong and links:
        yield from _check_way(links, where, bench)
        yield from _check_sizes(chain, where, bench)


def _check_links(links: tuple[str, ...], where: str, bench: Walked) -> Iterator[Mistake]:
    known, readable = bench.get("link") or {}, bench.tables("link")
    if len(links) < 2:
        yield Mistake(f"{where}.links", show(list(links)), "two links or more")
    for number, link in enumerate(links):
        place = f"{where}.links[{number}]"
        if link in links[:number]:
            yield Mistake(place, repr(link), "each link once")
        elif link not in known:
            yield Mistake(place, repr(link), nearest(link, known))
        elif link in readable and readable[link].get("protocol") not in {"bb84-decoy", None}:
            yield Mistake(place, f"{link!r}, of protocol {readable[link].get('protocol')}", "a link of protocol bb84-decoy")


def _check_way(links: tuple[str, ...], where: str, bench: Walked) -> Iterator[Mistake]:
    """Neighbouring links meet at a site; links or devices that cannot be read are taken as right."""
    tables, devices = bench.tables("link"), bench.tables("device")
    if not all(link in tables for link in links):
        return
    parties = [tables[link].get("parties") or {} for link in links]
    if not all(end.get(side) in devices for end in parties for side in ("a", "b")):
        return
    ends = [tuple(str(devices[end[side]].get("site") or "") for side in ("a", "b")) for end in parties]
    if route([(a, b) for a, b in ends]) is None:
        found = ", ".join(f"{link} from {a or 'no site'} to {b or 'no site'}" for link, (a, b) in zip(links, ends, strict=True))
        yield Mistake(f"{where}.links", found, "links that lead from site to site, each beginning where the one before it ends")


def _check_sizes(chain: Walked, where: str, bench: Walked) -> Iterator[Mistake]:
    """A key of one hop is the one-time pad of another's, so all have one size."""
    tables, devices = bench.tables("link"), bench.tables("device")
    sizes = {}
    for label, table in (("chain", chain), *((link, tables[link]) for link in chain.get("links") if link in tables)):
        kme = devices.get(str((table.get("kmes") or {}).get("a")))
        sizes[label] = _DEFAULT_KEY_BITS if kme is None else kme.get("key_size")
    if not chain.get("kmes"):
        del sizes["chain"]
    if None not in sizes.values() and len(set(sizes.values())) > 1:
        yield Mistake(
            where, ", ".join(f"{label} {size} bits" for label, size in sizes.items()), "one key size all along the chain"
        )
