"""toxiproxy's HTTP interface to the proxies of one host, on a loopback port, for other processes.

Toxics set over it carry a lease: ``"lease": {"ttl": 30000}`` in milliseconds (a PATCH renews it; without a lease it is a
minute), or ``"lease": {"hold": true}``, which lasts as long as the control connection that set it, whatever ends that.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hil.clock import NS_PER_S
from hil.errors import BenchError, HilError, UnknownNameError, UsageError
from hil.transports.fault_proxy.attributes import attributes, from_attributes
from hil.transports.fault_proxy.piece import FRAMINGS
from hil.transports.fault_proxy.proxy import HERE, ActiveToxic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.transports.fault_proxy.proxy import Proxies, Proxy

__all__ = ["Control"]

DEFAULT_TTL_MS = 60_000.0
_LARGEST_BYTES = 1 << 16


class _ConflictError(UsageError):
    """A name in use."""


class Control:
    """Serves until :meth:`close`; every method is called in the event loop's thread."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._server: asyncio.Server | None = None
        self._numbers = itertools.count()
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self, port: int) -> int:
        """Listen on loopback; the port."""
        try:
            self._server = await asyncio.start_server(self._serve, HERE, port, limit=_LARGEST_BYTES)
        except OSError as error:
            raise BenchError(f"the fault proxies' control port {port} of {HERE} cannot be had: {error}") from error
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Stop listening and end every control connection, and so what they hold."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        owner = f"control connection {next(self._numbers)}"
        self._writers.add(writer)
        try:
            while (request := await _request(reader)) is not None:
                method, path, headers, body = request
                status, answer = await self._answer(owner, method, path, headers, body)
                _reply(writer, status, answer)
                await writer.drain()
                if headers.get("connection", "").lower() == "close":
                    break
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # no HTTP, or gone: its toxics go below
        finally:
            self._writers.discard(writer)
            for proxy in self._proxies.all.values():
                proxy.disown(owner)
            writer.close()

    async def _answer(
        self, owner: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[HTTPStatus, Any]:
        if headers.get("user-agent", "").startswith("Mozilla/"):  # a web page must not reach it through a browser
            return HTTPStatus.FORBIDDEN, {"error": "User agent not allowed", "status": 403}
        try:
            words = json.loads(body) if body else {}
            return await self._route(owner, "PATCH" if _updates(method, path) else method, path.strip("/").split("/"), words)
        except HilError as error:
            status = HTTPStatus.BAD_REQUEST
            if isinstance(error, _ConflictError):
                status = HTTPStatus.CONFLICT
            elif isinstance(error, UnknownNameError):
                status = HTTPStatus.NOT_FOUND
            elif isinstance(error, BenchError):
                status = HTTPStatus.INTERNAL_SERVER_ERROR
            return status, {"error": str(error), "status": int(status)}
        except (ValueError, TypeError, AttributeError, KeyError):
            text = f"bad request body for {method} {path}; expected a JSON object as toxiproxy takes it"
            return HTTPStatus.BAD_REQUEST, {"error": text, "status": 400}

    async def _route(self, owner: str, method: str, path: list[str], words: Any) -> tuple[HTTPStatus, Any]:
        match method, path:
            case "GET", ["version"]:
                return HTTPStatus.OK, {"version": "qkd-hil"}
            case "POST", ["reset"]:
                await self._reset()
                return HTTPStatus.NO_CONTENT, None
            case "POST", ["populate"]:
                return HTTPStatus.CREATED, {"proxies": [_shown(await self._replace(each)) for each in words]}
            case _, ["proxies", *rest]:
                return await self._proxy(owner, method, rest, words)
        raise UnknownNameError(f"no {method} /{'/'.join(path)} here")

    async def _proxy(self, owner: str, method: str, path: list[str], words: Any) -> tuple[HTTPStatus, Any]:
        match method, path:
            case "GET", []:
                return HTTPStatus.OK, {name: _shown(proxy) for name, proxy in self._proxies.all.items()}
            case "POST", []:
                return HTTPStatus.CREATED, _shown(await self._create(words))
            case "GET", [name]:
                return HTTPStatus.OK, _shown(self._proxies.find(name))
            case "PATCH", [name]:
                proxy = self._proxies.find(name)
                await (proxy.enable() if words.get("enabled", proxy.enabled) else proxy.disable())
                return HTTPStatus.OK, _shown(proxy)
            case "DELETE", [name]:
                await self._proxies.delete(name)
                return HTTPStatus.NO_CONTENT, None
            case _, [name, "toxics", *rest]:
                return self._toxic(owner, method, self._proxies.find(name), rest, words)
        raise UnknownNameError(f"no {method} /proxies/{'/'.join(path)} here")

    def _toxic(self, owner: str, method: str, proxy: Proxy, path: list[str], words: Any) -> tuple[HTTPStatus, Any]:
        match method, path:
            case "GET", []:
                return HTTPStatus.OK, [_written(active) for active in proxy.toxics.values()]
            case "POST", []:
                active = self._made(owner, words, None)
                if active.name in proxy.toxics:
                    raise _ConflictError(f"fault proxy {proxy.name} has a toxic {active.name!r} already")
                proxy.add(active)
                return HTTPStatus.OK, _written(active)
            case "GET", [name]:
                return HTTPStatus.OK, _written(proxy.find(name))
            case "PATCH", [name]:
                active = self._made(owner, words, proxy.find(name))
                proxy.replace(active)
                return HTTPStatus.OK, _written(active)
            case "DELETE", [name]:
                proxy.remove(name)
                return HTTPStatus.NO_CONTENT, None
        raise UnknownNameError(f"no {method} of toxics of {proxy.name} here")

    def _made(self, owner: str, words: Any, present: ActiveToxic | None) -> ActiveToxic:
        """A toxic as it is asked for; on an update, what is not told stays, and the lease begins anew."""
        kind = present.toxic.type if present else words["type"]
        direction = present.direction if present else words.get("stream", "downstream")
        lease = words.get("lease", {})
        hold = bool(lease.get("hold", present is not None and bool(present.owner)))
        ttl_ms = lease.get("ttl", None if hold else DEFAULT_TTL_MS)
        return ActiveToxic(
            name=present.name if present else str(words.get("name") or f"{kind}_{direction}"),
            toxic=from_attributes(kind, words.get("attributes") or {}, present.toxic if present else None),
            direction=direction,
            toxicity=float(words.get("toxicity", present.toxicity if present else 1.0)),
            owner=owner if hold else "",
            expires_ns=None if ttl_ms is None else self._proxies.clock.now_ns() + round(float(ttl_ms) * 1e-3 * NS_PER_S),
        )

    async def _create(self, words: Any) -> Proxy:
        name, framing = str(words["name"]), words.get("framing", "chunks")
        if name in self._proxies.all:
            raise _ConflictError(f"there is a fault proxy {name!r} already")
        if framing not in FRAMINGS:
            raise UsageError(f"framing {framing!r}; expected {' or '.join(FRAMINGS)}")
        listen_host, listen_port = _address(words.get("listen") or f"{HERE}:0")
        if listen_host not in {HERE, "localhost"}:
            raise UsageError(f"listen {words['listen']!r}: proxies listen on {HERE} only")
        made = await self._proxies.create(name, _address(words["upstream"]), framing, listen_port)
        if not words.get("enabled", True):
            await made.disable()
        return made

    async def _replace(self, words: Any) -> Proxy:
        """As /populate: one that is there already with the same ends stays as it is."""
        present = self._proxies.all.get(words["name"])
        if present is not None:
            if present.upstream == _address(words["upstream"]):
                return present
            await self._proxies.delete(present.name)
        return await self._create(words)

    async def _reset(self) -> None:
        for proxy in self._proxies.all.values():
            for name in list(proxy.toxics):
                proxy.remove(name)
            await proxy.enable()


def _updates(method: str, path: str) -> bool:
    """Toxiproxy's older clients update by POST where there is something already."""
    parts = path.strip("/").split("/")
    return method == "POST" and parts[0] == "proxies" and len(parts) in {2, 4}


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes] | None:
    """Method, path, headers and body of the next request; None when there is none."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as ended:
        if ended.partial:
            raise
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LARGEST_BYTES:
        raise ValueError(length)
    return method, path.partition("?")[0], headers, await reader.readexactly(length)


def _reply(writer: asyncio.StreamWriter, status: HTTPStatus, answer: Any) -> None:
    content = b"" if answer is None else json.dumps(answer).encode()
    kind = "" if answer is None else "Content-Type: application/json\r\n"
    head = f"HTTP/1.1 {int(status)} {status.phrase}\r\n{kind}"
    if status is not HTTPStatus.NO_CONTENT:
        head += f"Content-Length: {len(content)}\r\n"
    with suppress(OSError):
        writer.write(head.encode() + b"\r\n" + content)


def _address(text: str) -> tuple[str, int]:
    host, _, port = str(text).rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"address {text!r}; expected host:port")
    return host.strip("[]") or HERE, int(port)


def _shown(proxy: Proxy) -> dict[str, Any]:
    return {
        "name": proxy.name,
        "listen": f"{HERE}:{proxy.port}",
        "upstream": f"{proxy.upstream[0]}:{proxy.upstream[1]}",
        "enabled": proxy.enabled,
        "framing": proxy.framing,
        "toxics": [_written(active) for active in proxy.toxics.values()],
    }


def _written(active: ActiveToxic) -> dict[str, Any]:
    return {
        "name": active.name,
        "type": active.toxic.type,
        "stream": active.direction,
        "toxicity": active.toxicity,
        "attributes": attributes(active.toxic),
        "lease": {"hold": bool(active.owner), "expires": active.expires_ns is not None},
    }
