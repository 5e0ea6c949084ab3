"""Applications at both ends of a link that use up keys, and note what they got: the load of a game day.

One asks its key management entity for keys, its peer fetches the same by their IDs. What failed is tried again at the next
turn where that is safe: keys that a peer has still to fetch. A request whose answer was lost is noted as such, since nobody can
know whether it took keys with it.
"""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING

from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreError
from hil.history.steps import Step

if TYPE_CHECKING:
    from hil.history.steps import History
    from hil.ports.keystore import DeliveredKey
    from hil.testbed.delivery import KeyDelivery

__all__ = ["Applications"]

_TIMEOUT_S = 1.0
_ATTEMPTS = 3
_BATCH = 128
"""The most that an entity gives at once (ETSI GS QKD 014, max_key_per_request of ours)."""


class Applications:
    """Both of them, of one test; ``waiting`` are keys that the first one has and its peer has not."""

    def __init__(self, delivery: KeyDelivery, history: History) -> None:
        self._delivery = delivery
        self._history = history
        self.waiting: list[DeliveredKey] = []
        for client in (delivery.a, delivery.b):
            client.timeout_s = _TIMEOUT_S

    def use(self, number: int) -> str:
        """Ask for so many keys at a, and have the peer fetch them; what was refused or failed in words, or nothing."""
        return "; ".join(filter(None, (self._ask(number), self._fetch())))

    def use_up(self) -> bool:
        """Ask for everything that is stored until nothing is left; whether that could be done, in so many attempts."""
        for _ in range(_ATTEMPTS):
            with suppress(KeyStoreError):  # an idle connection that the server closed shows so at its next request
                if self._use_all():
                    self._note("drained")
                    return True
        return False

    def _use_all(self) -> bool:
        while left := self._delivery.a.status(self._delivery.sae_b).stored_key_count:
            if self.use(min(left, _BATCH)):
                return False
        return not self._fetch()

    def ask_again(self) -> str:
        """A key that both had is asked for once more: it must be gone; what is wrong in words, or nothing."""
        had = next(
            (step.key_ids[0] for step in reversed(list(self._history)) if step.step == "dec" and step.outcome == "ok"), ""
        )
        if not had:
            return ""
        try:
            (again,) = self._delivery.b.get_keys_with_ids(self._delivery.sae_a, (had,))
        except KeyNotFoundError:
            self._note("destroyed", side="b", key_ids=(had,))
        except KeyStoreError as error:
            self._note("destroyed", outcome="info", side="b", key_ids=(had,), why=_why(error))
        else:
            self._note("dec", side="b", key_ids=(had,), digests=(again.key.fingerprint(),))
            return f"key {had} was handed out again"
        return ""

    def _ask(self, number: int) -> str:
        try:
            keys = self._delivery.a.get_keys(self._delivery.sae_b, number)
        except KeysExhaustedError as error:
            self._note("enc", outcome="fail", side="a", keys=number, why=_why(error))
            return "no keys to be had"
        except KeyStoreError as error:
            outcome = "info" if _unanswered(error) else "fail"
            self._note("enc", outcome=outcome, side="a", keys=number, why=_why(error))
            return _why(error)
        self._note("enc", side="a", **_told(keys))
        self.waiting += keys
        return ""

    def _fetch(self) -> str:
        while self.waiting:
            batch = self.waiting[:_BATCH]
            ids = tuple(key.key_id for key in batch)
            try:
                keys = self._delivery.b.get_keys_with_ids(self._delivery.sae_a, ids)
            except KeyStoreError as error:
                unsure = _unanswered(error)
                self._note("dec", outcome="info" if unsure else "fail", side="b", key_ids=ids, why=_why(error))
                if unsure or isinstance(error, KeyNotFoundError):
                    del self.waiting[: len(batch)]  # asking again could tell nothing more
                return _why(error)
            self._note("dec", side="b", **_told(keys))
            del self.waiting[: len(batch)]
        return ""

    def _note(self, step: str, **fields: object) -> None:
        self._history.note(Step(time_s=self._delivery.link.testbed.now_s(), step=step, **fields))  # type: ignore[arg-type]


def _told(keys: tuple[DeliveredKey, ...]) -> dict[str, tuple[str, ...]]:
    return {
        "key_ids": tuple(key.key_id for key in keys),
        "digests": tuple(key.key.fingerprint() for key in keys),
    }


def _unanswered(error: KeyStoreError) -> bool:
    """Whether the request may have been carried out: it may have gone out, and no answer came."""
    cause = error.__cause__
    nothing_sent = isinstance(cause, ConnectionRefusedError | SSLCertVerificationError)
    return isinstance(cause, OSError | HTTPException) and not nothing_sent


def _why(error: KeyStoreError) -> str:
    """The error without the address of the entity, which differs from run to run."""
    return str(error).partition(": ")[2] or str(error)
