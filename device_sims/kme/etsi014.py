"""The twin of a pair of key management entities: two ETSI GS QKD 014 servers on loopback, one store behind each."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from hil.errors import KeyStoreError, UsageError

from ._agreement import KeyAgreement, Side
from ._certificates import CertificateAuthority, TlsFiles
from ._condition import Condition
from ._delivery import KmeIdentity, KmeRules
from ._server import KmeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hil.bench.model import KmeDevice
    from hil.clock import Clock
    from hil.ports.keystore import SharedKeyStore
    from hil.ports.secret import SecretBytes

    _Key = tuple[str, SecretBytes, SecretBytes]

__all__ = ["SPEC", "KmeTwinSpec", "RunningKmes", "start_kme_pair"]

_EXPIRED_FOR = timedelta(hours=1)
_OTHER_KME = "KME-SOMEBODY-ELSE"


class RunningKmes:
    """Two KMEs that serve until :meth:`close`; the stores behind them stay their owner's to close."""

    def __init__(
        self, devices: dict[Side, KmeDevice], agreement: KeyAgreement, directory: Path, clock: Clock | None = None
    ) -> None:
        self.key_size_bits = devices["a"].key_size
        self._devices = devices
        self._conditions = {side: Condition(clock) for side in devices}
        self._agreement = agreement
        self._identities = {side: KmeIdentity(device.kme_id, device.sae_id) for side, device in devices.items()}
        with ExitStack() as stack:
            self._authority = CertificateAuthority(directory)
            stack.callback(self._authority.close)
            self._client_files = {
                side: self._authority.issue_sae(identity.sae_id) for side, identity in self._identities.items()
            }
            self._servers = {"a": self._serve("a", "b", devices["a"], stack), "b": self._serve("b", "a", devices["b"], stack)}
            self.url_a, self.url_b = self._servers["a"].url, self._servers["b"].url
            self._stack = stack.pop_all()

    def client_tls(self, side: Side) -> TlsFiles:
        """CA, certificate and private key of the SAE at that side."""
        return self._client_files[side]

    def issue_sae(self, sae_id: str) -> TlsFiles:
        """A certificate of this authority for any SAE, such as one that no KME here serves."""
        return self._authority.issue_sae(sae_id)

    def ingest(self, key_id: str, secret_a: SecretBytes, secret_b: SecretBytes) -> None:
        """Take in one key, as each party has it: durable at both KMEs before it may be delivered at either."""
        self.ingest_all([(key_id, secret_a, secret_b)])

    def ingest_all(self, keys: Sequence[_Key]) -> None:
        """Take in the keys of a block in one durable step per phase and side, all or none; KeyStoreError."""
        for side, condition in self._conditions.items():
            if condition.down:
                raise KeyStoreError(f"{self._identities[side].kme_id} is down: it took none of {len(keys)} keys")
        if (room := self.room()) < len(keys) <= self._agreement.room():
            raise KeyStoreError(
                f"{len(keys)} keys were offered; these KMEs have room for {room} more beside those of other links"
            )
        for key_id, *secrets in keys:
            if any(secret.bit_length != self.key_size_bits for secret in secrets):
                raise KeyStoreError(f"key {key_id} is not of {self.key_size_bits} bits, the size these KMEs deliver")
        self._agreement.ingest(keys)
        for condition in self._conditions.values():
            condition.wait()

    def tell(self, side: Side, setting: str, value: float) -> None:
        """Control of one KME: :data:`~hil.device_sims.kme._condition.SETTINGS`; UsageError for another name."""
        self._conditions[side].set(setting, value)

    @property
    def ingestion_s(self) -> float:
        """How much longer than its work a step of ingestion takes, at both together."""
        return sum(condition.delay_s for condition in self._conditions.values())

    def present(self, side: Side, certificate: Literal["", "expired", "other"]) -> None:
        """Have one KME show another certificate: its own (``""``), one that has expired, or one that names another KME."""
        own = self._identities[side].kme_id
        if certificate == "expired":
            files = self._authority.issue_kme(own, until=datetime.now(UTC) - _EXPIRED_FOR)
        else:
            files = self._authority.issue_kme(own if not certificate else _OTHER_KME)
        self._servers[side].show(files)

    def room(self) -> int:
        """How many keys more both stores have room for; none while a KME is down."""
        return 0 if any(condition.down for condition in self._conditions.values()) else min(map(self._room_at, self._devices))

    def _room_at(self, side: Side) -> int:
        most, free = self._devices[side].max_keys, self._agreement.store(side).room()
        return max(0, free - most + self._conditions[side].capacity(most))

    def never_seen(self, keys: Sequence[_Key]) -> list[_Key]:
        """Those of these keys whose IDs neither store knows, so that they may be offered again."""
        return [key for key in keys if self._agreement.never_seen(key[0])]

    def repair(self) -> tuple[int, int]:
        """Settle keys that a crash left in doubt; how many were released, how many destroyed."""
        return self._agreement.repair()

    def close(self) -> None:
        """Stop both servers, join their threads, remove the certificates; a second call does nothing."""
        self._stack.close()

    def _serve(self, side: Side, other: Side, device: KmeDevice, stack: ExitStack) -> KmeServer:
        rules = KmeRules(
            side,
            self._identities[side],
            self._identities[other],
            self._agreement,
            key_size_bits=self.key_size_bits,
            max_keys=lambda: self._conditions[side].capacity(device.max_keys),
        )
        server = KmeServer(rules, self._authority.issue_kme(device.kme_id), self._conditions[side])
        stack.callback(server.close)
        return server


def start_kme_pair(
    kme_a: KmeDevice,
    kme_b: KmeDevice,
    store_a: SharedKeyStore,
    store_b: SharedKeyStore,
    directory: Path,
    *,
    clock: Clock | None = None,
) -> RunningKmes:
    """Settle what an earlier crash left in doubt, then serve both KMEs on loopback; ``clock`` is the bench's.

    Certificates live in a private folder below ``directory`` until the pair is closed.
    """
    if kme_a.key_size != kme_b.key_size:
        raise UsageError(
            f"{kme_a.kme_id} has keys of {kme_a.key_size} bits, {kme_b.kme_id} of {kme_b.key_size}; expected one size"
        )
    agreement = KeyAgreement(store_a, store_b)
    agreement.repair()
    return RunningKmes({"a": kme_a, "b": kme_b}, agreement, directory, clock)


@dataclass(frozen=True)
class KmeTwinSpec:
    """The twin of a pair of devices, which is why it is started and not built like the others."""

    name: str
    roles: tuple[str, ...]
    title: str
    start: Callable[..., RunningKmes]
    real_firmware: str = ""


SPEC = KmeTwinSpec(
    name="etsi014",
    roles=("kme",),
    title="Two key management entities with ETSI GS QKD 014 over mutual TLS",
    start=start_kme_pair,
)
