"""A simulated bench recorded and replayed: without twins or sockets, without measuring, and without a key on any tape."""

from __future__ import annotations

import base64
import json
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.device_sims.host import TwinHost
from hil.errors import BenchError, MissingCapabilityError, TapeMismatchError, UsageError
from hil.testbed.slo import Slo
from hil.testbed.tapes import TapePlan
from hil.testbed.testbed import Testbed
from hil.transports.tape_format import Exchange, Opened, Pushed, Redacted, Section, encoded, read_tape, read_tapes
from hil.transports.tape_loops import unfolded
from hil.verdict import Outcome

if TYPE_CHECKING:
    from hil.testbed.link import Link

SHELF = Path(__file__).parents[1] / "contract" / "shelf.toml"
WEBSQ = "websq"
PASSWORD = "12345678"  # the maker's default


def dialogue(testbed: Testbed, attenuation_db: float = 5.0) -> tuple[float, ...]:
    """Settings and readings over four instruments and a receiver's control port."""
    testbed.begin("a case")
    voa: Any = testbed.device("voa")
    voa.set_attenuation_db(attenuation_db)
    link = cast("Link", testbed.link("metro"))
    link.up()
    counts = link.receiver.counters().counts
    meter: Any = testbed.device("meter")
    found = (voa.attenuation_db(), meter.power_w(), *map(float, counts))
    testbed.end()
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[float, ...]]:
    folder = tmp_path_factory.mktemp("tapes")
    with Testbed.open("metro-25km", seed=3, tape=TapePlan("record", folder)) as testbed:
        return folder, dialogue(testbed)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No twin can be started, and no socket made."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a replay reached for a device")

    monkeypatch.setattr(TwinHost, "__init__", refuse)
    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("mode", ["strict", "keyed"])
def test_a_recorded_bench_replays_without_devices(recorded: tuple[Path, tuple[float, ...]], mode: Any) -> None:
    """Every reading as it was recorded, the end of the test and the parking included."""
    folder, found = recorded
    with Testbed.open("metro-25km", seed=9, tape=TapePlan("replay", folder, mode)) as testbed:
        assert dialogue(testbed) == found
        assert testbed.replayed


@pytest.mark.usefixtures("nobody")
def test_one_changed_setpoint_is_told(recorded: tuple[Path, tuple[float, ...]]) -> None:
    """Instrument, position, expected and sent; the bench is parked all the same."""
    lines = (recorded[0] / "metro-25km" / "voa.jsonl").read_text(encoding="utf-8").splitlines()
    said = [json.loads(line)["send"] for line in lines if '"kind":"exchange"' in line]
    place = said.index("A5.00\r") + 1
    with Testbed.open("metro-25km", seed=3, tape=TapePlan("replay", recorded[0])) as testbed:
        with pytest.raises(TapeMismatchError, match=f"voa: exchange {place} of its tape") as caught:
            dialogue(testbed, 6.0)
        testbed.end()
    told = caught.value
    assert (told.device, told.position, told.expected, told.sent) == ("voa", place, b"A5.00\r", b"A6.00\r")


@pytest.mark.usefixtures("nobody")
def test_a_setting_of_the_bench_file_that_changed_is_told(recorded: tuple[Path, tuple[float, ...]]) -> None:
    """As when somebody edits the operating point."""
    bench = load("metro-25km")
    devices: Any = bench.device | {"voa": replace(cast("Any", bench.device["voa"]), attenuation_db=4.0)}
    with Testbed.open(replace(bench, device=devices), seed=3, tape=TapePlan("replay", recorded[0])) as testbed:
        with pytest.raises(TapeMismatchError) as caught:
            dialogue(testbed)
        testbed.end()
    assert (caught.value.expected, caught.value.sent) == (b"A3.00\r", b"A4.00\r")


@pytest.mark.usefixtures("nobody")
def test_a_setting_that_is_not_made_any_more_is_told(recorded: tuple[Path, tuple[float, ...]]) -> None:
    """What is left over at the end of a test is a difference."""
    with Testbed.open("metro-25km", seed=3, tape=TapePlan("replay", recorded[0])) as testbed:
        testbed.begin("a case")
        with pytest.raises(BenchError, match="left over on its tape"):
            testbed.end()


def dark_counts(testbed: Testbed) -> tuple[Any, ...]:
    testbed.begin("dark")
    link = cast("Link", testbed.link("metro"))
    verdicts = Slo(link).judge(link.count_gates("dark", gates=5, gate="1 s"), "dark_counts")
    testbed.end()
    return verdicts


