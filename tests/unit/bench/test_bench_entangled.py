"""What a bench file may say of an entangled link, and what it is told when it says something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.bench import load, shipped
from hil.errors import BenchFileError

if TYPE_CHECKING:
    from pathlib import Path

METRO = "entangled-metro"
LINK = 'protocol = "bbm92"'


@pytest.mark.parametrize("name", ["aerial-70km", "berlin60", "buried-69km", "entangled-metro"])
def test_shipped_ones_load_and_name_their_source(name: str) -> None:
    """Each file says where its numbers are from, and what of them is assumed."""
    text = shipped()[name].read_text(encoding="utf-8")
    assert "# Source: " in text
    assert "Assumed: " in text
    link = load(name).link["pairs"]
    assert link.entangled
    assert set(link.devices) == {"alice", "bob", "source", "switch", *link.auxiliary}


@pytest.mark.parametrize(
    ("bench", "old", "new", "told"),
    [
        (METRO, 'source = "source"\n', "", "link.pairs.source: found nothing; expected the name of a"),
        (METRO, LINK, f'{LINK}\npath = ["switch"]', "link.pairs.path: found ['switch']; expected nothing"),
        (METRO, 'b = "bob"', 'b = "alice"', "link.pairs.parties.b: found 'alice'; expected another receiver than at a"),
        (METRO, "path = []", 'path = ["switch"]', "link.pairs.arm.b.path: found 'switch'; expected each"),
        (METRO, LINK, 'protocol = "e91"', "device.bob.angles: found 2 angles; expected 4 angles, as e91"),
        (METRO, LINK, f"{LINK}\neve = {{ intercept_fraction = 0.1 }}", "link.pairs.eve: found a table; expected nothing"),
        (METRO, LINK, f"{LINK}\ndrift = {{ laser_db = 0.1 }}", "link.pairs.drift.laser_db: found 0.1 dB; expected nothing"),
        (METRO, '["fibre", "switch"]', '["fibre", "free-space"]', "link.pairs.arm.b.path[1]: found 'free-space'"),
        (METRO, 'site = "loop"\nefficiency', 'site = "loop"\ntiming = "tags"\nefficiency', "device.bob.timing: found 'tags'"),
        ("berlin60", '"v0", "v1"', '"v0"', "device.bob.detectors"),
        ("berlin60", "[0.5, 0.3, 0.1, 0.1]", "[0.5, 0.3, 0.1]", "device.bob.angle_probabilities"),
        ("berlin60", "[0.5, 0.3, 0.1, 0.1]", "[0.5, 0.3, 0.1, 0.2]", "expected numbers above 0 that add up to 1"),
        ("berlin60", '"22.5 deg"', "22.5", "device.bob.angles"),
        (
            "metro-25km",
            'protocol = "bb84-decoy"',
            'protocol = "bb84-decoy"\nsource = "alice"',
            "link.metro.source: found",
        ),
    ],
)
def test_each_mistake_is_told_at_its_place(tmp_path: Path, bench: str, old: str, new: str, told: str) -> None:
    text = shipped()[bench].read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "bench.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BenchFileError) as caught:
        load(file)
    assert told in str(caught.value)
