"""Key delivery of a link: a key management entity at each site, and keys put into them and fetched from them."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, cast
from urllib.parse import urlsplit

from hil import discovery
from hil.clock import NS_PER_S
from hil.errors import KeyStoreBusyError, KeyStoreError, MissingCapabilityError, UsageError
from hil.history.steps import Step
from hil.keystores.embedded import EmbeddedKeyStore
from hil.keystores.etsi014 import Etsi014Client
from hil.ports.run import Latencies
from hil.testbed.channel.classical_channel import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from hil.bench.model import KmeDevice
    from hil.device_sims.kme import RunningKmes
    from hil.testbed.link import Link
    from hil.testbed.relay_chain import RelayChain
    from hil.testbed.released import ReleasedKey

__all__ = ["KeyDelivery", "Side", "batches"]

Side = Literal["a", "b"]

OPERATION = "key ingestion"

_TIMED_BATCHES = 60
"""59 times without a slow one bound the 95th percentile at 95 % confidence."""
_SMALL_BATCH = 8
_LARGE_BATCH = 256
_HTTPS = 443
_STREAM_BATCH = 4096
_REQUESTS = 4
_SLOW_S = 0.5


class KeyDelivery:
    """Key management entities of a link, or of a chain's ends, and an application (SAE) at each side; fixture ``key_store``.

    ``a`` and ``b`` are the applications' clients, each at its own site. On twins the entities are made afresh, on stores in a
    private folder. Closed at the end of the test by itself.
    """

    def __init__(self, link: Link | RelayChain) -> None:
        if link.testbed.replayed:
            raise link.testbed.not_measured("keys are no part of a tape, nor are key management entities")
        self.link = link
        self._devices: dict[Side, KmeDevice] = {"a": _kme(link, "a"), "b": _kme(link, "b")}
        self._names: dict[Side, str] = {"a": link.declared.kmes["a"], "b": link.declared.kmes["b"]}
        self._kmes: RunningKmes | None = None
        twins = [name in link.testbed.simulated_devices for name in self._names.values()]
        if any(twins) and not all(twins):
            raise UsageError(f"link {link.name}: one of its key management entities is a twin and one is real; simulate both")
        self.simulated = all(twins)
        with ExitStack() as stack:
            if self.simulated:
                self._kmes = self._start(stack)
            self._stack = stack
            self.a = self.client("a")
            self.b = self.client("b")
            self._stack = stack.pop_all()
        for side, name in self._names.items():
            channel = link.testbed.classical(name + SUFFIX)
            channel.handshake = partial(_handshake, self.client(side), self.sae_b if side == "a" else self.sae_a)
            if self._kmes is not None:
                channel.present, channel.tell = partial(self._kmes.present, side), partial(self._kmes.tell, side)
        self._ready_ns = 0
        link.testbed.on_end(self.close)

    @property
    def sae_a(self) -> str:
        """The application at Alice's site, as the key management entities know it."""
        return self._devices["a"].sae_id

    @property
    def sae_b(self) -> str:
        """The application at Bob's site."""
        return self._devices["b"].sae_id

    def deliver(self) -> Latencies:
        """Put every released key of the link into both stores, batch by batch; how long each took until both sides had it.

        The first batches are small and many, so that a percentile can be bounded; each is one durable step. Keys come from the
        link's own parties, so MissingCapabilityError on real entities, which only take keys from their own transceivers.
        """
        import numpy as np

        durations_s = []
        for batch in batches(self.link.take_released()):
            started_s = time.perf_counter()
            self._own_kmes().ingest_all(batch)
            durations_s.append(time.perf_counter() - started_s)
            self._note_stored(batch)
        self.link.testbed.record("latency", operation=OPERATION, durations_s=tuple(durations_s), link=self.link.name)
        return Latencies(OPERATION, np.array(durations_s, dtype=np.float64), self.simulated)

    def take_in(self, most: int | None = None) -> tuple[int, bool]:
        """For a run in a stream: put released keys into both stores while there is room, in as few durable steps as can be.

        How many went in, ``most`` of them at most, and whether none is left. What finds no room stays with the link, in order.
        A step that fails is raised; its keys stay with the link too, but for those that one store held already and had to
        destroy. There is no room before the entities acknowledged the last step, nor while one of them is down.
        """
        kmes, went_in, clock = self._own_kmes(), 0, self.link.testbed.clock
        room = kmes.room() if clock.now_ns() >= self._ready_ns else 0
        room = room if most is None else min(most, room)
        while room and (batch := self.link.take_released(min(room, _STREAM_BATCH))):
            try:
                kmes.ingest_all(batch)
            except KeyStoreError:
                self.link.give_back(kmes.never_seen(batch))
                raise
            self._note_stored(batch)
            went_in += len(batch)
            room -= len(batch)
            if clock.virtual and kmes.ingestion_s:  # on a real clock the time has passed
                self._ready_ns = clock.now_ns() + round(kmes.ingestion_s * NS_PER_S)
                break
        return went_in, not self.link.released()

    def _note_stored(self, batch: tuple[ReleasedKey, ...]) -> None:
        """Both stores acknowledged these: from now on they may not be lost."""
        testbed = self.link.testbed
        if testbed.history is not None:
            testbed.history.note(Step(time_s=testbed.now_s(), step="stored", key_ids=tuple(key_id for key_id, _, _ in batch)))

    def _own_kmes(self) -> RunningKmes:
        if self._kmes is None:
            raise MissingCapabilityError(
                f"link {self.link.name}: its key management entities are real, and take keys from their own transceivers only"
            )
        return self._kmes

    def client(self, side: Side, sae_id: str | None = None) -> Etsi014Client:
        """Another client of that side's entity; as ``sae_id``, an application it may not know (twins only)."""
        if side not in self._devices:
            raise UsageError(f"{side!r} is no side of link {self.link.name}; expected 'a' or 'b'")
        device = self._devices[side]
        if self._kmes is not None:
            own = self._kmes.client_tls(side) if sae_id is None else self._kmes.issue_sae(sae_id)
            made = self._client(side, self._kmes.url_a if side == "a" else self._kmes.url_b, own)
        elif sae_id not in {None, device.sae_id}:
            raise MissingCapabilityError(
                f"{self._names[side]} is real: the bench file has a certificate of {device.sae_id} for it, and none of {sae_id}"
            )
        else:
            files = device.ca_file, device.certificate_file, device.private_key_file
            made = self._client(side, device.address, files)
        self._stack.callback(made.close)
        return made

    def _client(self, side: Side, url: str, files: tuple[str | Path, str | Path, str | Path]) -> Etsi014Client:
        """By way of the classical channel of the side's entity, so that it can be broken."""
        device, parts = self._devices[side], urlsplit(url)
        channel = self.link.testbed.classical(self._names[side] + SUFFIX)
        ca_file, certificate_file, private_key_file = map(str, files)
        return Etsi014Client(
            url,
            ca_file=ca_file,
            certificate_file=certificate_file,
            private_key_file=private_key_file,
            kme_id=device.kme_id,
            test=True,
            via=channel.route("keys", (parts.hostname or "", parts.port or _HTTPS)) if parts.hostname else None,
        )

    def close(self) -> None:
        """Close clients, servers and stores, and remove their files; a second call does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def _start(self, stack: ExitStack) -> RunningKmes:
        """Both twins, on stores of their own in a folder that only this user can read."""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hil-keys-")))
        stores = []
        for side, device in self._devices.items():
            store = EmbeddedKeyStore(folder / f"{side}.sqlite", test=True, max_keys=device.max_keys)
            stack.callback(store.close)
            stores.append(store)
        device_a, device_b = self._devices["a"], self._devices["b"]
        spec = discovery.find("twin", device_a.twin or device_a.driver)
        kmes: RunningKmes = spec.start(device_a, device_b, stores[0], stores[1], folder, clock=self.link.testbed.clock)
        stack.callback(kmes.close)
        return kmes


def batches(keys: tuple[ReleasedKey, ...]) -> Iterator[tuple[ReleasedKey, ...]]:
    """Keys in batches, oldest first: as many small ones as bound a percentile, the rest in large ones."""
    small = min(max(len(keys) // _TIMED_BATCHES, 1), _SMALL_BATCH)
    begin = 0
    while begin < len(keys):
        size = small if begin < _TIMED_BATCHES * small else _LARGE_BATCH
        yield keys[begin : begin + size]
        begin += size


def _kme(link: Link | RelayChain, side: Side) -> KmeDevice:
    name = link.declared.kmes.get(side)
    if name is None:
        raise MissingCapabilityError(
            f"link {link.name} has no key management entity at side {side}; name both in kmes of [link.{link.name}]"
        )
    return cast("KmeDevice", link.testbed.bench.device[name])


def _handshake(client: Etsi014Client, peer: str) -> dict[str, float]:
    """What a new connection makes of the entity and its certificate, and what a few requests for its status are told.

    A slow entity is asked once.
    """
    client.close()
    said, told, answered, busy = "", None, 0, 0
    began_s = time.perf_counter()
    answer_s = 0.0
    for _ in range(_REQUESTS):
        try:
            told = client.status(peer)
            answered += 1
        except KeyStoreBusyError:
            busy += 1
        except KeyStoreError as error:
            said = str(error)
        answer_s = answer_s or time.perf_counter() - began_s
        if said or answer_s > _SLOW_S:
            break
    return {
        "refused": float(bool(said)),
        "expired": float("certificate" in said.lower() and "expired" in said.lower()),
        "other_peer": float("by its certificate; expected" in said),
        "unauthorised": float("answered 401" in said),
        "answered": float(answered),
        "busy": float(busy),
        "answer_s": answer_s,
        "max_keys": float(told.max_key_count) if told else math.nan,
        "stored_keys": float(told.stored_key_count) if told else math.nan,
        "clock_offset_s": math.nan if client.clock_offset_s is None else client.clock_offset_s,
    }
