"""One site's keys in an SQLite file: durable, at most once, and without a trace of what was delivered.

A key's row outlives the key as a tombstone without key material, so that no ID is ever used twice. Every step is one
durable transaction (write-ahead log, full synchronisation); after keys left, freed pages are overwritten and the log is
emptied, so that the bytes are gone from the store's files (what the disk below keeps of old blocks is out of its hands).
"""

from __future__ import annotations

import re
import sqlite3
import threading
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreError
from hil.ports.keystore import DeliveredKey, KeyState
from hil.ports.secret import SecretBytes
from hil.ports.spec import KeyStoreSettings, KeyStoreSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["SPEC", "EmbeddedKeyStore"]

_APPLICATION_ID = 0x51_4B_44_53  # "QKDS": marks the file as ours
_SCHEMA = """
CREATE TABLE store (test INTEGER NOT NULL);
CREATE TABLE key (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    bits BLOB,
    bit_length INTEGER NOT NULL,
    test INTEGER NOT NULL
);
CREATE INDEX key_by_state ON key (state, position);
"""
_SPELLING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BATCH = 500  # SQLite's limit on variables of one statement is at least 999
_STORED = (KeyState.PENDING.value, KeyState.DELIVERABLE.value, KeyState.RESERVED.value)


class EmbeddedKeyStore:
    """A :class:`~hil.ports.keystore.SharedKeyStore` in one file, readable by its owner only.

    ``test`` decides, once for the file, whether TEST keys are taken; a store made one way does not open the other way.
    Threads may share it. Every method raises KeyStoreError when the file cannot be used.
    """

    def __init__(self, path: Path, *, test: bool = False, max_keys: int = 100_000) -> None:
        self.path = Path(path)
        self.test = test
        self.max_keys = max_keys
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        try:
            self.path.touch(mode=0o600)
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)
            self._prepare(self._connection)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise KeyStoreError(
                f"key store {self.path}: cannot be opened ({error}); expected a writable key store file"
            ) from error
        except KeyStoreError:
            self.close()
            raise

    def add_pending(self, key_id: str, key: SecretBytes) -> None:
        """Store durably before returning; KeyStoreError for an ID seen before, a full store, a TEST key out of place."""
        self.add_all_pending((DeliveredKey(key_id, key),))

    def room(self) -> int:
        """How many keys more may be stored before the store is full."""
        with self._step() as database:
            return max(0, self.max_keys - self._count(database, _STORED))

    def add_all_pending(self, keys: Sequence[DeliveredKey]) -> None:
        """Store several keys in one durable step, all or none."""
        rows = [(self._new_id(each.key_id), *self._content(each)) for each in keys]
        with self._step() as database:
            stored = self._count(database, _STORED)
            if stored + len(rows) > self.max_keys:
                raise KeyStoreError(
                    f"key store {self.path}: full ({stored} of {self.max_keys} keys, {len(rows)} more offered); "
                    "deliver or discard keys, or raise max_keys"
                )
            try:
                database.executemany(
                    "INSERT INTO key (key_id, state, bits, bit_length, test) VALUES (?, 'pending', ?, ?, ?)", rows
                )
            except sqlite3.IntegrityError:
                raise KeyStoreError(f"key store {self.path}: a key ID offered was seen before; IDs are never reused") from None

    def release(self, key_id: str) -> None:
        """The peer holds it durably: it may be delivered. A no-op when it was released before; KeyNotFoundError."""
        self.release_all((key_id,))

    def release_all(self, key_ids: Sequence[str]) -> None:
        """Release several keys in one durable step, all or none."""
        wanted = [_canonical(key_id) for key_id in key_ids]
        with self._step() as database:
            there = self._those_there(database, wanted)
            if len(there) < len(set(wanted)):
                missing = next(key_id for key_id, known in zip(key_ids, wanted, strict=True) if known not in there)
                raise KeyNotFoundError(f"key store {self.path}: no key {missing} to release")
            database.executemany(
                "UPDATE key SET state = 'deliverable' WHERE key_id = ? AND state = 'pending'",
                [(key_id,) for key_id in wanted],
            )

    def discard(self, key_id: str) -> None:
        """Destroy a pending key; a no-op for one that is gone or was never there, KeyStoreError for a released one."""
        self.discard_all((key_id,))

    def discard_all(self, key_ids: Sequence[str]) -> None:
        """Destroy several pending keys in one durable step, all or none."""
        with self._step(erases=True) as database:
            for key_id in key_ids:
                if self._state(database, key_id) in {KeyState.DELIVERABLE, KeyState.RESERVED}:
                    raise KeyStoreError(f"key store {self.path}: key {key_id} is released; only pending keys are discarded")
            database.executemany(
                "UPDATE key SET state = 'discarded', bits = NULL WHERE key_id = ? AND state = 'pending'",
                [(_canonical(key_id),) for key_id in key_ids],
            )

    def deliverable_count(self) -> int:
        """How many keys may be delivered to whoever asks first."""
        with self._step() as database:
            return self._count(database, (KeyState.DELIVERABLE.value,))

    def next_ids(self, number: int) -> tuple[str, ...]:
        """IDs of the oldest deliverable keys, without taking them; KeysExhaustedError."""
        with self._step() as database:
            query = "SELECT key_id FROM key WHERE state = 'deliverable' ORDER BY position LIMIT ?"
            found = tuple(row[0] for row in database.execute(query, (number,)))
            if len(found) < number:
                raise KeysExhaustedError(f"key store {self.path}: {number} keys asked for, {len(found)} deliverable")
            return found

    def take_next(self, number: int) -> tuple[DeliveredKey, ...]:
        """Take the oldest deliverable keys, all or none; KeysExhaustedError."""
        with self._step(erases=True):
            return self.take(self.next_ids(number))

    def take(self, key_ids: tuple[str, ...]) -> tuple[DeliveredKey, ...]:
        """Take these keys, deliverable or reserved, in the order asked for, all or none; KeyNotFoundError."""
        wanted = [_canonical(key_id) for key_id in key_ids]
        with self._step(erases=True) as database:
            found = self._contents(database, wanted)
            if len(found) < len(wanted):
                raise KeyNotFoundError(f"key store {self.path}: {len(wanted) - len(found)} of {len(wanted)} keys not found")
            database.executemany(
                "UPDATE key SET state = 'delivered', bits = NULL WHERE key_id = ?", [(key_id,) for key_id in wanted]
            )
        return tuple(DeliveredKey(key_id, found[key_id]) for key_id in wanted)

    def reserve(self, key_ids: Sequence[str], holder: str) -> None:
        """Set deliverable keys aside for ``holder``, all or none; KeyNotFoundError for one that is not deliverable."""
        with self._step() as database:
            for key_id in (_canonical(each) for each in key_ids):
                if self._state(database, key_id) is KeyState.RESERVED and self.holder(key_id) == holder:
                    continue
                change = "UPDATE key SET state = 'reserved', holder = ? WHERE key_id = ? AND state = 'deliverable'"
                if database.execute(change, (holder, key_id)).rowcount != 1:
                    raise KeyNotFoundError(f"key store {self.path}: key {key_id} is not deliverable, so it cannot be set aside")

    def holder(self, key_id: str) -> str:
        """For whom a key is, or was, set aside; empty for nobody."""
        with self._step() as database:
            row = database.execute("SELECT holder FROM key WHERE key_id = ?", (_canonical(key_id),)).fetchone()
            return row[0] if row else ""

    def state(self, key_id: str) -> KeyState:
        """Where the key is in its life."""
        with self._step() as database:
            return self._state(database, key_id)

    def pending_ids(self) -> tuple[str, ...]:
        """Every pending key, oldest first."""
        with self._step() as database:
            return tuple(row[0] for row in database.execute("SELECT key_id FROM key WHERE state = 'pending' ORDER BY position"))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _prepare(self, database: sqlite3.Connection) -> None:
        new = not database.execute("PRAGMA schema_version").fetchone()[0]
        if not new and database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise KeyStoreError(f"key store {self.path}: an SQLite file, but not a key store; give another path")
        self.path.chmod(0o600)  # SQLite gives its log the permissions of the file
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "temp_store = MEMORY"):
            database.execute(f"PRAGMA {pragma}").fetchone()
        with self._step():
            if not database.execute("PRAGMA schema_version").fetchone()[0]:  # asked again: another process may have been first
                for statement in _SCHEMA.split(";\n"):
                    database.execute(statement)
                database.execute("INSERT INTO store (test) VALUES (?)", (self.test,))
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            made_for_test = bool(database.execute("SELECT test FROM store").fetchone()[0])
        if made_for_test is not self.test:
            was, asked = (_kind(test=made_for_test), _kind(test=self.test))
            raise KeyStoreError(f"key store {self.path}: made as a {was} store, opened as a {asked} one; give another path")

    @contextmanager
    def _step(self, *, erases: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction, alone in this process and among others; a step inside a step belongs to the outer one."""
        with self._lock:
            database = self._connection
            if database is None:
                raise KeyStoreError(f"key store {self.path}: closed")
            if database.in_transaction:
                yield database
                return
            try:
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            except sqlite3.Error as error:
                raise KeyStoreError(f"key store {self.path}: {error}; nothing of this step was kept") from error
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")
            if erases:
                with suppress(sqlite3.OperationalError):  # busy with a reader: the next such step empties the log too
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _content(self, offered: DeliveredKey) -> tuple[bytes, int, bool]:
        key = offered.key
        if key.test and not self.test:
            raise KeyStoreError(
                f"key store {self.path}: refused TEST key {offered.key_id}: it is simulated, or its raw bits crossed the test "
                "host; open the store with test = true if that is meant"
            )
        return key.reveal(), key.bit_length, key.test

    def _new_id(self, key_id: str) -> str:
        canonical = _canonical(key_id)
        if not canonical:
            raise KeyStoreError(f"key store {self.path}: {key_id!r} is no key ID; expected a UUID")
        return canonical

    @staticmethod
    def _contents(database: sqlite3.Connection, key_ids: list[str]) -> dict[str, SecretBytes]:
        found: dict[str, SecretBytes] = {}
        for start in range(0, len(key_ids), _BATCH):
            batch = key_ids[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            query = (
                f"SELECT key_id, bits, bit_length, test FROM key WHERE key_id IN ({marks}) "  # noqa: S608  (marks only)
                "AND state IN ('deliverable', 'reserved')"
            )
            for key_id, bits, bit_length, test in database.execute(query, batch):
                found[key_id] = SecretBytes(bits, bit_length, test=bool(test))
        return found

    @staticmethod
    def _those_there(database: sqlite3.Connection, key_ids: list[str]) -> set[str]:
        """Those that were stored and not discarded since."""
        found: set[str] = set()
        for start in range(0, len(key_ids), _BATCH):
            batch = key_ids[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            query = f"SELECT key_id FROM key WHERE key_id IN ({marks}) AND state <> 'discarded'"  # noqa: S608  (marks only)
            found.update(row[0] for row in database.execute(query, batch))
        return found

    @staticmethod
    def _state(database: sqlite3.Connection, key_id: str) -> KeyState:
        row = database.execute("SELECT state FROM key WHERE key_id = ?", (_canonical(key_id),)).fetchone()
        return KeyState(row[0]) if row else KeyState.UNKNOWN

    @staticmethod
    def _count(database: sqlite3.Connection, states: tuple[str, ...]) -> int:
        marks = ",".join("?" * len(states))
        query = f"SELECT count(*) FROM key WHERE state IN ({marks})"  # noqa: S608  (marks only)
        return int(database.execute(query, states).fetchone()[0])


def _canonical(key_id: str) -> str:
    """A UUID in its one spelling; empty for what is none."""
    if isinstance(key_id, str) and _SPELLING.fullmatch(key_id):
        return key_id
    try:
        return str(uuid.UUID(key_id))
    except (ValueError, AttributeError, TypeError):
        return ""


def _kind(*, test: bool) -> str:
    return "TEST" if test else "production"


def _build(settings: KeyStoreSettings) -> EmbeddedKeyStore:
    return EmbeddedKeyStore(Path(settings.address), test=settings.test, max_keys=settings.max_keys)


SPEC = KeyStoreSpec(
    name="embedded", title="SQLite file on the test host, for TEST or production keys", provides="store", build=_build
)
