"""Whether a steady state is back: by five standard deviations of Poisson counts and a tenth, by power, by temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hil.clock import SystemClock
from hil.ports.spec import Undo
from hil.testbed.guard.journal import Journal, journals_of, owing
from hil.testbed.guard.steady import Steady, in_words, not_back

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = {"switch": "ASRL/dev/ttyUSB7::INSTR", "voa": "TCPIP::lab::5025::SOCKET"}
BEFORE = Steady(
    link="metro",
    at=1_800_000_000.5,
    devices=("switch", "voa"),
    stood=(Undo("voa", "attenuation_db", 3.5),),
    clicks={"z0": (250.0, 0.25)},
    powers_w={"tap": 1e-6},
    temperatures_c={"stage temperature": 30.0},
)


def now(**changed: object) -> Steady:
    return msgspec.structs.replace(BEFORE, at=1_800_000_900.0, **changed)


# 250 clicks in 0.25 s and n in 1 s: sigma = sqrt(250 / 0.25**2 + n) Hz; n = 1000 -+ 5 sigma has the solutions 658.7 and 1366.3
@pytest.mark.parametrize(("clicks", "back"), [(1000.0, True), (660.0, True), (657.0, False), (1365.0, True), (1368.0, False)])
def test_few_counts_must_differ_by_five_standard_deviations(clicks: float, back: bool) -> None:
    """More light than before is no steady state either."""
    assert (not_back(BEFORE, now(clicks={"z0": (clicks, 1.0)})) == []) is back


@pytest.mark.parametrize(("clicks", "back"), [(9.1e5, True), (8.9e5, False), (1.09e6, True), (1.11e6, False)])
def test_many_counts_must_differ_by_a_tenth(clicks: float, back: bool) -> None:
    """A million a second are known to a thousandth, and wander by more than that from day to day."""
    before = msgspec.structs.replace(BEFORE, clicks={"z0": (2.5e5, 0.25)})
    assert (not_back(before, now(clicks={"z0": (clicks, 1.0)})) == []) is back


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"clicks": {}}, "z0 tells nothing"),
        ({"clicks": {"z0": (0.0, 1.0)}}, "z0 0 clicks a second, 1,000 before"),
        ({"powers_w": {"tap": 0.89e-6}}, "tap 8.9e-07 W, 1e-06 W before"),
        ({"temperatures_c": {"stage temperature": 30.4}}, "stage temperature 30.4 degC, 30.0 degC before"),
    ],
)
def test_what_is_not_back_is_said_with_both_numbers(changed: dict[str, object], words: str) -> None:
    """Each on its own; what is as it was is not among it."""
    assert not_back(BEFORE, now(**changed)) == [words]


def test_what_is_back_is_said_with_both_numbers_too() -> None:
    """For the sentence that says it is healed."""
    found = now(clicks={"z0": (990.0, 1.0)}, powers_w={"tap": 0.95e-6}, temperatures_c={"stage temperature": 29.8})
    assert not_back(BEFORE, found) == []
    assert in_words(BEFORE, found) == (
        "z0 990 clicks a second, 1,000 before; tap 9.5e-07 W, 1e-06 W before; stage temperature 29.8 degC, 30.0 degC before"
    )


def begun(folder: Path) -> Journal:
    journal = Journal.take(folder, ADDRESSES, SystemClock(), 0.0)
    journal.begin("lab", "run 7", ADDRESSES, {"bench": {"name": "lab"}})
    return journal


def test_a_look_that_is_owed_outlives_its_run_and_the_next(tmp_path: Path) -> None:
    """Overlapping faults owe one look; it stays through a run that took none, and is gone from the disk once it was taken."""
    journal = begun(tmp_path)
    journal.hold(1, "thermal_drift on voa", [Undo("voa", "attenuation_db", 3.5)], BEFORE)
    journal.hold(2, "fiber_cut on switch", [Undo("switch", "channel", 1)], BEFORE)
    journal.hold(3, "seen to heal", [Undo("switch", "channel", 1)], now())
    journal.release(3)
    journal.finish()
    journal.close()
    assert journals_of(tmp_path, ADDRESSES.values()) == []
    next_one = begun(tmp_path)
    next_one.hold(1, "fiber_cut on switch", [Undo("switch", "channel", 1)], now())
    next_one.close()
    assert journals_of(tmp_path, ADDRESSES.values()) == [journal.path]
    ((path, one),) = owing(tmp_path, [ADDRESSES["voa"]])
    assert (path, one.run, one.moved, one.addresses) == (journal.path, "run 7", ("voa", "switch"), ADDRESSES)
    assert [fault.partition(" since ")[0] for fault in one.faults] == ["thermal_drift on voa", "fiber_cut on switch"]
    assert one.steady == BEFORE
    last = Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
    assert list(last.held) == [1]  # the first owner's were healed, those of the second are not
    last.finish()
    for key in list(last.owed):
        last.settle(key)
    last.tidy()
    last.close()
    assert journal.path.read_bytes() == b""


def test_a_line_cut_short_spoils_none_after_it(tmp_path: Path) -> None:
    """A crash in the middle of a line, twice: what the next owner writes, and what is owed, stands on lines of its own."""
    journal = begun(tmp_path)
    journal.hold(1, "fiber_cut on switch", [Undo("switch", "channel", 1)], BEFORE)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"hold":2,"fault":"thermal_dri')
    healed = Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
    healed.finish()
    healed.close()
    assert [one.steady for _, one in owing(tmp_path, ADDRESSES.values())] == [BEFORE]
    with journal.path.open("ab") as file:
        file.write(b'{"settl')
    next_one = Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
    next_one.begin("lab", "run 8", ADDRESSES, {"bench": {"name": "lab"}})
    next_one.close()
    last = Journal.take(tmp_path, ADDRESSES, SystemClock(), 0.0)
    assert last.owner is not None
    assert (last.owner.run, last.held, len(last.owed)) == ("run 8", {}, 1)
    last.close()


def test_nothing_is_owed_where_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    """A dark link without meters, and a fault that nobody looked before."""
    journal = begun(tmp_path)
    nothing = msgspec.structs.replace(BEFORE, clicks={}, powers_w={}, temperatures_c={})
    journal.hold(1, "fiber_cut on switch", [Undo("switch", "channel", 1)], nothing)
    journal.hold(2, "fiber_cut on switch", [Undo("switch", "channel", 1)])
    journal.finish()
    journal.close()
    assert journal.path.read_bytes() == b""
