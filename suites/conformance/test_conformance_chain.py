"""A chain of trusted nodes: the same key at both ends, as much as its weakest hop carries, and none past a dark hop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.ports.identity import EvidenceLevel

if TYPE_CHECKING:
    from hil.testbed.delivery import KeyDelivery
    from hil.testbed.relay_chain import RelayChain


def _run_s(chain: RelayChain) -> float:
    return 2.0 * max(1.0, *(link.declared.block_s for link in chain.links))


def test_both_ends_of_a_chain_have_the_same_keys(chain: RelayChain) -> None:
    """Every relayed key is the same at both ends, and no key of a hop is among them."""
    run = chain.run(_run_s(chain))
    keys = chain.released()
    assert keys, "; ".join(run.stopped) or "the chain relayed no key"
    for key_id, of_a, of_b in keys:
        assert of_a == of_b, f"key {key_id} differs between {chain.sites[0]} and {chain.sites[-1]}"


def test_a_chain_carries_what_its_weakest_hop_makes(chain: RelayChain) -> None:
    """End-to-end key is the least of the hops' keys, less the relay's tags and what the links themselves pay for theirs."""
    run = chain.run(_run_s(chain))
    handed_out = {name: sum(len(block.key_fingerprints) for block in hop.blocks) for name, hop in run.hops.items()}
    made = {name: handed_out[name] * chain.key_bits or hop.net_secret_bits for name, hop in run.hops.items()}
    weakest = min(made, key=lambda name: made[name])
    lost = made[weakest] - run.net_secret_bits
    for_tags = len(run.blocks) * chain.tag_bits
    assert 0 <= lost <= for_tags, f"hop {weakest} made {made[weakest]:,} bits, {run.net_secret_bits:,} came through"


def test_a_dark_hop_stops_its_chain_and_nothing_else(chain: RelayChain) -> None:
    """Without light on one link no key comes through and the run names it; the other links make key as before."""
    chain.up()
    dark, *others = chain.links
    dark.transmitter.set_emitting(emitting=False)
    run = chain.run(_run_s(chain))
    assert run.net_secret_bits == 0
    assert not chain.released()
    assert any(dark.name in sentence for sentence in run.stopped), run.stopped
    assert all(run.hops[link.name].net_secret_bits > 0 for link in others), "another link stopped, too"


def test_keys_of_a_chain_reach_both_ends(chain: RelayChain, chain_key_store: KeyDelivery) -> None:
    """The applications at both ends fetch the same keys by their IDs."""
    if chain.level is EvidenceLevel.L0:
        pytest.skip(f"the links of chain {chain.name} are black boxes, which give their keys to their own entities")
    chain.run(_run_s(chain))
    chain_key_store.deliver()
    (of_a,) = chain_key_store.a.get_keys(chain_key_store.sae_b)
    (of_b,) = chain_key_store.b.get_keys_with_ids(chain_key_store.sae_a, (of_a.key_id,))
    assert of_a.key == of_b.key
