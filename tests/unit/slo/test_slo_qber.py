"""QBER verdicts: what is counted, what stands in for it, and the sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hil.errors import UsageError
from hil.ports.identity import EvidenceLevel
from hil.ports.objective import Objective
from hil.ports.run import BlockReport, LinkRun
from hil.slo.qber import SPEC
from hil.verdict import Outcome

OBJECTIVE = Objective("qber", 0.02, "ratio")


def _block(errors: int | None, bits: int, *, test_errors: int = 0, test_bits: int = 0) -> BlockReport:
    return BlockReport(
        sequence=0,
        start_s=0.0,
        end_s=1.0,
        live_s=1.0,
        detections=bits,
        sifted_key_bits=bits,
        sifted_test_bits=test_bits,
        test_errors=test_errors,
        key_errors=errors,
        disclosed_bits=0,
        authentication_bits=0,
        secret_bits=0,
        released=errors is not None,
        sentence="",
    )


def _run(*blocks: BlockReport, claimed: dict[str, float] | None = None) -> LinkRun:
    return LinkRun(
        link="metro",
        level=EvidenceLevel.L0 if claimed else EvidenceLevel.L3,
        simulated=True,
        start_s=0.0,
        end_s=1.0,
        blocks=blocks,
        net_secret_bits=0,
        counts={},
        gate_s=1.0,
        prediction=None,
        claimed=claimed or {},
    )


@pytest.mark.parametrize(
    ("errors", "bits", "outcome"),
    [
        (18, 1365, Outcome.PASS),  # the planning table's largest accepted count
        (19, 1365, Outcome.INCONCLUSIVE),
        (0, 149, Outcome.PASS),
        (0, 148, Outcome.INCONCLUSIVE),
        (6, 100, Outcome.FAIL),  # lower bound 2.65 %
        (5, 100, Outcome.INCONCLUSIVE),  # lower bound 1.99 %
    ],
)
def test_decides_as_the_planning_table_says(errors: int, bits: int, outcome: Outcome) -> None:
    """18 errors in 1,365 bits show less than 2 %, one more does not; 6 in 100 show more."""
    (verdict,) = SPEC.judge(_run(_block(errors, bits)), OBJECTIVE)
    assert verdict.outcome is outcome
    assert verdict.n == bits
    assert verdict.estimate == errors / bits
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low <= verdict.estimate <= verdict.high
    assert (verdict.limit, verdict.unit, verdict.subject, verdict.simulated) == (0.02, "ratio", "metro", True)
    assert verdict.rule.endswith("each bound at 95 % confidence")


def test_blocks_are_pooled() -> None:
    """Errors and bits of all corrected blocks count together."""
    (verdict,) = SPEC.judge(_run(_block(10, 1000), _block(20, 1000)), OBJECTIVE)
    assert (verdict.estimate, verdict.n) == (0.015, 2000)
    assert "30 errors in 2,000 sifted bits" in verdict.reason


def test_a_bad_link_fails_on_its_test_basis() -> None:
    """Blocks too bad to be corrected are judged by their test-basis errors, and the sentence says so."""
    (verdict,) = SPEC.judge(_run(_block(None, 10_000, test_errors=30, test_bits=400)), OBJECTIVE)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.estimate == 0.075
    assert "1 block that could not be corrected" in verdict.reason
    assert "above the limit of 2 %" in verdict.reason


def test_correcting_only_good_blocks_does_not_flatter() -> None:
    """Half the key bits at 1 %, half in uncorrected blocks at 8 %: together 4.5 %, not the 1 % of what was corrected."""
    run = _run(_block(1000, 100_000), _block(None, 100_000, test_errors=400, test_bits=5000))
    (verdict,) = SPEC.judge(run, OBJECTIVE)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.estimate == pytest.approx(0.045)


def test_two_kinds_of_blocks_share_the_error_probability() -> None:
    """No error in 100 corrected bits nor in 50 stand-ins of equal weight: (1 - 0.025^(1/100) + 1 - 0.025^(1/50)) / 2."""
    (verdict,) = SPEC.judge(_run(_block(0, 100), _block(None, 100, test_bits=50)), OBJECTIVE)
    assert verdict.high == pytest.approx((2 - 0.025**0.01 - 0.025**0.02) / 2)
    assert (verdict.low, verdict.n) == (0.0, 150)


def test_a_dark_block_weighs_what_it_sifted() -> None:
    """A block of a fibre cut, with forty dark-count bits at 50 %, does not fail a link of 100,000 bits at 1 %."""
    (verdict,) = SPEC.judge(_run(_block(1000, 100_000), _block(None, 40, test_errors=4, test_bits=8)), OBJECTIVE)
    assert verdict.outcome is Outcome.PASS


def test_nothing_sifted_is_undecided() -> None:
    """No whole block, and blocks without a bit, decide nothing and have no estimate."""
    (nothing,) = SPEC.judge(_run(), OBJECTIVE)
    (dark,) = SPEC.judge(_run(_block(None, 0), _block(None, 0)), OBJECTIVE)
    assert nothing.outcome is dark.outcome is Outcome.INCONCLUSIVE
    assert nothing.estimate is dark.estimate is None
    assert "no whole block" in nothing.reason
    assert "no sifted bits in 2 blocks" in dark.reason


def test_undecided_says_how_much_more() -> None:
    """At 1.5 % observed, the sentence names the 2,000 to 2,400 bits that decide; on the limit, none do."""
    (verdict,) = SPEC.judge(_run(_block(15, 1000)), OBJECTIVE)
    needed = int(verdict.reason.rsplit("about ", 1)[1].removesuffix(" bits").replace(",", ""))
    assert 2000 <= needed <= 2400
    (stuck,) = SPEC.judge(_run(_block(20, 1000)), OBJECTIVE)
    assert "no amount of data decides" in stuck.reason


def test_a_claim_is_marked_as_one() -> None:
    """A black box's 1.2 % over 100,000 bits is judged as 1,200 errors, and the sentence says whose number it is."""
    run = _run(claimed={"qber_ratio": 0.012, "sifted_bits": 100_000.0})
    (verdict,) = SPEC.judge(run, OBJECTIVE)
    assert verdict.outcome is Outcome.PASS
    assert verdict.estimate == 0.012
    assert "the device's own claim over 100,000 sifted bits" in verdict.reason


@pytest.mark.parametrize(
    "claimed", [{"counts_hz": 1.0}, {"qber_ratio": math.nan, "sifted_bits": 9.0}, {"qber_ratio": 0.0, "sifted_bits": 0.0}]
)
def test_a_claim_without_bits_is_none(claimed: dict[str, float]) -> None:
    """A box that claims no QBER, or one over no bits, decides nothing."""
    (verdict,) = SPEC.judge(_run(claimed=claimed), OBJECTIVE)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "claims" in verdict.reason


def test_refuses_what_is_no_run() -> None:
    """Another type, nothing at all, a QBER of 2 and a missing limit are usage errors that name what is expected."""
    with pytest.raises(UsageError, match="judges LinkRun"):
        SPEC.judge([3], OBJECTIVE)
    with pytest.raises(UsageError, match="no observation"):
        SPEC.judge([], OBJECTIVE)
    with pytest.raises(UsageError, match="between 0 and 1 is expected"):
        SPEC.judge(_run(claimed={"qber_ratio": 2.0, "sifted_bits": 10.0}), OBJECTIVE)
    with pytest.raises(UsageError, match="has no limit"):
        SPEC.judge(_run(), replace(OBJECTIVE, limit=None))
