"""The devices answer, light arrives, and both ends have the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil import Bench, Link


def test_every_device_answers(bench: Bench) -> None:
    """Each device says who it is, as it did when the bench was opened."""
    for name, device in bench.devices.items():
        assert device.identity() == bench.identities[name], f"{name} says it is another device than at the start"


@pytest.mark.hil_level("L1")
def test_light_arrives(link: Link) -> None:
    """With its light on the link counts more than twice what it counts in the dark."""
    dark_hz = sum(float(gates.counts.mean()) / gates.gate_s for gates in link.count_gates("dark", gates=5))
    lit_hz = sum(float(gates.counts.mean()) / gates.gate_s for gates in link.count_gates("lit", gates=5))
    assert lit_hz > 2.0 * dark_hz, f"{lit_hz:.0f} clicks a second with light, {dark_hz:.0f} without: the link is dark"


@pytest.mark.hil_needs("receiver")
def test_both_ends_have_the_same_key(link: Link) -> None:
    """One block gives key, and it is the same at both ends."""
    run = link.run(max(1.0, link.declared.block_s))
    keys = link.released()
    assert keys, "; ".join(block.sentence for block in run.blocks) or "the link delivered no key"
    for key_id, of_a, of_b in keys:
        assert of_a == of_b, f"key {key_id} differs between the two ends"
