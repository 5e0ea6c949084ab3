"""What every key store has to keep to.

Subclass :class:`KeyStoreContract` in a test file and give it the fixture ``reopen``: a function that closes the store, if it
is open, and opens the same one again, for TEST keys unless told ``test=False``. Covered: the life of a key, at most once,
durability over reopening, threads, refusals. Not covered: what becomes of the bytes on the medium.
"""

from __future__ import annotations

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreError
from hil.ports.keystore import DeliveredKey, KeyState
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.keystore import SharedKeyStore

    Reopen = Callable[..., SharedKeyStore]

__all__ = ["KeyStoreContract", "fresh_key"]


def fresh_key(*, test: bool = True) -> DeliveredKey:
    """A random 256-bit key with a fresh ID."""
    return DeliveredKey(str(uuid.uuid4()), SecretBytes(secrets.token_bytes(32), 256, test=test))


def _stored(store: SharedKeyStore, number: int) -> list[DeliveredKey]:
    keys = [fresh_key() for _ in range(number)]
    store.add_all_pending(keys)
    store.release_all([key.key_id for key in keys])
    return keys


class KeyStoreContract:
    """Checks on a :class:`~hil.ports.keystore.SharedKeyStore`."""

    @pytest.fixture
    def reopen(self) -> Reopen:
        """Overridden by the subclass."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, reopen: Reopen) -> SharedKeyStore:
        """An empty store for TEST keys."""
        return reopen()

    def test_a_pending_key_is_not_delivered(self, store: SharedKeyStore) -> None:
        """Before the peer's receipt is known, nobody gets the key, by order or by ID."""
        key = fresh_key()
        store.add_pending(key.key_id, key.key)
        assert store.deliverable_count() == 0
        assert store.pending_ids() == (key.key_id,)
        with pytest.raises(KeysExhaustedError):
            store.take_next(1)
        with pytest.raises(KeyNotFoundError):
            store.take((key.key_id,))
        assert store.state(key.key_id) is KeyState.PENDING

    def test_a_released_key_is_delivered_once(self, store: SharedKeyStore) -> None:
        """The same bits come out, and never again."""
        (key,) = _stored(store, 1)
        (delivered,) = store.take_next(1)
        assert delivered.key_id == key.key_id
        assert delivered.key == key.key
        assert delivered.key.test
        with pytest.raises(KeyNotFoundError):
            store.take((key.key_id,))
        with pytest.raises(KeysExhaustedError):
            store.take_next(1)
        assert store.state(key.key_id) is KeyState.DELIVERED

    def test_keys_leave_oldest_first(self, store: SharedKeyStore) -> None:
        """Order of storing is order of delivery."""
        keys = _stored(store, 5)
        assert store.next_ids(2) == tuple(key.key_id for key in keys[:2])
        assert [key.key_id for key in store.take_next(3)] == [key.key_id for key in keys[:3]]

    def test_taking_is_all_or_none(self, store: SharedKeyStore) -> None:
        """A request that cannot be met in full leaves every key where it was."""
        keys = _stored(store, 2)
        with pytest.raises(KeysExhaustedError):
            store.take_next(3)
        with pytest.raises(KeyNotFoundError):
            store.take((keys[0].key_id, str(uuid.uuid4())))
        assert store.deliverable_count() == 2

    def test_keys_are_taken_in_the_order_asked_for(self, store: SharedKeyStore) -> None:
        """By ID, the answer follows the question."""
        keys = _stored(store, 3)
        wanted = (keys[2].key_id, keys[0].key_id)
        assert tuple(key.key_id for key in store.take(wanted)) == wanted

    def test_releasing_twice_changes_nothing(self, store: SharedKeyStore) -> None:
        """Also after delivery: a late second receipt does not bring the key back."""
        (key,) = _stored(store, 1)
        store.release(key.key_id)
        store.take_next(1)
        store.release(key.key_id)
        assert store.deliverable_count() == 0

    def test_an_unknown_key_is_not_released(self, store: SharedKeyStore) -> None:
        """Nobody's receipt makes a key."""
        with pytest.raises(KeyNotFoundError):
            store.release(str(uuid.uuid4()))

    def test_a_discarded_key_is_gone_for_good(self, store: SharedKeyStore) -> None:
        """It cannot be released, taken or stored again; discarding again, or what was never there, changes nothing."""
        key = fresh_key()
        store.add_pending(key.key_id, key.key)
        store.discard(key.key_id)
        store.discard(key.key_id)
        store.discard(str(uuid.uuid4()))
        with pytest.raises(KeyNotFoundError):
            store.release(key.key_id)
        with pytest.raises(KeyStoreError):
            store.add_pending(key.key_id, key.key)
        assert store.state(key.key_id) is KeyState.DISCARDED

    def test_a_released_key_is_not_discarded(self, store: SharedKeyStore) -> None:
        """The peer may have handed it out already."""
        (key,) = _stored(store, 1)
        with pytest.raises(KeyStoreError):
            store.discard(key.key_id)
        assert store.deliverable_count() == 1

    def test_an_id_is_never_used_twice(self, store: SharedKeyStore, reopen: Reopen) -> None:
        """Neither while the key is there, nor after delivery, nor after reopening."""
        (key,) = _stored(store, 1)
        with pytest.raises(KeyStoreError):
            store.add_pending(key.key_id, fresh_key().key)
        store.take_next(1)
        with pytest.raises(KeyStoreError):
            store.add_pending(key.key_id, fresh_key().key)
        with pytest.raises(KeyStoreError):
            reopen().add_pending(key.key_id.upper(), fresh_key().key)

    def test_storing_several_is_all_or_none(self, store: SharedKeyStore) -> None:
        """One ID seen before refuses the whole block."""
        (old,) = _stored(store, 1)
        new = fresh_key()
        with pytest.raises(KeyStoreError):
            store.add_all_pending([new, DeliveredKey(old.key_id, new.key)])
        assert store.state(new.key_id) is KeyState.UNKNOWN

    def test_room_goes_with_what_is_stored(self, store: SharedKeyStore) -> None:
        """A stored key takes a place, whatever its state; one that was delivered or discarded gives it back."""
        before = store.room()
        keys = [fresh_key() for _ in range(3)]
        store.add_all_pending(keys)
        assert store.room() == before - 3
        store.release_all([keys[0].key_id, keys[1].key_id])
        store.reserve((keys[0].key_id,), "SAE-B")
        assert store.room() == before - 3
        store.take((keys[0].key_id,))
        store.discard(keys[2].key_id)
        assert store.room() == before - 1

    def test_what_is_no_uuid_is_refused(self, store: SharedKeyStore) -> None:
        """Key IDs are UUIDs, and a wrong one is simply not found."""
        with pytest.raises(KeyStoreError):
            store.add_pending("key-1", fresh_key().key)
        with pytest.raises(KeyNotFoundError):
            store.take(("key-1",))

    def test_a_reserved_key_is_reached_by_its_id_only(self, store: SharedKeyStore) -> None:
        """What is set aside for one is not handed to the next; reserving again for the same one changes nothing."""
        first, second = _stored(store, 2)
        store.reserve((first.key_id,), "SAE-B")
        store.reserve((first.key_id,), "SAE-B")
        assert (store.state(first.key_id), store.holder(first.key_id)) == (KeyState.RESERVED, "SAE-B")
        assert store.deliverable_count() == 1
        assert [key.key_id for key in store.take_next(1)] == [second.key_id]
        with pytest.raises(KeyNotFoundError):
            store.reserve((first.key_id,), "SAE-C")
        assert store.take((first.key_id,))[0].key == first.key
        assert store.holder(first.key_id) == "SAE-B"

    def test_reserving_is_all_or_none(self, store: SharedKeyStore) -> None:
        """One key that cannot be set aside leaves the others free."""
        (key,) = _stored(store, 1)
        with pytest.raises(KeyNotFoundError):
            store.reserve((key.key_id, str(uuid.uuid4())), "SAE-B")
        assert store.deliverable_count() == 1

    def test_every_step_survives_reopening(self, store: SharedKeyStore, reopen: Reopen) -> None:
        """Each state, and each key that is still to be delivered, is there after the store was closed."""
        states = list(KeyState)[1:]
        keys = dict(zip(states, [fresh_key() for _ in states], strict=True))
        store.add_all_pending(list(keys.values()))
        store.release_all([keys[state].key_id for state in (KeyState.DELIVERABLE, KeyState.RESERVED, KeyState.DELIVERED)])
        store.reserve((keys[KeyState.RESERVED].key_id,), "SAE-B")
        store.take((keys[KeyState.DELIVERED].key_id,))
        store.discard(keys[KeyState.DISCARDED].key_id)
        again = reopen()
        assert {state: again.state(key.key_id) for state, key in keys.items()} == {state: state for state in states}
        assert again.holder(keys[KeyState.RESERVED].key_id) == "SAE-B"
        assert again.take_next(1)[0].key == keys[KeyState.DELIVERABLE].key

    def test_threads_never_get_the_same_key(self, store: SharedKeyStore) -> None:
        """Forty keys, four threads taking one at a time: forty different keys."""
        _stored(store, 40)
        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda _: store.take_next(1)[0].key_id, range(40)))
        assert len(set(taken)) == 40

    def test_a_production_store_refuses_test_keys(self, reopen: Reopen) -> None:
        """Keys that were simulated, or whose bits crossed the test host, never become somebody's secret."""
        store = reopen(test=False)
        key = fresh_key()
        with pytest.raises(KeyStoreError, match="TEST key"):
            store.add_pending(key.key_id, key.key)
        assert store.state(key.key_id) is KeyState.UNKNOWN
        genuine = fresh_key(test=False)
        store.add_pending(genuine.key_id, genuine.key)
        store.release(genuine.key_id)
        assert not store.take_next(1)[0].key.test

    def test_refusals_show_no_key_material(self, store: SharedKeyStore) -> None:
        """What is raised about a key names its ID, never its bits."""
        key = fresh_key()
        store.add_pending(key.key_id, key.key)
        with pytest.raises(KeyStoreError) as caught:
            store.add_pending(key.key_id, key.key)
        bits = key.key.reveal()
        assert bits.hex() not in repr(caught.value)
        assert repr(bits) not in repr(caught.value)
        assert bits.hex() not in repr(key)

    def test_a_closed_store_says_so(self, store: SharedKeyStore) -> None:
        """Closing twice is fine; using it afterwards is an error with a sentence."""
        store.close()
        store.close()
        with pytest.raises(KeyStoreError, match="closed"):
            store.deliverable_count()
