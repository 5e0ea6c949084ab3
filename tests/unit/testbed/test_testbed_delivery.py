"""Keys on their way from the link to applications at both sites, over real TLS."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.errors import KeyStoreError, MissingCapabilityError, UsageError
from hil.ports.secret import SecretBytes
from hil.testbed.delivery import KeyDelivery, batches

if TYPE_CHECKING:
    from hil.testbed.link import Link
    from hil.testbed.released import ReleasedKey


def key(number: int) -> ReleasedKey:
    """A key of both parties, made from its number."""
    name = str(uuid.UUID(bytes=hashlib.sha256(b"name %d" % number).digest()[:16], version=4))
    secret = SecretBytes(hashlib.sha256(b"key %d" % number).digest(), 256)
    return name, secret, secret


def give(link: Link, number: int) -> list[ReleasedKey]:
    """Have the link hold this many released keys."""
    keys = [key(each) for each in range(number)]
    link.keep([(name, of_a) for name, of_a, _ in keys], [(name, of_b) for name, _, of_b in keys])
    return keys


def test_released_keys_come_out_at_both_sites_by_their_id(link: Link) -> None:
    """What the master draws the slave fetches by ID; both are the keys of the parties."""
    made = {name: of_a for name, of_a, _ in give(link, 70)}
    with KeyDelivery(link) as store:
        latencies = store.deliver()
        drawn = store.a.get_keys(store.sae_b, 3)
        fetched = store.b.get_keys_with_ids(store.sae_a, tuple(one.key_id for one in drawn))
        assert [one.key for one in fetched] == [one.key for one in drawn] == [made[one.key_id] for one in drawn]
        assert store.a.status(store.sae_b).stored_key_count == 67
    assert latencies.operation == "key ingestion"
    assert latencies.durations_s.size == 61  # sixty of one key, then the other ten
    assert latencies.durations_s.min() > 0.0


def test_keys_are_handed_over_once(link: Link) -> None:
    give(link, 5)
    with KeyDelivery(link) as store:
        assert store.deliver().durations_s.size == 5
        assert store.deliver().durations_s.size == 0
        assert link.released() == ()


@pytest.mark.parametrize(
    ("keys", "sizes"),
    [
        (0, []),
        (3, [1] * 3),
        (59, [1] * 59),
        (125, [2] * 60 + [5]),
        (1000, [8] * 60 + [256, 256, 8]),
    ],
)
def test_the_first_sixty_batches_bound_a_percentile(keys: int, sizes: list[int]) -> None:
    """59 times bound the 95th percentile at 95 % confidence, so as many as the keys allow are small."""
    made = tuple(key(number) for number in range(keys))
    cut = list(batches(made))
    assert [len(batch) for batch in cut] == sizes
    assert [one for batch in cut for one in batch] == list(made)


def test_an_application_nobody_knows_is_refused(link: Link) -> None:
    """Its certificate is good, but it is not the one this entity serves."""
    give(link, 3)
    with KeyDelivery(link) as store:
        store.deliver()
        stranger = store.client("a", "SAE-STRANGER")
        with pytest.raises(KeyStoreError, match="401"):
            stranger.get_keys(store.sae_b)
        with pytest.raises(UsageError, match="'c' is no side of link metro"):
            store.client("c")  # type: ignore[arg-type]


def test_latencies_are_recorded(link: Link, notebook: Any) -> None:
    give(link, 4)
    with KeyDelivery(link) as store:
        latencies = store.deliver()
    (event,) = notebook.of("latency")
    assert event["operation"] == "key ingestion"
    assert event["durations_s"] == tuple(latencies.durations_s)


def test_a_link_without_entities_says_so(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    bare: Any = cast("Any", link.declared)
    monkeypatch.setattr(link, "declared", _without_kmes(bare))
    with pytest.raises(MissingCapabilityError, match=r"link metro has no key management entity at side a"):
        KeyDelivery(link)


def _without_kmes(declared: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(declared, kmes={})
