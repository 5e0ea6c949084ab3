"""A repeater chain: pairs at the predicted rate and fidelity, swaps that succeed as often as declared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

if TYPE_CHECKING:
    from hil import Slo
    from hil.bench.model import RepeaterNodeDevice
    from hil.testbed.repeater_link import RepeaterLink

pytestmark = pytest.mark.hil_needs("repeater-node")

_PAIRS = 9_000
_SIGMAS = 4.9
"""One false alarm in a million, both sides together."""


def _duration_s(link: RepeaterLink) -> float:
    """Enough for the pairs looked at on a twin; on hardware no longer than five minutes."""
    wanted_s = _PAIRS / link.expected.rate_hz
    return wanted_s if link.testbed.clock.virtual else min(wanted_s, 300.0)


def test_pairs_come_at_the_predicted_rate(link: RepeaterLink) -> None:
    """The mean interval between pairs is what the bench file's numbers give, within 4.9 standard errors."""
    run = link.run(_duration_s(link))
    assert run.pairs >= 100, f"{run.pairs} pairs in {run.end_s - run.start_s:g} s, {run.prediction.rate_hz:g} a second expected"
    intervals_s = np.diff(run.times_s, prepend=run.start_s)
    error_s = float(intervals_s.std(ddof=1)) / math.sqrt(run.pairs)
    expected_s = 1.0 / run.prediction.rate_hz
    found_s = float(intervals_s.mean())
    assert abs(found_s - expected_s) < _SIGMAS * error_s, (
        f"a pair every {found_s * 1e3:.3f} ms, predicted {expected_s * 1e3:.3f} ms, standard error {error_s * 1e3:.3f} ms"
    )


def test_fidelity_of_the_pairs(link: RepeaterLink, slo: Slo) -> None:
    """It reaches its limit, and is what memories and swaps as declared leave of it."""
    slo.declare("entanglement_fidelity")
    run = link.run(_duration_s(link))
    shares = [(wrong / total, total) for total, wrong in run.visibility.by_basis.values()]
    error = math.sqrt(math.fsum(share * (1.0 - share) / total for share, total in shares)) / 2.0
    assert abs(run.fidelity - run.prediction.fidelity) < _SIGMAS * error, (
        f"fidelity {run.fidelity:.4f}, predicted {run.prediction.fidelity:.4f}, standard error {error:.4f}"
    )
    slo.check(run.visibility, "entanglement_fidelity")


def test_swaps_succeed_as_often_as_declared(link: RepeaterLink) -> None:
    """At each inner node, within 4.9 standard deviations."""
    run = link.run(_duration_s(link))
    for node, counts in run.swaps.items():
        declared = cast("RepeaterNodeDevice", link.testbed.bench.device[node]).swap_success
        assert counts.tried > 0, f"{node} swapped nothing"
        deviation = math.sqrt(declared * (1.0 - declared) / counts.tried)
        share = counts.succeeded / counts.tried
        assert abs(share - declared) <= _SIGMAS * deviation, (
            f"{share:.4f} of the swaps of {node} succeeded, declared {declared:g}"
        )


def test_no_pair_while_a_node_stands_still(link: RepeaterLink) -> None:
    """Parked, no node takes part; with one that does not, no pair is made."""
    first, *others = link.nodes.values()
    assert not any(node.repeating() for node in link.nodes.values()), "a node takes part while parked"
    for node in others:
        node.set_repeating(repeating=True)
    link.testbed.clock.sleep(20.0 / link.expected.rate_hz if link.testbed.clock.virtual else 1.0)
    assert first.pairs().made == 0
