"""The rules of ETSI GS QKD 014 V1.1.1 for one KME, without any HTTP: a caller and a request in, a status and a body out.

Where the standard leaves a choice: keys are delivered as they were distilled, so only one size can be asked for
(``min_key_size`` = ``max_key_size``); additional slave SAEs and mandatory extensions are refused, optional ones ignored.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hil.errors import KeyNotFoundError, KeysExhaustedError, KeyStoreError
from hil.ports.keystore import KeyState

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.keystore import DeliveredKey

    from ._agreement import KeyAgreement, Side

__all__ = ["MAX_KEYS_PER_REQUEST", "Answer", "KmeIdentity", "KmeRules"]

MAX_KEYS_PER_REQUEST = 128
# the standard's own words
_SIZE_NOT_OF_BYTES = "size shall be a multiple of 8"
_MANDATORY_UNKNOWN = "not all extension_mandatory parameters are supported"
_NOT_FOUND = "one or more keys specified are not found on KME"


@dataclass(frozen=True)
class Answer:
    """An HTTP status, and the JSON body that goes with it (None: no body)."""

    status: int
    body: dict[str, Any] | None = None


@dataclass(frozen=True)
class KmeIdentity:
    """Who a KME is, and which application (SAE) it serves."""

    kme_id: str
    sae_id: str


class _RefusedError(Exception):
    """Ends a request with an answer."""

    def __init__(self, status: HTTPStatus, message: str = "") -> None:
        super().__init__(message)
        self.answer = Answer(status, {"message": message} if message else None)


class KmeRules:
    """One side's KME: whom it serves, what it delivers."""

    def __init__(
        self,
        side: Side,
        own: KmeIdentity,
        peer: KmeIdentity,
        agreement: KeyAgreement,
        *,
        key_size_bits: int,
        max_keys: Callable[[], int],
    ) -> None:
        self.own = own
        self._side = side
        self._peer = peer
        self._agreement = agreement
        self._key_size_bits = key_size_bits
        self._max_keys = max_keys

    def status(self, caller: str, slave: str) -> Answer:
        """*Get status*: what can be delivered for keys shared with that slave."""
        return self._answer(self._status, caller, slave)

    def get_key(self, caller: str, slave: str, request: Any) -> Answer:
        """*Get key*: fresh keys for the caller, set aside for the slave at the other KME."""
        return self._answer(self._get_key, caller, slave, request)

    def get_key_with_ids(self, caller: str, master: str, request: Any) -> Answer:
        """*Get key with key IDs*: the keys a master had, for the slave it named."""
        return self._answer(self._get_key_with_ids, caller, master, request)

    @staticmethod
    def _answer(rule: Any, *arguments: Any) -> Answer:
        try:
            return Answer(HTTPStatus.OK, rule(*arguments))
        except _RefusedError as refused:
            return refused.answer
        except KeysExhaustedError:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"message": "not enough keys for this request"})
        except KeyNotFoundError:
            return Answer(HTTPStatus.BAD_REQUEST, {"message": _NOT_FOUND})
        except KeyStoreError:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, {"message": "the key store of this KME is out of order"})

    def _status(self, caller: str, slave: str) -> dict[str, Any]:
        self._check_pair(caller, slave)
        return {
            "source_KME_ID": self.own.kme_id,
            "target_KME_ID": self._peer.kme_id,
            "master_SAE_ID": caller,
            "slave_SAE_ID": slave,
            "key_size": self._key_size_bits,
            "stored_key_count": self._agreement.store(self._side).deliverable_count(),
            "max_key_count": self._max_keys(),
            "max_key_per_request": MAX_KEYS_PER_REQUEST,
            "max_key_size": self._key_size_bits,
            "min_key_size": self._key_size_bits,
            "max_SAE_ID_count": 0,
        }

    def _get_key(self, caller: str, slave: str, request: Any) -> dict[str, Any]:
        self._check_pair(caller, slave)
        number = self._check_request(request)
        return _container(self._agreement.hand_out(self._side, number, _holder(caller, slave)))

    def _check_request(self, request: Any) -> int:
        """The number of keys asked for, once everything in the request can be met."""
        _check_keys(request, {"number", "size", "additional_slave_SAE_IDs", "extension_mandatory", "extension_optional"})
        number = _whole(request, "number", default=1)
        size = _whole(request, "size", default=self._key_size_bits)
        if not 1 <= number <= MAX_KEYS_PER_REQUEST:
            raise _bad(f"number shall be 1 to {MAX_KEYS_PER_REQUEST}")
        if size % 8:
            raise _bad(_SIZE_NOT_OF_BYTES)
        if size != self._key_size_bits:
            raise _bad(f"size shall be {self._key_size_bits}: this KME delivers keys as they were distilled")
        if _list(request, "additional_slave_SAE_IDs"):
            raise _bad("additional_slave_SAE_IDs are not supported: max_SAE_ID_count is 0")
        if _list(request, "extension_mandatory"):
            raise _bad(_MANDATORY_UNKNOWN)
        _list(request, "extension_optional")
        return number

    def _get_key_with_ids(self, caller: str, master: str, request: Any) -> dict[str, Any]:
        self._check_pair(caller, master)
        _check_keys(request, {"key_IDs", "key_IDs_extension"})
        entries = _list(request, "key_IDs")
        if not 1 <= len(entries) <= MAX_KEYS_PER_REQUEST:
            raise _bad(f"key_IDs shall hold 1 to {MAX_KEYS_PER_REQUEST} entries")
        if not all(isinstance(entry, dict) and isinstance(entry.get("key_ID"), str) for entry in entries):
            raise _bad("each entry of key_IDs shall be an object with a key_ID")
        ids = tuple(_canonical(entry["key_ID"]) for entry in entries)
        if len(set(ids)) < len(ids):
            raise _bad("key_IDs shall name each key once")
        store = self._agreement.store(self._side)
        holders = [store.holder(key_id) for key_id in ids]
        if any(holder and holder != _holder(master, caller) for holder in holders):
            raise _RefusedError(HTTPStatus.UNAUTHORIZED)
        if any(store.state(key_id) is not KeyState.RESERVED for key_id in ids):
            raise _bad(_NOT_FOUND)
        return _container(self._agreement.collect(self._side, ids))

    def _check_pair(self, caller: str, other: str) -> None:
        if caller != self.own.sae_id:
            raise _RefusedError(HTTPStatus.UNAUTHORIZED)
        if other == caller:
            raise _bad("master_SAE_ID and slave_SAE_ID shall differ")
        if other != self._peer.sae_id:
            raise _bad(f"SAE {other} is not known to this KME")


def _bad(message: str) -> _RefusedError:
    return _RefusedError(HTTPStatus.BAD_REQUEST, message)


def _check_keys(request: Any, known: set[str]) -> None:
    if not isinstance(request, dict):
        raise _bad("the request shall be a JSON object")
    if unknown := set(request) - known:
        raise _bad(f"unknown parameter: {', '.join(sorted(unknown))}")


def _whole(request: dict[str, Any], key: str, default: int) -> int:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(f"{key} shall be an integer")
    return value


def _list(request: dict[str, Any], key: str) -> list[Any]:
    value = request.get(key, [])
    if not isinstance(value, list):
        raise _bad(f"{key} shall be an array")
    return value


def _canonical(key_id: str) -> str:
    try:
        return str(uuid.UUID(key_id))
    except ValueError:
        raise _bad(_NOT_FOUND) from None


def _holder(master: str, slave: str) -> str:
    """For whom a key is set aside: this slave, and only of this master."""
    return f"{slave}\n{master}"


def _container(keys: tuple[DeliveredKey, ...]) -> dict[str, Any]:
    return {"keys": [{"key_ID": each.key_id, "key": base64.b64encode(each.key.reveal()).decode()} for each in keys]}