def test_nothing_is_measured(tmp_path: Path) -> None:
    """Dark counts judged PASS on the twin are SKIPPED on its replay, though every count is the same; a key cannot be had."""
    with Testbed.open("metro-25km", seed=3, tape=TapePlan("record", tmp_path)) as testbed:
        measured = dark_counts(testbed)
    assert {verdict.outcome for verdict in measured} == {Outcome.PASS}
    with Testbed.open("metro-25km", seed=3, tape=TapePlan("replay", tmp_path)) as testbed:
        again = dark_counts(testbed)
        assert [verdict.estimate for verdict in again] == [verdict.estimate for verdict in measured]
        assert {verdict.outcome for verdict in again} == {Outcome.SKIPPED}
        assert all("replayed from a tape, not measured" in verdict.reason for verdict in again)
        with pytest.raises(MissingCapabilityError, match="replayed from a tape, not measured"):
            _ = testbed.control


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*.jsonl")))


def forms(key: bytes) -> list[bytes]:
    """A key as it could stand in a file of JSON."""
    return [key, key.hex().encode(), base64.b64encode(key), base64.b64encode(key)[:-4], key.decode("latin-1").encode()]


def test_no_key_of_a_link_is_on_its_tapes(tmp_path: Path) -> None:
    """Not the released ones, nor any byte of the data ports they were made of; the header says so."""
    with Testbed.open("metro-25km", seed=3, tape=TapePlan("record", tmp_path)) as testbed:
        testbed.begin("keys")
        link = cast("Link", testbed.link("metro"))
        link.run("1 s")
        keys = [end.reveal() for _, *both in link.take_released() for end in both]
        testbed.end()
    assert keys
    said = everything(tmp_path)
    assert [key for key in keys if any(form in said for form in forms(key))] == []
    tapes = read_tapes(tmp_path / "metro-25km")
    for name in ("alice", "bob"):
        assert "port 1: everything (key material)" in tapes[name].header.redactions
        of_data = [entry for entry in tapes[name].entries if getattr(entry, "port", 0) == 1]
        assert {type(entry) for entry in of_data} == {Opened, Redacted}


def test_no_key_of_a_black_box_is_on_its_tape(tmp_path: Path) -> None:
    """It delivers its keys over the control port, whose other answers are on the tape."""
    with Testbed.open("metro-25km-black-box", seed=3, tape=TapePlan("record", tmp_path)) as testbed:
        testbed.begin("keys")
        (name,) = testbed.links
        link: Any = testbed.link(name)
        link.up()
        testbed.clock.sleep(10.0)
        link.receiver.telemetry()
        keys = [key.reveal() for _, key in link.receiver.take_keys()]
        testbed.end()
    assert keys
    said = everything(tmp_path)
    assert b"counts_hz" in said
    assert [key for key in keys if any(form in said for form in forms(key))] == []


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Any, ...]]:
    folder = tmp_path_factory.mktemp("shelf")
    with Testbed.open(SHELF, seed=3, simulate=True, tape=TapePlan("record", folder)) as testbed:
        return folder, on_the_shelf(testbed)


def on_the_shelf(testbed: Testbed) -> tuple[Any, ...]:
    """An outlet over HTTP, counts that a device pushes, counters over ZMQ and of two dialects, a switch without answers."""
    testbed.begin("a case")
    outlet: Any = testbed.device("pdu")
    outlet.set_powered(powered=True)
    detector: Any = testbed.device(WEBSQ)
    detector.set_biased(biased=True)
    devices: dict[str, Any] = {name: testbed.device(name) for name in ("id900", "cc1", "cc1_old", "dicon", "tecsource")}
    devices["dicon"].select(3)
    devices["tecsource"].set_setpoint_c(30.0)
    found = (
        *(outlet.powered(), detector.counts(0.2), detector.counts(0.2)),
        *(devices[name].singles(0.5) for name in ("id900", "cc1", "cc1_old")),
        *(devices["dicon"].channel(), devices["tecsource"].setpoint_c()),
    )
    testbed.end()
    return found


@pytest.mark.usefixtures("nobody")
def test_http_and_pushed_counts_replay(shelf: tuple[Path, tuple[Any, ...]]) -> None:
    """A carrier of the driver's own, and lines that come unasked by the clock of the bench."""
    folder, found = shelf
    with Testbed.open(SHELF, seed=9, tape=TapePlan("replay", folder)) as testbed:
        assert on_the_shelf(testbed) == found
    pushed = read_tapes(next(folder.iterdir()))[WEBSQ].entries
    assert any(isinstance(entry, Pushed) for entry in pushed)


ROUNDS = 500


