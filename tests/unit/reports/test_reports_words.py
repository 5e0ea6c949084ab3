"""Numbers as a lab engineer writes them, and the sentences all reports share."""

from __future__ import annotations

import pytest

from hil.record.reader import read_record
from hil.reports._numbers import count, quantity, seconds, size, spread
from hil.reports._words import clean, headline, kind_of_bench, ordered, rules, tally, unresolved_tests, unresolved_verdicts
from hil.verdict import Outcome


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0131, "ratio", "1.31 %"),
        (412_345.0, "bit/s", "412 kbit/s"),
        (412_345.0, "bps", "412 kbit/s"),
        (61.26, "cps", "61.3 cps"),
        (0.0008, "s", "800 µs"),
        (90.0, "s", "90 s"),
        (604_800.0, "s", "7 d"),
        (3.2e-9, "W", "3.2 nW"),
        (-40.0, "°C", "-40 °C"),
        (0.0, "ratio", "0 %"),
        (0.0, "bit/s", "0 bit/s"),
        (None, "cps", "–"),
        (5.0, "", "5"),
        (1e12, "m", "1e+12 m"),
    ],
)
def test_quantities(value, unit, said):
    assert quantity(value, unit) == said


@pytest.mark.parametrize(
    ("numbers", "unit", "said"),
    [
        ((0.0131, 0.0130, 0.0132), "ratio", ("1.310 %", "1.300 to 1.320")),
        ((96.0, 84.0, 109.0), "cps", ("96 cps", "84 to 109")),
        ((None, None, None), "cps", ("–", "")),
        ((3.0, None, 4.0), "cps", ("3.00 cps", "≤ 4.00")),
        ((3.0, 2.0, None), "cps", ("3.00 cps", "≥ 2.00")),
        ((None, 1.0, 2.0), "s", ("–", "1.0 to 2.0")),
        ((0.0, 0.0, 3e-6), "ratio", ("0 %", "0 to 0.0003")),
    ],
)
def test_estimate_and_interval_share_a_unit(numbers, unit, said):
    """Two digits of the interval's width."""
    assert spread(*numbers, unit) == said


def test_counts_sizes_and_durations():
    assert [count(n) for n in (0, 1234, 9_999_999, 12_345_678, 2_000_000_000)] == ["0", "1,234", "9,999,999", "12.3 M", "2 G"]
    assert [size(n) for n in (0, 812, 14_100, 2_500_000)] == ["0 B", "812 B", "14.1 kB", "2.5 MB"]
    assert [seconds(s) for s in (0.0, 12.34, 61.5, 3600.0, 90_061.0)] == [
        "0 s",
        "12.3 s",
        "1 min 2 s",
        "1 h",
        "1 d 1 h 1 min 1 s",
    ]


def test_control_characters_are_shown_as_such():
    assert clean("a\x1b[31m\tb\nc\x00\u202e") == "a\ufffd[31m\tb\nc\ufffd\ufffd"


def test_order_rules_and_leftovers(sample):
    record = read_record(sample)
    assert [verdict.indicator for verdict in ordered(record)] == [
        *("key_rate", "contract_key_rate", "qber", "dark_counts", "dark_counts"),
        *("photon_counts", "photon_counts", "link_availability", "entanglement_fidelity"),
    ]
    assert list(rules(ordered(record)).values()) == [1, 2, 3, 4, 5]
    left = unresolved_verdicts(record)
    assert [(v.outcome.value, v.gate) for v in left] == [
        *(("FAIL", True), ("INCONCLUSIVE", True), ("SKIPPED", True), ("INCONCLUSIVE", False)),
    ]
    assert [test.outcome for test in unresolved_tests(record)] == [Outcome.FAIL, Outcome.ERROR]
    assert tally(record.tests) == "1 FAIL, 1 ERROR, 2 SKIPPED, 6 PASS"


def gate(outcome, gate=True):
    return "verdict", "c::t", {"indicator": "qber", "subject": "metro", "outcome": outcome, "reason": "r", "gate": gate}


def case(outcome, name="c::t", **more):
    return "test", name, {"outcome": outcome, **more}


WRONG = {"wrong_use": True, "reason": "test_x.py:3: no fault named 'dark_count_spik'"}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([gate("PASS"), case("PASS"), case("SKIPPED", "c::u")], "The one gate met, 1 test passed; 1 skipped."),
        ([gate("FAIL"), case("FAIL")], "1 of 1 gate missed: qber of metro. 1 test failed."),
        ([gate("PASS"), case("FAIL"), case("ERROR", "c::u")], "1 test failed, 1 test broke."),
        ([gate("PASS"), case("ERROR")], "The bench or the framework broke in 1 test, so the run has not passed."),
        ([gate("INCONCLUSIVE"), case("PASS")], "Undecided: 1 of 1 gate and 0 tests had too little data for the declared rule."),
        ([], "Nothing was decided: no gate was judged and no test passed."),
        ([case("PASS")], "1 test passed; no gate was judged."),
        ([gate("PASS"), case("PASS"), gate("INCONCLUSIVE", gate=False)], "The one gate met, 1 test passed."),
        ([gate("PASS"), gate("SKIPPED"), case("PASS")], "1 gate met, 1 not measured; 1 test passed."),
        ([gate("SKIPPED"), case("PASS")], "1 test passed; no gate was judged."),
        ([case("PASS"), case("ERROR", "c::u", **WRONG)], "1 test is wrong and wants mending. Nothing else broke."),
        (
            [case("ERROR", "c::u", **WRONG), case("ERROR", "c::v", **WRONG), case("ERROR")],
            "The bench or the framework broke in 1 test, so the run has not passed. 2 tests are wrong and want mending.",
        ),
        ([case("FAIL"), case("ERROR", "c::u", **WRONG)], "1 test failed, 1 test is wrong."),
        ([gate("ERROR"), case("PASS")], "The bench or the framework broke while 1 gate was judged, so the run has not passed."),
    ],
)
def test_headlines(write_run, events, said):
    assert headline(read_record(write_run(*events))) == said


def test_kinds_of_bench(write_run):
    devices = [("device", "", {"name": str(n), "simulated": n > 0}) for n in range(2)]
    assert kind_of_bench(read_record(write_run(*devices))) == "mixed"
    assert kind_of_bench(read_record(write_run(devices[0], simulated=True))) == "real"
    assert kind_of_bench(read_record(write_run(simulated=True))) == "simulated"


def test_a_bench_of_which_nothing_opened_is_what_its_file_says(write_run):
    """Without a device in the record the label of the bench file's kind counts, before the flag of the run."""
    run = write_run(("test", "c::t", {"outcome": "ERROR", "reason": "no switch"}), labels={"bench kind": "mixed"})
    assert kind_of_bench(read_record(run)) == "mixed"


def test_a_failure_beside_the_bench_is_the_headline(write_run):
    """Everything on the bench passed, the process ends with 1: the record says FAIL, and why."""
    run = write_run(("test", "c::t", {"outcome": "PASS"}), exit_code=1, problems=("a test that uses no bench failed",))
    record = read_record(run)
    assert record.outcome is Outcome.FAIL
    assert headline(record) == "Tests that use no bench failed."
    assert record.problems == ("a test that uses no bench failed",)
