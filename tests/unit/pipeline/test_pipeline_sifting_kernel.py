"""The compiled way through Bob's rules gives the same events, bits and counts as numpy's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hil.pipeline import sifting
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.sifting import Events, detected_events
from hil.ports.detections import DetectionRecords, DetectorRole, ReceiverDeclaration
from hil.seeds import stream

if TYPE_CHECKING:
    import numpy.typing as npt

pytest.importorskip("numba")

RECEIVER = ReceiverDeclaration(
    (DetectorRole("z0", 0, 0), DetectorRole("z1", 0, 1), DetectorRole("x0", 1, 0), DetectorRole("x1", 1, 1)),
    "passive",
    8e-9,
)


def both_ways(
    records: DetectionRecords,
    receiver: ReceiverDeclaration,
    usable: npt.NDArray[np.bool_] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Events, Events]:
    found = []
    for least in (0, 1 << 60):
        monkeypatch.setattr(sifting, "_WORTH_COMPILING", least)
        found.append(detected_events(records, receiver, 1e9, SeededEntropy(3), usable=usable))
    return found[0], found[1]


@pytest.mark.parametrize("common", [True, False], ids=["one dead time", "each its own"])
@pytest.mark.parametrize("windowed", [False, True], ids=["all clicks", "some in the window"])
@pytest.mark.parametrize("pulses", [300, 3_000, 300_000], ids=["crowded", "busy", "sparse"])
@pytest.mark.parametrize("settings", [2, 4])
def test_both_ways_agree(settings: int, pulses: int, windowed: bool, common: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand clicks on few to many pulses: many of one pulse, in one basis and in several, dead and outside the window."""
    rng = stream(5, "sifting", settings, pulses)
    index = np.sort(rng.integers(100, 100 + pulses, 1_000))
    detector = rng.integers(0, 2 * settings, index.size, dtype=np.uint8)
    usable = rng.random(index.size) < 0.7 if windowed else None
    records = DetectionRecords(95, 100 + pulses, index, detector, 1e-3)
    roles = tuple(DetectorRole(str(number), number // 2, number % 2) for number in range(2 * settings))
    receiver = replace(RECEIVER, detectors=roles, common_dead_time=common)
    one, other = both_ways(records, receiver, usable, monkeypatch)
    for part in ("index", "basis", "bit"):
        assert np.array_equal(getattr(one, part), getattr(other, part)), part
    assert (one.dead, one.crossed, one.doubled, one.clicks) == (other.dead, other.crossed, other.doubled, other.clicks)
    if pulses == 300 and not common:
        assert min(one.crossed, one.doubled) > 10
        assert set(one.basis.tolist()) == set(range(settings))


def test_no_click_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    records = DetectionRecords(0, 10, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8), 1e-8)
    for events in both_ways(records, RECEIVER, None, monkeypatch):
        assert events.index.size == events.basis.size == events.bit.size == 0
