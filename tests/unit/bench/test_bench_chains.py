"""Chains of a bench file: what they refer to, and the way their links make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.bench import load
from hil.bench.loader import shipped
from hil.bench.route import chain_sites, route
from hil.errors import BenchFileError

if TYPE_CHECKING:
    from pathlib import Path

LINKS = 'links = ["north-hub", "hub-mill", "mill-south"]'


def test_the_shipped_chain_leads_from_north_to_south() -> None:
    assert chain_sites(load("relay-3"), "backbone") == ("north", "hub", "mill", "south")


@pytest.mark.parametrize(
    ("ends", "sites"),
    [
        ([("a", "b"), ("b", "c")], ("a", "b", "c")),
        ([("b", "a"), ("c", "b")], ("a", "b", "c")),
        ([("a", "b"), ("c", "b"), ("c", "d")], ("a", "b", "c", "d")),
        ([("a", "b"), ("c", "d")], None),
        ([("a", "b"), ("b", "a")], None),
        ([("", "b"), ("b", "c")], None),
        ([("a", "b"), ("b", "c"), ("c", "b")], None),
    ],
)
def test_route(ends: list[tuple[str, str]], sites: tuple[str, ...] | None) -> None:
    assert route(ends) == sites


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (LINKS, 'links = ["north-hub", "hub-mil"]', "chain.backbone.links[1]"),
        (
            'links = ["north-hub", "hub-mill", "mill-south"]',
            'links = ["north-hub", "mill-south"]',
            "lead from site to site",
        ),
        (LINKS, 'links = ["north-hub", "north-hub"]', "each link once"),
        (LINKS, 'links = ["north-hub"]', "two links or more"),
        (LINKS, "links = []", "two links or more"),
        ("[chain.backbone]", "[chain.hub-mill]", "another name than any link"),
        ('kmes = { a = "kme_a", b = "kme_b" }', 'kmes = { a = "kme_a" }', "chain.backbone.kmes.b"),
        ('sae_id = "SAE-NORTH"', 'sae_id = "SAE-NORTH"\nkey_size = 128', "one key_size at both ends"),
    ],
)
def test_mistakes_of_a_chain_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = shipped()["relay-3"].read_text()
    assert old in text
    file = tmp_path / "bench.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(BenchFileError, match=said.replace("[", r"\[").replace("]", r"\]")):
        load(file)


def test_keys_of_another_size_than_the_hops_are_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(shipped()["relay-3"].read_text().replace('role = "kme"', 'role = "kme"\nkey_size = 128'))
    with pytest.raises(BenchFileError, match="one key size all along the chain"):
        load(file)
