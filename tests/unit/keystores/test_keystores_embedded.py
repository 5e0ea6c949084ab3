"""The embedded store beyond the contract: its file, its limit, what it leaves behind."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from hil.errors import KeyStoreError
from hil.keystores.embedded import EmbeddedKeyStore
from hil.ports.keystore import DeliveredKey
from hil.ports.secret import SecretBytes

if TYPE_CHECKING:
    from pathlib import Path


def keys(number: int) -> list[DeliveredKey]:
    return [DeliveredKey(str(uuid.uuid4()), SecretBytes(os.urandom(32), 256)) for _ in range(number)]


def left_in(folder: Path, key: DeliveredKey) -> bool:
    """Whether the bits stand in any file of the folder."""
    return any(key.key.reveal() in file.read_bytes() for file in folder.iterdir())


def test_delivered_and_discarded_bits_leave_the_files(tmp_path: Path) -> None:
    """Neither the database nor its log holds a delivered or discarded key, also before the store is closed."""
    store = EmbeddedKeyStore(tmp_path / "keys.sqlite", test=True)
    delivered, discarded, kept = keys(3)
    store.add_all_pending([delivered, discarded, kept])
    assert all(left_in(tmp_path, key) for key in (delivered, discarded, kept))
    store.release_all([delivered.key_id, kept.key_id])
    store.take((delivered.key_id,))
    assert not left_in(tmp_path, delivered)
    store.discard(discarded.key_id)
    assert not left_in(tmp_path, discarded)
    assert left_in(tmp_path, kept)
    store.close()


def test_its_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Database and log, also of a file that was there with wider permissions."""
    path = tmp_path / "keys.sqlite"
    path.touch(mode=0o644)
    store = EmbeddedKeyStore(path, test=True)
    store.add_all_pending(keys(1))
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    store.close()
    assert modes == {"keys.sqlite": 0o600, "keys.sqlite-wal": 0o600, "keys.sqlite-shm": 0o600}


def test_a_full_store_says_how_full(tmp_path: Path) -> None:
    """The limit counts keys that are stored, not those delivered; nothing of a block too large is kept."""
    store = EmbeddedKeyStore(tmp_path / "keys.sqlite", test=True, max_keys=2)
    first = keys(2)
    store.add_all_pending(first)
    with pytest.raises(KeyStoreError, match=r"full \(2 of 2 keys, 1 more offered\)"):
        store.add_all_pending(keys(1))
    store.release_all([key.key_id for key in first])
    store.take_next(1)
    with pytest.raises(KeyStoreError, match=r"full \(1 of 2 keys, 2 more offered\)"):
        store.add_all_pending(keys(2))
    store.add_all_pending(keys(1))
    store.close()


def test_a_store_keeps_the_kind_it_was_made_as(tmp_path: Path) -> None:
    """TEST keys cannot reach production by opening their file the other way."""
    path = tmp_path / "keys.sqlite"
    EmbeddedKeyStore(path, test=True).close()
    with pytest.raises(KeyStoreError, match="made as a TEST store, opened as a production one"):
        EmbeddedKeyStore(path)
    EmbeddedKeyStore(path, test=True).close()


def test_another_file_is_not_taken_for_a_store(tmp_path: Path) -> None:
    """Somebody's database, text and a missing folder are each one sentence."""
    other = tmp_path / "other.sqlite"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE t (x)")
    database.close()
    with pytest.raises(KeyStoreError, match="an SQLite file, but not a key store"):
        EmbeddedKeyStore(other)
    text = tmp_path / "notes.txt"
    text.write_text("no database" * 100)
    with pytest.raises(KeyStoreError, match="cannot be opened"):
        EmbeddedKeyStore(text)
    with pytest.raises(KeyStoreError, match="cannot be opened"):
        EmbeddedKeyStore(tmp_path / "missing" / "keys.sqlite")


def test_stored_keys_survive_a_killed_process(tmp_path: Path) -> None:
    """Once add_pending has returned, SIGKILL takes nothing away."""
    path = tmp_path / "keys.sqlite"
    key_id = str(uuid.uuid4())
    program = (
        "import os, signal, sys; from pathlib import Path; from hil.keystores.embedded import EmbeddedKeyStore; "
        "from hil.ports.secret import SecretBytes; store = EmbeddedKeyStore(Path(sys.argv[1]), test=True); "
        "store.add_pending(sys.argv[2], SecretBytes(bytes(32), 256)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path), key_id], check=False, timeout=60)
    assert done.returncode == -9
    store = EmbeddedKeyStore(path, test=True)
    assert store.pending_ids() == (key_id,)
    store.close()


def test_two_openings_of_one_file_share_it(tmp_path: Path) -> None:
    """Two connections to one store, as two processes have them, never take the same key."""
    path = tmp_path / "keys.sqlite"
    one, two = EmbeddedKeyStore(path, test=True), EmbeddedKeyStore(path, test=True)
    stored = keys(4)
    one.add_all_pending(stored)
    two.release_all([key.key_id for key in stored])
    taken = [key.key_id for store in (one, two, one, two) for key in store.take_next(1)]
    assert taken == [key.key_id for key in stored]
    one.close()
    two.close()
