"""Devices beside a path in a bench file: what they may refer to, and each mistake with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.bench import load, shipped
from hil.bench.model import LaserDevice
from hil.errors import BenchFileError

if TYPE_CHECKING:
    from pathlib import Path

LASER = """
[device.pump]
role = "laser"
driver = "thorlabs-tc200"
drives = "alice"
current = "30 mA"
threshold = "8 mA"
limit = "60 mA"
"""


def _file(tmp_path: Path, *tables: str) -> Path:
    path = tmp_path / "bench.toml"
    path.write_text(shipped()["metro-25km"].read_text(encoding="utf-8") + "".join(tables), encoding="utf-8")
    return path


def _mistakes(tmp_path: Path, *tables: str) -> str:
    with pytest.raises(BenchFileError) as caught:
        load(_file(tmp_path, *tables))
    return str(caught.value)


def test_a_laser_is_read_with_its_units(tmp_path: Path) -> None:
    """Currents in ampere; no more than its limit."""
    pump = load(_file(tmp_path, LASER)).device["pump"]
    assert isinstance(pump, LaserDevice)
    assert (pump.current_a, pump.threshold_a, pump.limit_a, pump.drives) == (0.03, 0.008, 0.06, "alice")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"alice"', '"alica"', "device.pump.drives: found 'alica'; expected 'alice'"),
        ('"alice"', '"bob"', "device.pump.drives: found 'bob'; expected one of: alice"),
        ('"8 mA"', '"31 mA"', "device.pump.threshold: found 0.031 A; expected a current below the operating one"),
        ('"60 mA"', '"20 mA"', "device.pump.limit: found 0.02 A; expected at least the operating current"),
        ('"30 mA"', '"30"', "device.pump.current: found '30'; expected a current"),
    ],
)
def test_a_laser_that_cannot_be(tmp_path: Path, old: str, new: str, said: str) -> None:
    """What, where, and what was expected."""
    assert said in _mistakes(tmp_path, LASER.replace(old, new))


def test_two_lasers_of_one_source(tmp_path: Path) -> None:
    """Nobody could say which of them makes its light."""
    assert "another than that of device.pump" in _mistakes(tmp_path, LASER, LASER.replace("device.pump", "device.other"))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('role = "detector"\nof = "bob"\nchannel = "z7"', "'bob.z7'; expected 'bob.z"),
        ('role = "time-tagger"\ninputs = ["bob.z0", "bob.q"]', "inputs[1]: found 'bob.q'; expected 'bob."),
        ('role = "power-outlet"\nfeeds = ["alice", "kme_a"]', "feeds[1]: found 'kme_a'"),
        ('role = "power-outlet"\nfeeds = ["aux"]', "feeds[0]: found 'aux'"),
    ],
)
def test_references_that_lead_nowhere(tmp_path: Path, table: str, said: str) -> None:
    """Detectors of receivers, devices with a plug."""
    assert said in _mistakes(tmp_path, f'\n[device.aux]\ndriver = "thorlabs-tc200"\n{table}\n')


def test_they_may_be_auxiliary_to_a_link(tmp_path: Path) -> None:
    """And nothing in the path may."""
    file = _file(tmp_path, LASER)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('auxiliary = ["stage"]', 'auxiliary = ["stage", "pump"]'), encoding="utf-8")
    assert load(file).link["metro"].auxiliary == ("stage", "pump")
    file.write_text(text.replace('auxiliary = ["stage"]', 'auxiliary = ["voa"]'), encoding="utf-8")
    with pytest.raises(BenchFileError, match=r"auxiliary\[0\]: found 'voa', a device with role attenuator"):
        load(file)
