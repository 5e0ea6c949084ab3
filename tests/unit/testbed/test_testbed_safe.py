"""Parking: in order, each device boxed in time, every trouble told, again without harm."""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.bench import load
from hil.errors import BenchError, DeviceError, InstrumentError
from hil.ports.identity import Identity
from hil.testbed.guard import safe
from hil.testbed.opening import several

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.roles import Instrument
    from hil.testbed.link import Link
    from hil.testbed.testbed import Testbed

BENCH = load("metro-25km")
SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
NAMES = ("meter", "stage", "bob", "voa", "switch", "alice")
IN_ORDER = ["alice", "switch", "voa", "bob", "stage", "meter"]
"""Light first, then what could let stray light in, then the bias, then what is only held."""


class Parked:
    """A device whose parking is noted, and may do something besides."""

    def __init__(self, name: str, notes: list[str], do: Callable[[], None] | None = None) -> None:
        self.name, self.notes, self.do = name, notes, do

    def park(self) -> None:
        self.notes.append(self.name)
        if self.do is not None:
            self.do()


def devices(notes: list[str], **do: Callable[[], None]) -> dict[str, Instrument]:
    return {name: cast("Any", Parked(name, notes, do.get(name))) for name in NAMES}


def raiser(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize("boxed", [True, False])
def test_devices_are_parked_in_order_whatever_the_bench_lists_first(*, boxed: bool) -> None:
    notes: list[str] = []
    safe.park(BENCH, devices(notes), boxed=boxed)
    assert notes == IN_ORDER


@pytest.mark.parametrize("boxed", [True, False])
def test_one_device_in_trouble_does_not_keep_the_others_lit(*, boxed: bool) -> None:
    """Both troubles are told, by device, and everything after the first was parked all the same."""
    notes: list[str] = []
    broken = devices(
        notes, alice=raiser(InstrumentError("alice", "still emits")), bob=raiser(ConnectionResetError("the line is gone"))
    )
    with pytest.raises(BenchError, match=r"2 devices could not be parked(.|\n)*alice: still emits(.|\n)*the line is gone"):
        safe.park(BENCH, broken, boxed=boxed)
    assert notes == IN_ORDER


def test_a_single_trouble_is_raised_as_it_is() -> None:
    with pytest.raises(InstrumentError, match="still emits"):
        safe.park(BENCH, devices([], alice=raiser(InstrumentError("alice", "still emits"))), boxed=False)


def test_a_driver_that_hangs_is_given_up_on() -> None:
    """The next device is parked all the same."""
    notes: list[str] = []
    release = threading.Event()
    hanging = devices(notes, switch=lambda: cast("None", release.wait(30.0)))
    try:
        with pytest.raises(DeviceError, match=r"^switch: was not parked within 0.05 s"):
            safe.park(BENCH, hanging, boxed=True, device_timeout_s=0.05)
    finally:
        release.set()
    assert notes == IN_ORDER


def roles(file: Path) -> dict[str, str]:
    """Of the devices of a bench file, as they stand there."""
    return {name: table["role"] for name, table in tomllib.loads(file.read_text(encoding="utf-8"))["device"].items()}


def test_no_device_is_left_out_whatever_its_role() -> None:
    """Of a bench that has one of nearly every kind: outlets and taggers come last, but they come."""
    bench, every = load(SHELF), roles(SHELF)
    assert {"power-outlet", "time-tagger", "laser", "detector"} <= set(every.values())
    order = safe.in_order(bench, reversed(every))
    assert sorted(order) == sorted(every)
    assert {every[name] for name in order[-2:]} <= {"power-outlet", "time-tagger", "kme"}


def test_light_and_bias_go_before_all_else() -> None:
    """What could harm, or be harmed: sources, and whatever has detectors."""
    every = roles(SHELF)
    harmful = {"transmitter", "pair-source", "laser", "receiver", "detector"}
    assert set(safe.first(load(SHELF), every)) == {name for name, role in every.items() if role in harmful}


def test_parking_a_bench_again_changes_nothing(testbed: Testbed, link: Link) -> None:
    link.up()
    for _ in range(2):
        testbed.park()
        assert not link.transmitter.emitting()
        assert not link.receiver.biased()
        assert link.switch is not None
        assert link.switch.channel() == 4
        assert link.temperature_controller is not None
        assert link.temperature_controller.enabled()  # a stage is held, not cooled


def test_several_errors_show_their_causes_indented() -> None:
    """One line for each, those a level deeper that caused it."""
    outer = DeviceError("alice", "cannot be used")
    outer.__cause__ = ConnectionRefusedError("port 5025 refused")
    text = str(several("2 of 2", [("alice", outer), ("bob", DeviceError("bob", "silent"))]))
    assert text.splitlines() == [
        "2 of 2",
        "  alice",
        "    DeviceError: alice: cannot be used",
        "      ConnectionRefusedError: port 5025 refused",
        "  bob",
        "    DeviceError: bob: silent",
    ]


class Known:
    """Says who it is, once."""

    def __init__(self, *says: Identity | Exception) -> None:
        self.says = list(says)

    def identity(self) -> Identity:
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


@pytest.mark.parametrize("boxed", [True, False])
def test_who_is_gone_or_another_is_told(boxed: bool) -> None:
    """A device that nothing was asked of since it lost its power is found; and one that was exchanged."""
    me, other = Identity("Maker", "M", "7", "1"), Identity("Maker", "M", "8", "1")
    there: Any = {"voa": Known(me), "meter": Known(DeviceError("meter", "no connection")), "switch": Known(other)}
    troubles = safe.missing(there, dict.fromkeys(there, me), boxed=boxed)
    assert [name for name, _ in troubles] == ["meter", "switch"]
    assert str(other) in str(troubles[1][1])


def test_who_hangs_is_given_up() -> None:
    """A silent device holds nobody up."""
    forever = threading.Event()
    me = Identity("Maker", "M", "7", "1")

    class Hanging:
        def identity(self) -> Identity:
            forever.wait(30.0)
            return me

    (trouble,) = safe.missing({"meter": cast("Any", Hanging())}, {"meter": me}, boxed=True, device_timeout_s=0.05)
    forever.set()
    assert "meter: did not say who it is within 0.05 s" in str(trouble[1])
