"""What shows only over days: availability and the interval between calibrations.

On a twin 30 days pass in a moment. On hardware a short look decides nothing, and its sentence says how long it would take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil import Link, Slo

pytestmark = pytest.mark.hil_needs("receiver")


def _duration(link: Link) -> str:
    return "30 d" if link.testbed.clock.virtual else "2 min"


def test_link_availability(link: Link, slo: Slo) -> None:
    """The link makes key in all but one of a thousand minutes."""
    slo.declare("link_availability")
    availability, _ = link.watch(_duration(link))
    # a device that logs itself as up while no key comes is not believed
    run = link.run(max(1.0, link.declared.block_s))
    said = run.blocks[-1].sentence if run.blocks else "nothing was delivered"
    assert run.net_secret_bits > 0 or not availability.good, (
        f"{link.receiver.name} logged {availability.good:,} of {availability.total:,} minutes as up and makes no key: {said}"
    )
    slo.check(availability, "link_availability")


def test_calibration_interval(link: Link, slo: Slo) -> None:
    """The transmitter calibrates itself at least once a week."""
    slo.declare("calibration_interval")
    _, calibrations = link.watch(_duration(link))
    slo.check(calibrations, "calibration_interval")
