"""Error rates of looking after every block: the page's own code with fewer runs, and against what users call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from hil import discovery
from hil.ci import error_rates
from hil.ci._courses import looked_at, naive_proportions, proportions_of
from hil.ci._error_rows import ROWS
from hil.ci.error_rates import FIXED_BITS, PAGE, least_average_bits, measure, page, wald_wrong
from hil.ports.objective import Objective
from hil.seeds import stream
from hil.statistics.binomial import largest_accepted
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ci._error_rows import Row
    from hil.ports.run import LinkRun

RUNS = 100
MOST = int(stats.binom.ppf(1 - 1e-6, RUNS, 0.05))
"""False answers of one kind that 5 % give in more than one of a million tests: 17 of 100."""


def row(indicator: str, part: str) -> Row:
    """The first row of an indicator whose device is described so."""
    return next(one for one in ROWS if one.indicator == indicator and part in one.what)


@pytest.mark.parametrize(
    ("indicator", "part"),
    [
        ("qber", "blocks of 25 bits"),
        ("dark_counts", "100 cps, gates"),
        ("key_rate", "0.5 % over 10 blocks"),
        ("auth_round_trip", "bursts of three"),
        ("entanglement_fidelity", "90 %"),
        ("chsh", "S = 2,"),
        ("dead_time", "2 % above"),
    ],
)
def test_false_answers_keep_within_five_per_cent(indicator: str, part: str) -> None:
    """On their limits; the naive look goes beyond, which this bound notices."""
    device = row(indicator, part)
    blocks = min(device.blocks, 30) if device.unit in {"blocks", "looks"} else device.blocks
    found = measure(replace(device, blocks=blocks), RUNS)
    assert found.naive is not None
    assert found.worst * RUNS <= MOST
    assert max(found.naive.share(-1), found.naive.share(1)) * RUNS > MOST


def test_two_hypotheses_are_told_apart_as_wald_says() -> None:
    """Wrong in 5 % at most, and after no fewer bits on average than his formula: 850 and 677 bits, from the divergences."""
    for part, average in (("1 %: good, indep", 850.0), ("2 %: bad, indep", 677.0)):
        found = measure(row("qber", part), 400)
        assert found.row.average == pytest.approx(average, rel=0.002)
        assert wald_wrong(found) * 400 <= stats.binom.ppf(1 - 1e-6, 400, 0.05)
        assert 0.9 * average < found.course.blocks.mean() * 25 < 1.5 * average


def test_least_average_for_blocks_of_half_an_error() -> None:
    """The bound by information: with blocks of one bit there are no bursts, log 20 over the divergence, 961 bits."""
    divergence = 0.01 * np.log(0.5) + 0.99 * np.log(0.99 / 0.98)
    assert least_average_bits(1) == pytest.approx(np.log(20.0) / divergence, rel=0.002)
    assert least_average_bits(1) < least_average_bits(25) < least_average_bits(50)


def test_a_clear_answer_takes_sixty_per_cent_of_a_plan_at_most() -> None:
    """1.0 % against 2 %: the median of 1,000 runs; a plan for one look is read off the exact interval with scipy's binomial.

    Of 1,000 runs the median may lie three blocks higher by chance.
    """
    accepted = largest_accepted(FIXED_BITS, 0.02)
    assert accepted is not None
    assert stats.binom.cdf(accepted, FIXED_BITS, 0.01) >= 0.95
    found = measure(replace(row("qber", "1 % against 2 %, independent bits, blocks of 25"), blocks=80), 1000)
    assert np.median(found.course.blocks) * 25 <= 0.6 * FIXED_BITS + 3 * 25
    assert found.course.share(1) == 0.0


def test_drift_that_nobody_averages_over_is_judged_as_it_was() -> None:
    found = measure(row("qber", "on average over days"), RUNS)
    assert found.against_own is not None
    assert found.against_own * RUNS <= MOST
    assert found.course.share(-1) > 0.1  # most runs never see the average


def test_courses_are_what_users_get(run_of: Callable[..., LinkRun]) -> None:
    """Twelve runs, looked at by the indicator after every block: the same answers after the same number of blocks."""
    errors = stream(9, "courses").binomial(50, np.repeat([[0.004], [0.02], [0.06]], 4, axis=0), (12, 24))
    course = looked_at(proportions_of(errors.astype(float), 50, 0.02), 12)
    qber = discovery.find("indicator", "qber")
    objective = Objective("qber", 0.02, "ratio", rule="sequential")
    for run, (answer, blocks) in enumerate(zip(course.answers, course.blocks, strict=True)):
        outcomes = []
        for seen in range(max(blocks - 1, 1), blocks + 1):
            (verdict,) = qber.judge(run_of(*[(int(wrong), 50) for wrong in errors[run, :seen]]), objective)
            outcomes.append(verdict.outcome)
        assert outcomes[-1] is {-1: Outcome.PASS, 1: Outcome.FAIL, 0: Outcome.INCONCLUSIVE}[int(answer)]
        assert blocks == 1 or outcomes[0] is Outcome.INCONCLUSIVE
    assert set(course.answers) == {-1, 0, 1}


def test_a_naive_look_is_clopper_pearsons(run_of: Callable[..., LinkRun]) -> None:
    """One look of the course in which it is tried again and again is the indicator's own."""
    course = looked_at(naive_proportions(np.array([[0.0], [1.0], [9.0]]), 149, 0.02), 3)
    assert course.answers.tolist() == [-1, 0, 1]
    (verdict,) = discovery.find("indicator", "qber").judge(run_of((0, 149)), Objective("qber", 0.02, "ratio"))
    assert verdict.outcome is Outcome.PASS


def test_the_page_has_every_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by the command with 2,000 runs; a run of it with rates beyond 5 % ends with 1."""
    text = PAGE.read_text("utf-8")
    assert "`ci/error-rates --runs 2000 --write` made this page" in text
    assert all(f"| {one.what} |" in text for one in ROWS)
    assert [part for part in page([], 2000).split("\n\n") if not part.startswith("| ") and part not in text] == []
    monkeypatch.setattr(error_rates, "ROWS", (dark := row("dark_counts", "100 cps, gates"),))
    assert error_rates.main(["--runs", "20"]) == 0
    assert dark.what in capsys.readouterr().out
    monkeypatch.setattr(error_rates, "ALPHA", -1.0)
    assert error_rates.main(["--runs", "5"]) == 1
