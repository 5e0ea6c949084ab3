"""The seed decides everything a simulated run says, and order and workers decide nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SOME = (
    "test_dark_counts or test_quantum_bit_error_rate or test_both_ends_hold or test_dark_count_spike_in_part or test_both_sites"
)
_BACKWARDS = tuple(f"conformance.test_conformance_{name}" for name in ("keys", "faults", "detectors", "delivery"))
_PROCESS_TIMED = {"auth_round_trip", "key_ingestion"}


def _table(run: Any) -> list[tuple[Any, ...]]:
    return sorted(
        (
            verdict.case,
            verdict.indicator,
            verdict.subject,
            verdict.outcome,
            verdict.estimate,
            verdict.low,
            verdict.high,
            verdict.n,
        )
        for verdict in run.record.verdicts
        if verdict.indicator not in _PROCESS_TIMED
    )


def _digests(run: Any) -> list[tuple[Any, ...]]:
    return sorted((key.case, key.fingerprints, key.bits) for key in run.record.keys)


def test_seed_decides_and_order_does_not(hil_run: Callable[..., Any]) -> None:
    """Same seed, same verdicts and key digests: run again, in another order, under two workers; another seed, other keys."""
    first = hil_run("-k", _SOME, seed=11)
    assert first.code == 0, first.output
    assert _table(first)
    assert _digests(first)
    again = hil_run("-k", _SOME, seed=11)
    assert (_table(again), _digests(again)) == (_table(first), _digests(first))
    shuffled = hil_run("-k", _SOME, seed=11, suites=_BACKWARDS)
    assert (_table(shuffled), _digests(shuffled)) == (_table(first), _digests(first))
    spread = hil_run("-k", _SOME, "-n", "2", seed=11)
    assert (_table(spread), _digests(spread)) == (_table(first), _digests(first))
    other = hil_run("-k", _SOME, seed=12)
    assert {case for case, *_ in _digests(other)} == {case for case, *_ in _digests(first)}
    ours, theirs = ({digest for _, digests, _ in _digests(run) for digest in digests} for run in (first, other))
    assert ours.isdisjoint(theirs)
