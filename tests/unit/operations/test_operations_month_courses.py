"""A virtual month whose faults come and go by degrees, and one of entangled pairs: against arithmetic and the sampled world."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from hil.errors import UsageError
from hil.operations.fault_calendar import load_calendar
from hil.operations.month import live
from hil.ports.waveform import RandomWalk
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hil.operations.month import Month
    from hil.testbed.link import Link

BENT = 'fault = "macrobend-loss"\nsettings = {{ loss = "{}" }}\nwaveform = "{}"\n'


def lived(link: Link, folder: Path, duration: str, fault: str, seed: int = 1) -> Month:
    file = folder / "calendar.toml"
    file.write_text(f'[month]\nname = "short"\nduration = "{duration}"\n\n[fault.one]\n{fault}\n')
    return live(link, load_calendar(file), seed)


@pytest.fixture(scope="module")
def metro() -> Iterator[Link]:
    with Testbed.open("metro-25km", simulate=True, seed=3) as testbed:
        testbed.begin("courses")
        link = testbed.link("metro")
        link.up()
        yield link


@pytest.fixture(scope="module")
def pairs() -> Iterator[Link]:
    with Testbed.open("entangled-metro", simulate=True, seed=3) as testbed:
        testbed.begin("courses of pairs")
        link = cast("Link", testbed.link("pairs"))
        link.up()
        yield link


def test_a_ramp_is_down_as_long_as_it_is_over_the_threshold(metro: Link, tmp_path: Path) -> None:
    """80 dB in ten hours are 4 dB each half hour. A block gives key down to 28 % of the light, so that 4 dB do and 8 dB do not.

    From 1:00 to 13:00 that is up until 1:30 and down for 11.5 hours. 10 ** -0.4 and 10 ** -0.8 of some 1,000 clicks are six
    and eight standard deviations from 284.
    """
    share = metro.prediction.first_key_block_s / metro.declared.block_s
    assert 10**-0.8 < 0.6 * share < share < 0.75 * 10**-0.4
    month = lived(
        metro,
        tmp_path,
        "14 h",
        BENT.format("80 dB", "ramp 10 h") + 'at = ["1 h"]\nlasts = "12 h"',
    )
    assert np.flatnonzero(~month.up).tolist() == list(range(90, 780))
    assert (month.availability().good, month.availability().total) == (150, 840)
    clicks = month.survey.counts.sum(axis=1)
    for begin, end, loss_db in ((0, 60, 0.0), (60, 90, 4.0), (90, 120, 8.0), (120, 150, 12.0), (780, 840, 0.0)):
        light_hz = 0.01 * 1e9 * (0.4 * 0.55 + 0.4 * 0.25) * 10.0 ** (-loss_db / 10.0)
        per_detector = [light_hz * part / 2.0 for part in (0.83, 0.83, 0.17, 0.17)]
        offered_hz = math.fsum(rate / 0.99 / (1.0 + rate / 0.99 * 5e-8) for rate in per_detector)
        expected = (offered_hz + 240.0) * month.survey.window_s * (end - begin)
        assert abs(int(clicks[begin:end].sum()) - expected) < 5.0 * math.sqrt(expected) + 0.01 * expected
    assert month.shares[0].words == "macrobend-loss loss 80 dB, ramp 36000 s"


def test_bursts_are_down_in_each(metro: Link, tmp_path: Path) -> None:
    """Three minutes of every ten, for 35 minutes from 0:20: 20 to 22, 30 to 32, 40 to 42, 50 to 52."""
    month = lived(
        metro,
        tmp_path,
        "70 min",
        BENT.format("20 dB", "burst 3 min every 10 min") + 'at = ["20 min"]\nlasts = "35 min"',
    )
    assert np.flatnonzero(~month.up).tolist() == [first + minute for first in (20, 30, 40, 50) for minute in range(3)]


def test_a_recording_is_followed(metro: Link, tmp_path: Path) -> None:
    """Nothing for five minutes, a fifth of 20 dB for five, all of it for ten, and a fifth until the end."""
    file = tmp_path / "recorded.csv"
    file.write_text("time_s,level\n0,0\n300,0.2\n600,1\n1200,0.2\n")
    month = lived(
        metro,
        tmp_path,
        "60 min",
        BENT.format("20 dB", f"replay {file}") + 'at = ["10 min"]\nlasts = "30 min"',
    )
    assert np.flatnonzero(~month.up).tolist() == list(range(20, 30))
    clicks = month.survey.counts.sum(axis=1)
    assert 0.35 < clicks[15:20].mean() / clicks[:15].mean() < 0.5


def test_a_walk_goes_its_own_way_each_time(metro: Link, tmp_path: Path) -> None:
    """Two walks of one month differ, and clicks follow them: losses in dB, told from the clicks, go with the levels.

    The same seed gives the same month, another seed another. Errors of the told loss are some 0.3 dB, of 10 dB.
    """
    fault = BENT.format("10 dB", "random-walk 1 min") + 'at = ["1 h", "3 h"]\nlasts = "1 h"'
    month, again, other = (lived(metro, tmp_path, "5 h", fault, seed) for seed in (1, 1, 2))
    assert np.array_equal(month.survey.counts, again.survey.counts)
    assert not np.array_equal(month.survey.counts, other.survey.counts)
    clicks = month.survey.counts.sum(axis=1)
    told_db = -10.0 * np.log10(clicks / clicks[:60].mean())
    first, second = told_db[60:120], told_db[180:240]
    assert first.std() > 0.6
    assert np.abs(first - second).max() > 2.0
    # neighbours of the walk lie 2 dB apart at most of the time, as its normal steps of 0.2 do
    steps = np.abs(np.diff(np.concatenate([[RandomWalk(60.0).level(0.0) * 10.0], first])))
    assert np.median(steps) < 3.0


def test_what_has_no_degrees_is_a_step(metro: Link, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"fault\.one\.waveform: found .*nothing that could be there by half"):
        lived(metro, tmp_path, "1 h", 'fault = "fiber-cut"\nwaveform = "ramp 20 s"\nat = ["10 min"]\nlasts = "5 min"')


def test_a_month_of_pairs_and_the_sampled_world(pairs: Link, tmp_path: Path) -> None:
    """Five minutes of 3 dB on the way to bob, as the closed forms have them and as a run of four blocks samples them.

    Sifted pairs a second and errors, each within five standard deviations of both samples; half of the light before it, and
    less of bob's dead time of 1 us.
    """
    fault = 'fault = "macrobend-loss"\ntarget = "pairs.b"\nsettings = { loss = "3 dB" }\nat = ["10 min"]\nlasts = "5 min"'
    month = lived(pairs, tmp_path, "30 min", fault)
    survey = month.survey
    assert month.up.all()
    inside, outside = slice(10, 15), np.r_[0:10, 15:30]
    assert survey.sifted[inside].mean() / survey.sifted[outside].mean() == pytest.approx(10**-0.3, rel=0.05)
    pairs.testbed.control.inject("pairs.b", "excess_loss_db", 3.0)
    try:
        run = pairs.run("16 s")
    finally:
        pairs.testbed.control.inject("pairs.b", "excess_loss_db", 0.0)
    bits, wrong = (sum(counts) for counts in zip(*((b.sifted_key_bits, b.key_errors or 0) for b in run.blocks), strict=True))
    lived_s = survey.window_s * 5
    rate, expected = bits / 16.0, survey.sifted[inside].sum() / lived_s
    assert abs(rate - expected) < 5.0 * math.sqrt(rate / 16.0 + expected / lived_s) + 0.01 * expected
    ratio = survey.errors[inside].sum() / survey.sifted[inside].sum()
    assert abs(wrong / bits - ratio) < 5.0 * math.sqrt(ratio / bits + ratio / survey.sifted[inside].sum())
    names = [name for receiver in pairs.receivers for name in pairs.detector_names(receiver)]
    for number, name in enumerate(names):
        seen, due = run.counts[name].sum() / 16.0, survey.counts[inside, number].sum() / lived_s
        assert abs(seen - due) < 5.0 * math.sqrt(1.2 * (seen / 16.0 + due / lived_s)) + 0.01 * due, name


def test_pairs_are_down_where_their_light_is_gone(pairs: Link, tmp_path: Path) -> None:
    cut = lived(pairs, tmp_path, "1 h", 'fault = "fiber-cut"\nat = ["10 min"]\nlasts = "7 min"')
    assert np.flatnonzero(~cut.up).tolist() == list(range(10, 17))
    assert cut.survey.sifted[10:17].max() < 0.01 * cut.survey.sifted[0]


def test_pairs_are_down_as_long_as_their_errors_are_over_the_limit(pairs: Link, tmp_path: Path) -> None:
    """A ramp of the misalignment m in steps of 1.35 %, a minute each: q = q0 + m (1 - 2 q0), q0 = 0.83 %.

    Five steps make 7.5 %, six 8.8 %, of a limit of 8 %, with a standard deviation of 0.11 %: down from the sixth minute on.
    """
    assert pairs.declared.proof.qber_limit == 0.08
    assert pairs.prediction.qber_ratio == pytest.approx(0.0075 + 0.0008, abs=1e-4)
    ramp = 'fault = "misalignment"\nsettings = { added_ratio = 0.27 }\nwaveform = "ramp 20 min"\n'
    month = lived(pairs, tmp_path, "1 h", ramp + 'at = ["10 min"]\nlasts = "30 min"')
    assert np.flatnonzero(~month.up).tolist() == list(range(15, 40))
    due = 0.0083 + 0.0135 * np.arange(1, 21) * (1.0 - 2.0 * 0.0083)
    sigma = np.sqrt(due / month.survey.sifted[10:30])
    assert (np.abs(month.survey.qber[10:30] - due) < 5.0 * sigma + 1e-4).all()


def test_a_link_without_key_is_not_lived(tmp_path: Path) -> None:
    """200 km of fibre: the error says so before anything is simulated."""
    from msgspec.structs import replace

    from hil.bench import load

    bench = load("metro-25km")
    fibre = replace(bench.link["metro"].fibre, length_km=200.0)
    far = replace(bench, link={"metro": replace(bench.link["metro"], fibre=fibre)})
    with Testbed.open(far, simulate=True, seed=3) as testbed:
        testbed.begin("far")
        with pytest.raises(UsageError, match="metro: the closed forms expect no key of it as declared"):
            lived(testbed.link("metro"), tmp_path, "1 h", 'stops_key = true\nat = ["1 min"]\nlasts = "1 min"')
