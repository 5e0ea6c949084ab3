"""Each single-photon detector: counts with and without light, and dead time; and how evenly those of a basis click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from hil.physics.prediction import detector_counts_hz

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil import Detector, Link, Slo
    from hil.ports.run import CountGates, InterClickGaps

    Observation = TypeVar("Observation", CountGates, InterClickGaps)


_SHARP = 40.0
"""Clicks that would fall into the tolerance of the dead time, were it not dead: enough to tell its edge."""


_BALANCED = 20_000.0
"""Clicks of the rarest detector: the share of half of them is then known to 0.35 %, where 2 % are allowed."""


def _of(detector: Detector, observations: Iterable[Observation]) -> Observation:
    return next(one for one in observations if one.detector == detector.name)


@pytest.mark.hil_level("L1")
def test_dark_counts(detector: Detector, slo: Slo) -> None:
    """Without light, and with the path shut, the detector counts less than its limit; counted until that is clear."""
    link = detector.link
    slo.decide("dark_counts", budget="20 s", measure=lambda: _of(detector, link.count_gates("dark", gates=2, gate="500 ms")))


@pytest.mark.hil_level("L1")
def test_photon_counts(detector: Detector, slo: Slo) -> None:
    """With light the detector counts what power, loss, efficiency and dead time let expect."""
    slo.declare("photon_counts")
    gates = detector.link.count_gates("lit", gates=20, gate="100 ms")
    slo.check(_of(detector, gates), "photon_counts")


@pytest.mark.hil_level("L1")
def test_detector_balance(link: Link, slo: Slo) -> None:
    """Both detectors of each basis click as often as declared, early and late clicks alike where times are told."""
    slo.declare("detector_balance")
    fewest_hz = min(detector_counts_hz(link.testbed.bench, link.name).values())
    duration_s = min(max(1.0, _BALANCED / fewest_hz), 60.0)
    slo.check(link.detector_balance(duration_s), "detector_balance")


@pytest.mark.hil_level("L3")
def test_dead_time(detector: Detector, slo: Slo) -> None:
    """The gaps between clicks begin where the declared dead time ends."""
    slo.declare("dead_time")
    link = detector.link
    rate_hz = detector_counts_hz(link.testbed.bench, link.name)[detector.name]
    declared: Any = link.testbed.bench.device[detector.receiver.name]
    tolerance_s = 1.0 / link.pulse_rate_hz + 0.02 * declared.dead_time_s
    duration_s = min(max(1.0, _SHARP / (rate_hz**2 * tolerance_s)), 60.0)
    slo.check(_of(detector, link.inter_click_gaps(duration_s)), "dead_time")
