"""Key delivery by ETSI GS QKD 014: the same key at both sites, once, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreError, ObjectiveMissedError

if TYPE_CHECKING:
    from hil import Link, Slo
    from hil.testbed.delivery import KeyDelivery

pytestmark = pytest.mark.hil_needs("kme")


@pytest.fixture
def filled(link: Link, key_store: KeyDelivery) -> KeyDelivery:
    """Both sites' key management entities, with the keys of one block in them."""
    if key_store.simulated:
        _make_keys(link)
        key_store.deliver()
    return key_store


def _make_keys(link: Link) -> None:
    run = link.run(max(1.0, link.declared.block_s))
    said = "; ".join(block.sentence for block in run.blocks) or "the link delivered no key"
    if not link.released():
        raise ObjectiveMissedError(f"there is no key to deliver: {said}")


def test_both_sites_fetch_the_same_key(filled: KeyDelivery) -> None:
    """A key fetched at one site is fetched by its ID at the other, bit for bit the same."""
    for key in filled.a.get_keys(filled.sae_b, number=5):
        UUID(key.key_id)
        (same,) = filled.b.get_keys_with_ids(filled.sae_a, (key.key_id,))
        assert same.key == key.key, f"key {key.key_id} differs between the sites"


def test_the_other_site_may_be_master_too(filled: KeyDelivery) -> None:
    """Keys asked for at the second site are delivered at the first, in the order asked for."""
    keys = filled.b.get_keys(filled.sae_a, number=3)
    wanted = tuple(key.key_id for key in reversed(keys))
    fetched = filled.a.get_keys_with_ids(filled.sae_b, wanted)
    assert [key.key_id for key in fetched] == list(wanted)
    assert {key.key_id: key.key for key in fetched} == {key.key_id: key.key for key in keys}


def test_a_key_is_delivered_once(filled: KeyDelivery) -> None:
    """A delivered key is gone: the same ID is unknown from then on, and the count of stored keys says so."""
    before = filled.a.status(filled.sae_b).stored_key_count
    (key,) = filled.a.get_keys(filled.sae_b)
    assert filled.a.status(filled.sae_b).stored_key_count == before - 1
    filled.b.get_keys_with_ids(filled.sae_a, (key.key_id,))
    with pytest.raises(KeyNotFoundError):
        filled.b.get_keys_with_ids(filled.sae_a, (key.key_id,))


def test_an_unknown_key_is_refused(filled: KeyDelivery) -> None:
    """A key ID that was never handed to a master is answered with an error, not with a key."""
    with pytest.raises(KeyNotFoundError):
        filled.b.get_keys_with_ids(filled.sae_a, (str(uuid4()),))


@pytest.mark.hil_needs("twin")
def test_an_empty_store_says_so(key_store: KeyDelivery) -> None:
    """Asking for keys where there are none is refused, and takes nothing."""
    with pytest.raises(KeysExhaustedError):
        key_store.a.get_keys(key_store.sae_b)
    assert key_store.a.status(key_store.sae_b).stored_key_count == 0


@pytest.mark.hil_needs("twin")
def test_a_stranger_gets_no_key(filled: KeyDelivery) -> None:
    """An application with a valid certificate that the entity does not serve is refused, and takes nothing."""
    before = filled.a.status(filled.sae_b).stored_key_count
    with pytest.raises(KeyStoreError):
        filled.client("a", "SAE-STRANGER").get_keys(filled.sae_b)
    assert filled.a.status(filled.sae_b).stored_key_count == before


@pytest.mark.hil_needs("twin")
def test_key_ingestion(link: Link, key_store: KeyDelivery, slo: Slo) -> None:
    """A released key is ready at both sites in time."""
    slo.declare("key_ingestion")
    _make_keys(link)
    slo.check(key_store.deliver(), "key_ingestion")
