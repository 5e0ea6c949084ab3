"""What a guardian gives the drivers it opens, and how it insists: with a driver that is made here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import load, shipped
from hil.errors import DeviceUnreachableError, InterlockError
from hil.ports.spec import Undo
from hil.testbed.guard import ward
from hil.testbed.guard.journal import Held
from hil.testbed.guard.ward import Ward

if TYPE_CHECKING:
    from pathlib import Path

    from hil.ports.spec import DeviceSettings


class Voa:
    """An attenuator that does not answer the first ``refusals`` times."""

    def __init__(self, settings: DeviceSettings, refusals: int) -> None:
        self.name, self.settings, self.refusals = settings.name, settings, refusals
        self.capabilities = SimpleNamespace(ranges={"attenuation_db": (0.0, 60.0)})
        self.stands_db = 30.0
        self.did: list[str] = []

    def open(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise DeviceUnreachableError(self.name, "the connection of the one before is still there")

    def close(self) -> None:
        """Nothing is held."""

    def park(self) -> None:
        self.did.append("park")

    def attenuation_db(self) -> float:
        return self.stands_db

    def set_attenuation_db(self, attenuation_db: float) -> None:
        self.did.append(f"{attenuation_db:g} dB")
        self.stands_db = attenuation_db


@pytest.fixture
def bright(tmp_path: Path) -> Any:
    """The metro link with light that would harm its detectors at less than 10 dB of attenuation."""
    text = shipped()["metro-25km"].read_text(encoding="utf-8").replace('pilot_power = "-20 dBm"', 'pilot_power = "20 dBm"')
    file = tmp_path / "bright.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def made(bench: Any, monkeypatch: pytest.MonkeyPatch, *, refusals: int = 0, patience_s: float = 60.0) -> tuple[Ward, Voa]:
    """A ward of the attenuator alone, and its driver."""
    built: list[Voa] = []

    def build(settings: DeviceSettings) -> Voa:
        built.append(Voa(settings, refusals))
        return built[-1]

    monkeypatch.setattr(ward, "find", lambda kind, name: SimpleNamespace(build=build))
    monkeypatch.setattr(ward, "_PAUSE_S", 0.01)
    guarded = Ward(bench, ["voa"], patience_s=patience_s)
    return guarded, built[0]


def test_its_drivers_have_the_limits_of_the_bench_file(bright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Envelope and interlock: healing is no licence, and nobody is there any more who could be asked."""
    guarded, voa = made(bright, monkeypatch)
    assert "voa" in guarded
    assert voa.settings.envelope == {"attenuation_db": (0.0, 60.0)}
    voa.settings.before_move("attenuation_db", 30.0)
    with pytest.raises(InterlockError, match="attenuation_db = 5 asked for"):
        voa.settings.before_move("attenuation_db", 5.0)


HELD = [Held(hold=1, fault="macrobend_loss on voa", since=0.0, undos=(Undo("voa", "attenuation_db", 3.0),))]


def test_it_tries_again_while_there_is_time(bright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection of a process that just died may take a moment to go: healed, then parked, at the third attempt."""
    guarded, voa = made(bright, monkeypatch, refusals=2)
    outcome = guarded.make_safe(HELD)
    assert outcome.troubles == []
    assert outcome.healed == ["voa reads back attenuation_db 3"]
    assert voa.did == ["3 dB", "park"]


def test_it_gives_up_when_there_is_none(bright: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the undo that was not carried out and the device that was not parked are told."""
    guarded, voa = made(bright, monkeypatch, refusals=1_000_000, patience_s=0.0)
    outcome = guarded.make_safe(HELD)
    assert [name for name, _ in outcome.troubles] == ["voa", "voa"]
    assert outcome.troubles[0][1].startswith("should have attenuation_db 3.0: ")
    assert outcome.troubles[1][1].startswith("was not parked: ")
    assert voa.did == []
