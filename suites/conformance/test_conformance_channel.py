"""The authenticated classical channel: attacks are refused, and its round trip keeps its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.statistics.sequential.quantiles import BATCH

if TYPE_CHECKING:
    from hil import Link, Slo
    from hil.testbed.channel.auth_channel import AuthChannel

_ATTACKS = ("tampering", "dropping", "replaying", "reflecting")


@pytest.mark.hil_level("L3")
@pytest.mark.parametrize("direction", ["a->b", "b->a"])
@pytest.mark.parametrize("attack", _ATTACKS)
def test_an_attacked_block_gives_no_key(link: Link, auth_channel: AuthChannel, attack: str, direction: str) -> None:
    """One message changed, lost, doubled or turned back, and neither end releases a bit; the next block does."""
    with getattr(auth_channel, attack)(direction, 1) as attempt:
        attacked = link.run(link.declared.block_s, interceptor=attempt)
    assert not attacked.blocks[0].released, f"{attempt.did}, and the block was released all the same"
    assert not link.released(), f"{attempt.did}, and keys came of it"
    after = link.run(link.declared.block_s)
    assert after.blocks[0].released, f"no key in the block after {attack}: {after.blocks[0].sentence}"
    assert all(of_a == of_b for _, of_a, of_b in link.released())


@pytest.mark.hil_needs("receiver")
def test_authenticated_round_trip(auth_channel: AuthChannel, slo: Slo) -> None:
    """A tagged message and its tagged answer come back in time; timed until that is clear."""
    slo.decide("auth_round_trip", n_max=400, measure=lambda: auth_channel.round_trips(BATCH))
