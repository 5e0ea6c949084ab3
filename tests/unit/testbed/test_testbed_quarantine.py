"""Devices that nobody may use until somebody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.testbed.guard import quarantine

if TYPE_CHECKING:
    from pathlib import Path

SWITCH, VOA = "ASRL/dev/ttyUSB7::INSTR", "TCPIP::lab::5025::SOCKET"


def test_by_its_address_whatever_a_bench_calls_it(tmp_path: Path) -> None:
    """Who, since when and why; the first reason stands; cleared by any bench that has the device."""
    quarantine.impose(tmp_path, "lab", "run 7", [("switch", SWITCH, "reads back channel 4, expected 1")])
    quarantine.impose(tmp_path, "lab", "run 8", [("switch", SWITCH, "was not parked")])
    (found,) = quarantine.in_force(tmp_path, {"crossbar": SWITCH, "voa": VOA})
    assert str(found).startswith(f"switch at {SWITCH} is quarantined since 20")
    assert str(found).endswith("by run 7: reads back channel 4, expected 1")
    assert quarantine.in_force(tmp_path, {"voa": VOA}) == []
    quarantine.clear(tmp_path, {"voa": VOA})
    assert quarantine.in_force(tmp_path, {"switch": SWITCH}) == [found]
    quarantine.clear(tmp_path, {"crossbar": SWITCH})
    assert quarantine.in_force(tmp_path, {"switch": SWITCH}) == []
    quarantine.impose(tmp_path, "lab", "run 9", [("switch", SWITCH, "again")])
    (found,) = quarantine.in_force(tmp_path, {"switch": SWITCH})
    assert found.run == "run 9"
