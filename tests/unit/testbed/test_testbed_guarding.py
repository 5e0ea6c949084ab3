"""What a guardian answers, and when it gives its holder up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hil.bench import load
from hil.testbed.guard import guarding, quarantine
from hil.testbed.guard.guarding import Session
from hil.testbed.guard.journal import Journal
from hil.testbed.guard.shared_file import SharedFile

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "TCPIP::nowhere.invalid::5025::SOCKET"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """It opens nothing before it has to."""
    monkeypatch.setenv("HIL_STATE_DIR", str(tmp_path))
    document = msgspec.to_builtins(load("metro-25km"))
    document["device"]["switch"]["address"] = ADDRESS
    twins = sorted(set(document["device"]) - {"switch"})
    return Session({"bench": document, "simulated": twins, "run": "run 7", "lease_s": 60.0, "clear": False})


def hold(number: int = 1, device: str = "switch") -> dict[str, Any]:
    undos = [{"device": device, "setting": "channel", "value": 1}]
    return {"hold": number, "fault": "fiber_cut on switch", "undos": undos, "steady": None}


def test_an_undo_is_in_the_journal_when_it_is_confirmed(session: Session, tmp_path: Path) -> None:
    """Read back from the disk, while the guardian still has it."""
    assert session.obey(hold()) == {}
    (path,) = tmp_path.glob("hil-*.journal")
    assert b'"setting":"channel","value":1' in path.read_bytes()
    assert session.obey({"release": 1, "seen": True}) == {"owed": []}
    assert session.leave()
    assert path.read_bytes() == b""


def test_a_device_it_does_not_have_is_refused(session: Session) -> None:
    """A twin is nobody's business, and would be gone."""
    assert session.obey(hold(device="voa")) == {"error": "it does not guard voa"}
    session.leave()


def test_what_is_not_on_the_disk_is_not_confirmed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is refused then, and the guardian goes on."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "hold", full)
        assert "No space left" in (session.obey(hold()) or {})["error"]
    assert session.obey(hold()) == {}
    session.obey({"release": 1, "seen": True})
    session.leave()


def test_a_full_disk_does_not_end_the_guardian(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that cannot be written down is refused in words: what else it holds is guarded on."""
    session.obey(hold(1))
    session.obey(hold(2))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(SharedFile, "append", full)
        assert "No space left" in (session.obey({"release": 1, "seen": True}) or {})["error"]
    assert session.obey({"release": 2, "seen": True}) == {"owed": []}
    session.leave()


def test_a_test_is_given_up_by_its_last_sign_of_life(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat says how long the test has been silent; silence of the whole process adds to that."""
    now = [time.monotonic()]
    monkeypatch.setattr(guarding.time, "monotonic", lambda: now[0])
    assert session.obey({"beat": 0.0}) is None
    now[0] += 59.0
    assert not session.overdue
    session.obey({"beat": 30.0})
    now[0] += 29.0
    assert not session.overdue
    now[0] += 2.0
    assert session.overdue
    monkeypatch.undo()
    session.leave()


@pytest.mark.parametrize("end", [Session.leave, Session.rescue])
def test_what_could_not_be_healed_is_not_forgotten(session: Session, tmp_path: Path, end: Any) -> None:
    """Nobody answers at that address: the undo stays on the disk for the next start, and the device is kept from everybody."""
    session._ward._patience_s = 0.0
    session.obey(hold())
    assert not end(session)
    (path,) = tmp_path.glob("hil-*.journal")
    assert b'"setting":"channel","value":1' in path.read_bytes()
    (found,) = quarantine.in_force(tmp_path, {"switch": ADDRESS})
    assert found.why.startswith("should have channel 1: ")
    assert found.run == "run 7"
