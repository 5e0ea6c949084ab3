"""Two-sided release: a crash between any two steps leaves no key that only one side may deliver."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from hil import bench
from hil.bench.model import KmeDevice
from hil.device_sims.kme import start_kme_pair
from hil.errors import KeysExhaustedError, KeyStoreError
from hil.keystores.embedded import EmbeddedKeyStore
from hil.keystores.etsi014 import Etsi014Client
from hil.ports.keystore import KeyState
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hil.device_sims.kme import RunningKmes

    Stores = tuple[EmbeddedKeyStore, EmbeddedKeyStore]


class PowerCut(BaseException):
    """The machine goes down: nothing after it runs."""


class Failing:
    """A store whose power is cut just before one of its steps."""

    def __init__(self, store: EmbeddedKeyStore, step: str) -> None:
        self._store, self._step, self.armed = store, step, False

    def __getattr__(self, name: str) -> Any:
        if self.armed and name == self._step:
            raise PowerCut
        return getattr(self._store, name)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = EmbeddedKeyStore(tmp_path / "a.sqlite", test=True), EmbeddedKeyStore(tmp_path / "b.sqlite", test=True, max_keys=3)
    yield made
    for store in made:
        store.close()


def start(store_a: Any, store_b: Any, folder: Path) -> RunningKmes:
    devices = bench.load("metro-25km").device
    kme_a, kme_b = devices["kme_a"], devices["kme_b"]
    assert isinstance(kme_a, KmeDevice)
    assert isinstance(kme_b, KmeDevice)
    return start_kme_pair(kme_a, kme_b, store_a, store_b, folder)


def client(kmes: RunningKmes) -> Etsi014Client:
    ca, certificate, private_key = map(str, kmes.client_tls("a"))
    return Etsi014Client(kmes.url_a, ca_file=ca, certificate_file=certificate, private_key_file=private_key, timeout_s=20.0)


def fresh() -> tuple[str, SecretBytes, SecretBytes]:
    bits = secrets.token_bytes(32)
    return str(uuid.uuid4()), SecretBytes(bits, 256), SecretBytes(bits, 256)


@pytest.mark.parametrize(
    ("cut_a", "cut_b", "settled"),
    [
        ("add_all_pending", "", KeyState.UNKNOWN),  # nothing was stored
        ("", "add_all_pending", KeyState.DISCARDED),  # stored at A only
        ("release_all", "", KeyState.DELIVERABLE),  # stored at both
        ("", "release_all", KeyState.DELIVERABLE),  # released at A
    ],
)
def test_a_crash_during_ingestion_is_settled_at_the_next_start(
    stores: Stores, tmp_path: Path, cut_a: str, cut_b: str, settled: KeyState
) -> None:
    """Held by both sides: deliverable. By one: destroyed. Settling twice changes nothing."""
    store_a, store_b = stores
    failing = Failing(store_a, cut_a), Failing(store_b, cut_b)
    kmes = start(failing[0], failing[1], tmp_path)
    failing[0].armed = failing[1].armed = True
    key = fresh()
    with pytest.raises(PowerCut):
        kmes.ingest(*key)
    kmes.close()
    again = start(store_a, store_b, tmp_path)
    assert store_a.state(key[0]) is settled
    assert store_b.state(key[0]) is (KeyState.UNKNOWN if settled is KeyState.DISCARDED else settled)
    assert again.repair() == (0, 0)
    again.close()


def test_a_crash_between_setting_aside_and_handing_out_loses_nothing(stores: Stores, tmp_path: Path) -> None:
    """The key the peer set aside is the next one the same master gets."""
    store_a, store_b = stores
    key = fresh()
    kmes = start(store_a, store_b, tmp_path)
    kmes.ingest(*key)
    store_b.reserve((key[0],), "SAE-SOUTH\nSAE-NORTH")
    north = client(kmes)
    assert north.get_keys("SAE-SOUTH")[0].key_id == key[0]
    north.close()
    kmes.close()


def test_a_key_of_one_side_is_never_handed_out(stores: Stores, tmp_path: Path) -> None:
    """Stores that went out of step (one restored from a backup, say) do not give the master a key the slave lacks."""
    store_a, store_b = stores
    kmes = start(store_a, store_b, tmp_path)
    lone, shared = fresh(), fresh()
    store_a.add_pending(lone[0], lone[1])
    store_a.release(lone[0])
    kmes.ingest(*shared)
    north = client(kmes)
    assert north.get_keys("SAE-SOUTH")[0].key_id == shared[0]
    with pytest.raises(KeysExhaustedError):
        north.get_keys("SAE-SOUTH")
    north.close()
    kmes.close()


def test_a_full_store_keeps_the_whole_block_out(stores: Stores, tmp_path: Path) -> None:
    """B takes three keys; a block of four is refused, and A does not keep it either."""
    store_a, store_b = stores
    kmes = start(store_a, store_b, tmp_path)
    block = [fresh() for _ in range(4)]
    with pytest.raises(KeyStoreError, match="full"):
        kmes.ingest_all(block)
    assert store_a.deliverable_count() == store_b.deliverable_count() == 0
    assert store_a.pending_ids() == ()
    kmes.ingest_all([fresh() for _ in range(3)])
    assert store_a.deliverable_count() == store_b.deliverable_count() == 3
    kmes.close()


def test_keys_of_another_size_are_refused(stores: Stores, tmp_path: Path) -> None:
    """What could not be delivered as declared does not get in."""
    kmes = start(stores[0], stores[1], tmp_path)
    with pytest.raises(KeyStoreError, match="is not of 256 bits"):
        kmes.ingest(str(uuid.uuid4()), SecretBytes(bytes(16), 128), SecretBytes(bytes(16), 128))
    kmes.close()


def test_nobody_compares_the_two_parties_keys(stores: Stores, tmp_path: Path) -> None:
    """Unequal keys get through to the test that compares them: key management is no oracle for the pipeline's mistakes."""
    store_a, store_b = stores
    kmes = start(store_a, store_b, tmp_path)
    key_id = str(uuid.uuid4())
    kmes.ingest(key_id, SecretBytes(bytes(32), 256), SecretBytes(bytes([1] * 32), 256))
    assert store_a.take((key_id,))[0].key != store_b.take((key_id,))[0].key
    kmes.close()
