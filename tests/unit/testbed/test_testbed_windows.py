"""When which fault was in: what touches a block, and whether all of it was in-fault, by times counted by hand."""

from __future__ import annotations

import math

import pytest

from hil.testbed.injection.windows import FaultWindows


def windows(*spans: tuple[float, float], spoils_detections: bool = True) -> FaultWindows:
    """Faults named by their order, from when to when."""
    made = FaultWindows()
    for number, (start_s, end_s) in enumerate(spans):
        made.open(f"f{number}", "bob", start_s, commanded="", evidence="", spoils_detections=spoils_detections)
        if math.isfinite(end_s):
            made.close(number, end_s, healed=True)
    return made


@pytest.mark.parametrize(
    ("spans", "covered"),
    [
        ([(0.0, 10.0)], True),
        ([(2.0, 3.0)], True),
        ([(2.0, 2.9)], False),  # healed before the block's end
        ([(2.1, 9.0)], False),  # came after its begin
        ([(0.0, 2.5), (2.5, 9.0)], True),  # one takes over from the other
        ([(2.4, 9.0), (0.0, 2.5)], True),  # whichever is named first
        ([(0.0, 2.5), (2.6, 9.0)], False),  # a tenth of a second in peace
        ([(1.0, math.inf)], True),  # still in
        ([(0.0, 2.0), (3.0, 9.0)], False),
        ([], False),
    ],
)
def test_a_block_of_in_fault_detections_alone(spans: list[tuple[float, float]], covered: bool) -> None:
    """From 2 s to 3 s: whether some fault was in at every moment of it."""
    assert windows(*spans).cover(2.0, 3.0) is covered


def test_faults_of_messages_spoil_no_detections() -> None:
    """However long they are in."""
    assert not windows((0.0, 10.0), spoils_detections=False).cover(2.0, 3.0)


def test_what_touches_a_block_is_named() -> None:
    """Sharing a moment of time does; to end where it begins does not."""
    made = windows((0.0, 2.0), (1.0, 2.1), (2.9, math.inf), (3.0, 4.0))
    assert [window.fault for window in made.touching(2.0, 3.0)] == ["f1", "f2"]
    assert made.beside(1, 2.0, 3.0) == ("f2",)
