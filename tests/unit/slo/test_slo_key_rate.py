"""Key rate verdicts against minimum and contract, and why there is no key."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from hil.bench import load
from hil.bench.model import Fibre
from hil.errors import UsageError
from hil.physics.decoy_key import IntensityCounts, decoy_proof, first_decoy_key_factor
from hil.physics.entropy import binary_entropy
from hil.physics.link_model import link_model
from hil.physics.prediction import predict
from hil.physics.receiver_rates import sifted_rates
from hil.ports.detections import SourceDeclaration
from hil.ports.identity import EvidenceLevel
from hil.ports.objective import Objective
from hil.ports.run import BlockReport, LinkRun, Prediction
from hil.slo.contract_key_rate import SPEC as CONTRACT
from hil.slo.key_rate import SPEC
from hil.verdict import Outcome

MINIMUM = Objective("key_rate", 100.0, "bit/s")
PROMISED = Objective("contract_key_rate", 400_000.0, "bit/s", source="contract")


def _block(secret: int, sentence: str = "", *, spent: int = 0, start_s: float = 0.0, **more: object) -> BlockReport:
    fields: dict[str, object] = {
        "sequence": int(start_s),
        "start_s": start_s,
        "end_s": start_s + 1.0,
        "live_s": 1.0,
        "detections": 0,
        "sifted_key_bits": 0,
        "sifted_test_bits": 0,
        "test_errors": 0,
        "key_errors": None,
        "disclosed_bits": 0,
        "authentication_bits": spent,
        "secret_bits": secret,
        "released": secret > 0,
        "sentence": sentence,
    }
    return BlockReport(**(fields | more))  # type: ignore[arg-type]


def _run(*blocks: BlockReport, **more: object) -> LinkRun:
    fields: dict[str, object] = {
        "link": "metro",
        "level": EvidenceLevel.L3,
        "simulated": True,
        "start_s": 0.0,
        "end_s": 10.0,
        "blocks": blocks,
        "net_secret_bits": 0,
        "counts": {},
        "gate_s": 1.0,
        "prediction": None,
    }
    return LinkRun(**(fields | more))  # type: ignore[arg-type]


def _prediction(key_rate_bps: float, first_s: float) -> Prediction:
    return Prediction(1e5, 60.0, 0.013, key_rate_bps, 1.0, first_s)


def test_rate_is_net_of_authentication_and_over_blocks() -> None:
    """Three blocks of 500, 510, 520 kbit, 10 kbit spent in each: 500 kbit/s, t(0.95; 2) = 2.92 gives 483.1 to 516.9."""
    blocks = [_block(bits, spent=10_000) for bits in (500_000, 510_000, 520_000)]
    (verdict,) = CONTRACT.judge(_run(*blocks), PROMISED)
    assert verdict.outcome is Outcome.PASS
    assert verdict.estimate == 500_000
    assert (verdict.low, verdict.high) == pytest.approx((500_000 - 16_858, 500_000 + 16_858), abs=1)
    assert (verdict.n, verdict.limit, verdict.limit_source) == (3, 400_000.0, "contract")
    assert (
        verdict.reason
        == "key rate 500 kbit/s (483 kbit/s to 517 kbit/s) over 3 blocks reaches the contracted rate of 400 kbit/s"
    )


def test_all_three_outcomes() -> None:
    """Well above passes, well below fails, around the limit stays undecided and says how many blocks it takes."""
    outcomes = {
        level: CONTRACT.judge(_run(*(_block(level + step) for step in (-9000, 0, 9000))), PROMISED)[0]
        for level in (450_000, 350_000, 405_000)
    }
    assert outcomes[450_000].outcome is Outcome.PASS
    assert outcomes[350_000].outcome is Outcome.FAIL
    assert "misses the contracted rate of 400 kbit/s" in outcomes[350_000].reason
    assert outcomes[405_000].outcome is Outcome.INCONCLUSIVE
    # t(0.95; n-1) s / sqrt(n) < 5000 with s = 9000: n = 11 gives 4,918, n = 10 gives 5,217
    assert "it takes about 11 blocks" in outcomes[405_000].reason


def test_no_key_says_how_long_a_block_would_take() -> None:
    """Where a longer block would give key, the sentence names its length."""
    blocks = [_block(0, "no key: too few counts") for _ in range(3)]
    (verdict,) = SPEC.judge(_run(*blocks, prediction=_prediction(0.0, 41.0)), MINIMUM)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("no key: at this loss a block would take 41 s, these took 1 s; 3 blocks without key")


def test_no_key_at_any_length_quotes_the_blocks() -> None:
    """Where no block would ever give key, that is said, with what the blocks say."""
    blocks = [_block(0, "no key: QBER 6.4 % leaves nothing.") for _ in range(2)]
    (verdict,) = SPEC.judge(_run(*blocks, prediction=_prediction(0.0, float("inf"))), MINIMUM)
    assert "no block gives key, however long (QBER 6.4 % leaves nothing)" in verdict.reason


def test_no_key_on_a_link_that_should_give_some_quotes_the_blocks() -> None:
    """When the bench file lets expect key, what the blocks say is the reason, the commonest first."""
    blocks = [_block(0, "QBER 9 % is above 8 %"), _block(0, "tag refused"), _block(0, "QBER 9 % is above 8 %")]
    (verdict,) = SPEC.judge(_run(*blocks, prediction=_prediction(5e5, 0.2)), MINIMUM)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("no key: QBER 9 % is above 8 %;")


def test_block_length_from_what_was_measured() -> None:
    """A fibre 60 km longer than declared: the counts themselves say 2.6 s, as the prediction for 85 km does."""
    bench = load("metro-25km")
    far = changed(bench.link["metro"], fibre=Fibre(length_km=85.0))
    bench = changed(bench, link={"metro": far})
    rates = sifted_rates(link_model(bench, "metro"))
    table = tuple(
        (number, basis, round(bits[number]), round(errors[number]) if basis else None)
        for basis, bits, errors in ((0, rates.key, rates.key_errors), (1, rates.test, rates.test_errors))
        for number in range(3)
    )
    source = SourceDeclaration(1e9, (0.55, 0.25, 2e-4), (0.4, 0.4, 0.2), 0.83)
    blocks = [_block(0, "too few counts", by_intensity=table) for _ in range(2)]
    (verdict,) = SPEC.judge(_run(*blocks, source=source, prediction=_prediction(5e5, 0.2)), MINIMUM)
    said_s = float(verdict.reason.split("would take ")[1].split(" s")[0])
    # what is measured is the error ratio of the test basis; corrected in both directions at 1.15 of the limit
    told = 2.0 * 1.15 * sum(rates.key) * binary_entropy(sum(rates.test_errors) / sum(rates.test))
    proof = decoy_proof(source.intensities, source.probabilities, 1e-9, 1e-15)
    counts = IntensityCounts(rates.key, rates.key_errors, rates.test, rates.test_errors)
    assert said_s == pytest.approx(first_decoy_key_factor(counts, proof, told), rel=0.02)
    assert said_s == pytest.approx(predict(bench, "metro").first_key_block_s, rel=0.2)
    noisy = tuple((number, basis, bits, errors and bits // 4) for number, basis, bits, errors in table)
    blocks = [_block(0, "QBER 25 %", by_intensity=noisy) for _ in range(2)]
    (verdict,) = SPEC.judge(_run(*blocks, source=source), MINIMUM)
    assert verdict.reason.startswith("no key: QBER 25 %")


def test_blocks_without_key_are_named_beside_those_with() -> None:
    """One empty block among four is counted as it is and explained."""
    blocks = [_block(500_000), _block(510_000), _block(505_000), _block(0, "fibre dark.")]
    (verdict,) = SPEC.judge(_run(*blocks), MINIMUM)
    assert verdict.estimate == pytest.approx(378_750)
    assert verdict.reason.endswith("; 1 block of 4 gave none: fibre dark")


def test_too_little_to_judge() -> None:
    """No block and one block decide nothing, with or without key."""
    (none,) = SPEC.judge(_run(), MINIMUM)
    (one,) = SPEC.judge(_run(_block(500_000)), MINIMUM)
    (empty,) = SPEC.judge(_run(_block(0, "too few counts")), MINIMUM)
    assert {none.outcome, one.outcome, empty.outcome} == {Outcome.INCONCLUSIVE}
    assert "no whole block in 10 s" in none.reason
    assert "run two blocks or more" in one.reason
    assert (one.estimate, one.low, one.high) == (500_000, None, None)
    assert empty.reason.startswith("no key: too few counts; one block")


def test_a_black_box_is_judged_by_its_log() -> None:
    """Without blocks the logged key rate is used and called the device's own; a single claim has no spread."""
    log = {"key_rate_bps": (np.arange(4.0), np.array([5e5, 5.1e5, 5.2e5, np.nan]))}
    (verdict,) = CONTRACT.judge(_run(series=log, level=EvidenceLevel.L0), PROMISED)
    assert verdict.outcome is Outcome.PASS
    assert verdict.n == 3
    assert "the device's own claim" in verdict.reason
    (claim,) = CONTRACT.judge(_run(claimed={"key_rate_bps": 5e5}), PROMISED)
    assert claim.outcome is Outcome.INCONCLUSIVE
    assert "the device claims 500 kbit/s" in claim.reason


def test_no_contract_is_a_skip() -> None:
    """Where nothing names or predicts a rate, the contract is skipped with its reason."""
    (verdict,) = CONTRACT.judge(_run(_block(1), _block(1)), replace(PROMISED, limit=None))
    assert verdict.outcome is Outcome.SKIPPED
    assert "no contracted key rate" in verdict.reason


def test_refuses_a_block_of_no_length() -> None:
    """A block that ends where it starts is refused by number."""
    with pytest.raises(UsageError, match="block 0 of link metro ends at 0"):
        SPEC.judge(_run(_block(1, end_s=0.0), _block(1)), MINIMUM)