def polling(testbed: Testbed) -> list[tuple[float, ...]]:
    """Three settings of a laser, over and over, and a set point in the middle, which ends one loop and begins another."""
    testbed.begin("polling")
    laser: Any = testbed.device("ldc500")
    found = []
    for number in range(2 * ROUNDS):
        if number == ROUNDS:
            laser.set_setpoint_c(26.0)
        found.append((float(laser.emitting()), laser.current_a(), laser.setpoint_c()))
    testbed.end()
    return found


@pytest.fixture(scope="module")
def polls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[float, ...]]]:
    folder = tmp_path_factory.mktemp("polls")
    with Testbed.open(SHELF, seed=3, simulate=True, tape=TapePlan("record", folder)) as testbed:
        return folder, polling(testbed)


def test_a_polling_loop_is_small_on_its_tape(polls: tuple[Path, list[tuple[float, ...]]]) -> None:
    """Three thousand questions are two rounds of three; unfolded, they are all there."""
    file = next(polls[0].rglob("ldc500.jsonl"))
    tape = read_tape(file)
    begin, end = (
        next(n for n, entry in enumerate(tape.entries) if isinstance(entry, Section) and entry.name == name)
        for name in ("polling", "end of polling")
    )
    said = [entry for entry in tape.entries[begin:end] if isinstance(entry, Exchange)]
    loops = [entry for entry in said if entry.loop]
    assert sorted(entry.send for entry in loops) == ["LDON?\n", "LDON?\n", "SILD?\n", "SILD?\n", "TEMP?\n", "TEMP?\n"]
    assert min(entry.rounds for entry in loops) > ROUNDS - 3
    whole = list(unfolded(said))
    assert sum(entry.send == "SILD?\n" for entry in whole) == 2 * ROUNDS
    assert len(said) < 20
    assert len(whole) > 6 * ROUNDS
    assert file.stat().st_size < 0.03 * sum(len(encoded(entry)) for entry in whole)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("mode", ["strict", "keyed"])
def test_a_polling_loop_replays(polls: tuple[Path, list[tuple[float, ...]]], mode: Any) -> None:
    """Every reading as it was, the new set point after it was made."""
    folder, found = polls
    with Testbed.open(SHELF, seed=9, tape=TapePlan("replay", folder, mode)) as testbed:
        assert polling(testbed) == found
    assert {setpoint_c for *_, setpoint_c in found[ROUNDS:]} == {26.0}


def test_time_stamps_are_not_replayed(tmp_path: Path) -> None:
    """They may be raw key: only how many bytes there were is on the tape, and a replay ends where a stream would begin."""

    def stamps(testbed: Testbed) -> int:
        testbed.begin("stamps")
        for name in ("bob", "spd", WEBSQ):
            detector: Any = testbed.device(name)
            detector.set_biased(biased=True)
        tagger: Any = testbed.device("id900")
        return int(tagger.time_tags(0.1).ticks.size)

    with Testbed.open(SHELF, seed=3, simulate=True, tape=TapePlan("record", tmp_path)) as testbed:
        assert stamps(testbed) > 0
        testbed.end()
    with Testbed.open(SHELF, seed=9, tape=TapePlan("replay", tmp_path)) as testbed:
        with pytest.raises(MissingCapabilityError, match="replayed from a tape, not measured: id900"):
            stamps(testbed)
        testbed.end()


def test_no_password_is_on_a_tape(shelf: tuple[Path, tuple[Any, ...]]) -> None:
    """Of the power distribution unit, as it is or as basic authentication has it."""
    said = everything(shelf[0])
    assert b"setpower" in said
    for secret in (PASSWORD.encode(), base64.b64encode(f"admin:{PASSWORD}".encode()), b"Authorization"):
        assert secret not in said


def test_a_driver_that_talks_past_the_tape_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; nothing is recorded as if it were whole."""

    class Deaf:
        """Knows another way."""

        def close(self) -> None:
            """Nothing was opened."""

    monkeypatch.setattr("hil.testbed.opening.find", lambda *_: SimpleNamespace(build=lambda _: Deaf()))
    with pytest.raises(UsageError, match=r"does not talk through hil\.transports, so it cannot be taped"):
        Testbed.open("metro-25km", seed=3, tape=TapePlan("record", tmp_path))


def test_a_missing_tape_is_told(recorded: tuple[Path, tuple[float, ...]], tmp_path: Path) -> None:
    """By the name of the device."""
    shutil.copytree(recorded[0], tmp_path / "tapes")
    (tmp_path / "tapes" / "metro-25km" / "voa.jsonl").unlink()
    with pytest.raises(UsageError, match="no tape of voa; record the bench again"):
        Testbed.open("metro-25km", seed=3, tape=TapePlan("replay", tmp_path / "tapes"))
