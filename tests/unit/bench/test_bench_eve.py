"""An eavesdropper in a bench file: for twins alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.bench import load, shipped
from hil.device_sims.world.world import World
from hil.errors import BenchFileError

if TYPE_CHECKING:
    from pathlib import Path

EVE = """[link.metro.eve]
intercept_fraction = 0.1
time_shift = "200 ps"
blinding_power = "2 mW"

[link.metro.proof]"""


def test_she_is_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "eve.toml"
    file.write_text(shipped()["metro-25km"].read_text(encoding="utf-8").replace("[link.metro.proof]", EVE), encoding="utf-8")
    world = World(load(file), 1)
    found = [world.injected("metro", name) for name in ("intercept_fraction", "time_shift_s", "blinding_power_w")]
    assert found == pytest.approx([0.1, 2e-10, 2e-3])


def test_a_real_device_at_one_end_refuses_her(tmp_path: Path) -> None:
    """On a mixed bench with a real transmitter; the same file as twins is read."""
    text = shipped()["metro-25km"].read_text(encoding="utf-8").replace("[link.metro.proof]", EVE)
    text = text.replace("simulated = true", "mixed = true").replace(
        "[device.alice]",
        '[device.alice]\naddress = "TCPIP::alice.lab::5025::SOCKET"\ndata_address = "TCPIP::alice.lab::5026::SOCKET"',
    )
    file = tmp_path / "mixed.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BenchFileError, match=r"link\.metro\.eve: found a table; expected no eavesdropper .*\(alice\)"):
        load(file)
    assert load(file, simulate=True).link["metro"].eve is not None
