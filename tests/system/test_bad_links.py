"""Links that are not what their bench file says fail for the right reason, in words, with a non-zero exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import load
from hil.physics.prediction import predict
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(900)  # whole runs of suites, on a machine that may be busy

_JUDGED = "test_dark_counts or test_quantum_bit_error_rate or test_secret_key_rate"


def _outcomes(run: Any) -> dict[str, set[Outcome]]:
    found: dict[str, set[Outcome]] = {}
    for verdict in run.record.verdicts:
        found.setdefault(verdict.indicator, set()).add(verdict.outcome)
    return found


def test_a_link_as_declared_passes(hil_run: Callable[..., Any]) -> None:
    """The control: the same selection on the bench as shipped."""
    run = hil_run("-k", _JUDGED)
    assert run.code == 0, run.output
    assert run.record.outcome is Outcome.PASS
    assert set(_outcomes(run)) == {"dark_counts", "qber", "key_rate", "contract_key_rate"}


def test_20_000_dark_counts_fail_their_limit(hil_run: Callable[..., Any], changed_bench: Callable[..., Any]) -> None:
    """20,000 cps a detector: every detector misses its dark count limit, in words."""
    run = hil_run("-k", _JUDGED, bench=changed_bench("[device.bob]", 'actual = { dark_count_rate = "20 kcps" }'))
    assert run.code == 1, run.output
    verdicts = run.verdicts("dark_counts")
    assert [verdict.outcome for verdict in verdicts] == [Outcome.FAIL] * 4
    assert all("above the limit of 100 cps" in verdict.reason for verdict in verdicts)
    assert "above the limit of 100 cps" in run.output


def test_100_000_dark_counts_fail_the_qber_too(hil_run: Callable[..., Any], changed_bench: Callable[..., Any]) -> None:
    """100,000 cps a detector: half of them are errors, and the QBER passes 2 %."""
    run = hil_run("-k", _JUDGED, bench=changed_bench("[device.bob]", 'actual = { dark_count_rate = "100 kcps" }'))
    assert run.code == 1, run.output
    assert _outcomes(run)["dark_counts"] == {Outcome.FAIL}
    assert _outcomes(run)["qber"] == {Outcome.FAIL}
    assert "above the limit of 2 %" in run.verdicts("qber")[0].reason


def test_60_km_more_fibre_fail_the_contracted_rate(hil_run: Callable[..., Any], changed_bench: Callable[..., Any]) -> None:
    """85 km in place of 25: 12 dB more, no key from a block of a second, and the words say how long one would take."""
    run = hil_run("-k", _JUDGED, bench=changed_bench("[link.metro.fibre]", 'actual = { length = "85 km" }'))
    assert run.code == 1, run.output
    (contracted,) = run.verdicts("contract_key_rate")
    assert contracted.outcome is Outcome.FAIL
    assert "no key: at this loss a block would take" in contracted.reason
    assert _outcomes(run)["dark_counts"] == {Outcome.PASS}


def test_six_percent_misalignment_fails_the_qber(hil_run: Callable[..., Any], changed_bench: Callable[..., Any]) -> None:
    """6 % misalignment: the QBER is what the closed forms make of it, and the dark counts are innocent."""
    declared = load(changed_bench("[bench]", "", replace=("misalignment = 0.008", "misalignment = 0.06")))
    expected = predict(declared, "metro").qber_ratio
    run = hil_run("-k", _JUDGED, bench=changed_bench("[device.bob]", "actual = { misalignment = 0.06 }"))
    assert run.code == 1, run.output
    (qber,) = run.verdicts("qber")
    assert qber.outcome is Outcome.FAIL
    assert qber.estimate == pytest.approx(expected, rel=0.02)
    assert _outcomes(run)["dark_counts"] == {Outcome.PASS}
