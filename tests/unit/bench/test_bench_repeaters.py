"""Repeater chains of a bench file: read with units, and every mistake named with its key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hil.bench import load
from hil.bench.loader import shipped
from hil.bench.model import RepeaterNodeDevice
from hil.bench.schema import json_schema
from hil.errors import BenchFileError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = shipped()["repeater-2"].read_text(encoding="utf-8")
PATH = 'path = ["middle"]'
SEGMENT = TEXT[TEXT.rindex("[[link.backbone.segment]]") : TEXT.index("# the mean fidelity")]


def test_the_shipped_chain_is_read_with_units() -> None:
    bench = load("repeater-2")
    link = bench.link["backbone"]
    assert [segment.length_km for segment in link.segments] == [25.0, 25.0]
    assert link.segments[0].attempt_rate_hz == 50e3
    middle = bench.device["middle"]
    assert isinstance(middle, RepeaterNodeDevice)
    assert (middle.memories, middle.coherence_time_s, middle.swap_success, middle.swap_fidelity) == (10, 1.0, 0.9, 0.97)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (SEGMENT, "", "link.backbone.segment: found 1 tables; expected 2 tables"),
        (PATH, "path = []", "expected 1 tables"),
        (PATH, 'path = ["midle"]', "link.backbone.path[0]: found 'midle'; expected 'middle'"),
        (PATH, 'path = ["west"]', "each node once"),
        (PATH, 'path = ["middle", "middle"]', "each node once"),
        (PATH, 'path = ["middle"]\nblock = "soon"', "link.backbone.block"),
        (PATH, 'path = ["middle"]\nauxiliary = ["middle"]', "link.backbone.auxiliary"),
        (PATH, 'path = ["middle"]\nkmes = { a = "west", b = "east" }', "makes pairs and no key"),
        (PATH, 'path = ["middle"]\nproof = { qber_limit = 0.1 }', "link.backbone.proof"),
        (PATH, 'path = ["middle"]\nfibre = { length = "1 km" }', "link.backbone.fibre"),
        ('b = "east"', 'b = "west"', "another node than at a"),
        ('protocol = "entanglement-swapping"', 'protocol = "bb84-decoy"', "link.backbone.segment: found elementary links"),
        ("swap_fidelity = 0.97", "swap_fidelity = 0.2", "a number above 0.25 and up to 1"),
        ("swap_success = 0.9", "swap_success = 1.1", "device.middle.swap_success"),
        ("memories = 10", "memories = 0", "device.west.memories"),
        ('coherence_time = "1 s"', "coherence_time = 1", "device.west.coherence_time"),
        ('length = "25 km"', 'length = "0 km"', "link.backbone.segment[0].length"),
        ("efficiency = 0.091\n", "efficiency = 0.091\nfirmware = 2\n", "link.backbone.segment[0].firmware"),
        (
            "[slo.",
            '[link.second]\nprotocol = "entanglement-swapping"\nparties = { a = "west", b = "east" }\n[slo.',
            "one chain",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT, old
    file = tmp_path / "bench.toml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BenchFileError, match=re.escape(said)):
        load(file)


def test_a_segment_says_what_it_is_really_like(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(TEXT.replace("fidelity = 0.92\n", 'fidelity = 0.92\nactual = { excess_loss = "3 dB" }\n', 1))
    assert load(file).link["backbone"].segments[0].actual == {"excess_loss_db": 3.0}


def test_the_schema_describes_quantities_of_a_segment() -> None:
    length = json_schema()["$defs"]["Segment"]["properties"]["length"]
    assert length["type"] == "string"
    assert re.fullmatch(length["pattern"], "25 km")
