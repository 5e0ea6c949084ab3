"""A classical channel of a bench that can be broken: every connection of it goes through a fault proxy.

The channel of a link is that between its parties; a key management entity's is the one its applications reach it by.
Connections are real sockets and take real time. A distillation that is stepped in one thread has the same toxics on its
messages, in an event time of its own: delays cost no bench time, and whoever would wait for ever hears of a closed channel.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hil.errors import MissingCapabilityError, UsageError
from hil.seeds import derive
from hil.testbed.channel.classical_probe import Echo, probe
from hil.testbed.channel.classical_settings import CERTIFICATES, CLASSICAL_SETTINGS, KME_SETTINGS, toxics_of
from hil.testbed.channel.classical_steps import SteppedChannel
from hil.transports.fault_proxy import FaultProxy, ProxyHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hil.pipeline.stepping import Interceptor
    from hil.transports.fault_proxy.piece import Framing

__all__ = ["CLASSICAL_CHANNEL", "KME_CHANNEL", "SUFFIX", "ClassicalChannel"]

CLASSICAL_CHANNEL, KME_CHANNEL = "classical-channel", "kme-channel"
"""Target roles of faults: any classical channel, the parties' own by default; that of a key management entity."""

SUFFIX = ".classical"
"""Behind the name of a link or a key management entity: the name of its classical channel."""
_BY_PROXY = ("kme_down", "kme_delay_s")
"""What the proxies can do where the entity itself cannot be told to."""


class ClassicalChannel:
    """One channel for one test: settings by name (:data:`CLASSICAL_SETTINGS`), zero of each leaving it alone.

    ``present`` shows another certificate of the server where that can be had (a twin): ``""``, ``"expired"`` or ``"other"``;
    ``tell`` sets what else may be wrong with the entity (:data:`KME_SETTINGS`), on a twin. ``handshake`` connects anew as the
    application does and asks for the entity's status, with readings of what came of it.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.present: Callable[[str], None] | None = None
        self.tell: Callable[[str, float], None] | None = None
        self.handshake: Callable[[], Mapping[str, float]] | None = None
        self._seed = derive(seed, "classical channel", name)
        self._settings = dict.fromkeys((*CLASSICAL_SETTINGS, *CERTIFICATES, *KME_SETTINGS), 0.0)
        self._host: ProxyHost | None = None
        self._proxies: list[FaultProxy] = []
        self._numbers = itertools.count()
        self._echo: Echo | None = None
        self._probe: FaultProxy | None = None

    def read(self, setting: str) -> float:
        """How it stands; MissingCapabilityError for what a channel has no setting of."""
        if setting not in self._settings:
            raise MissingCapabilityError(f"{self.name} has no {setting}; known: {', '.join(self._settings)}")
        return self._settings[setting]

    def write(self, setting: str, value: float) -> None:
        """Set it, in the connections that are there and those to come; UsageError where a toxic does not take the value."""
        if self.read(setting) == value:
            return
        changed = self._settings | {setting: float(value)}
        if setting in KME_SETTINGS:
            self._tell(setting, float(value))
        elif setting in CERTIFICATES:
            self._show("expired" if changed["certificate_expired"] else "other" if changed["wrong_peer"] else "")
        else:
            toxics_of(changed)  # refused before anything moves
        self._settings = changed
        for proxy in self._proxies:
            self._put(proxy)

    def route(self, use: str, upstream: tuple[str, int], framing: Framing = "chunks") -> tuple[str, int]:
        """Where to connect in place of ``upstream``, from now to the end of the test."""
        return self._routed(use, upstream, framing).address

    @contextmanager
    def routing(self, use: str, upstream: tuple[str, int], framing: Framing = "chunks") -> Iterator[tuple[str, int]]:
        """As :meth:`route`, until it is left: then the proxy's port and connections are closed."""
        proxy = self._routed(use, upstream, framing)
        try:
            yield proxy.address
        finally:
            if proxy in self._proxies:  # the channel may have been closed meanwhile
                self._proxies.remove(proxy)
                proxy.close()

    def probe(self) -> Mapping[str, float]:
        """What messages to an echo and back met on the way, through a proxy that is set like all of this channel's.

        As :func:`hil.testbed.channel.classical_probe.probe`; ``set`` counts the settings that are not zero, a handshake's
        readings come besides.
        """
        if self._probe is None:
            self._echo = Echo()
            self._probe = self._routed("probe", self._echo.address, "length-prefixed", put=False)
            self._put(self._probe)
        seen = dict(probe(self._probe.address, self._settings)) | {"set": float(sum(map(bool, self._settings.values())))}
        if self.handshake is not None:
            seen |= self.handshake()
        return seen

    def between(self, block: int, interceptor: Interceptor | None) -> Interceptor | None:
        """Who sits between two parties that are stepped: whoever sat there, and behind him this channel's toxics."""
        toxics = toxics_of(self._settings)
        return SteppedChannel(toxics, derive(self._seed, block), interceptor) if toxics else interceptor

    def close(self) -> None:
        """Close every proxy; a second call does nothing."""
        if self._host is not None:
            self._host.close()
            self._host = None
        if self._echo is not None:
            self._echo.close()
            self._echo = None
        self._proxies.clear()
        self._probe = None

    def _routed(self, use: str, upstream: tuple[str, int], framing: Framing, *, put: bool = True) -> FaultProxy:
        if self._host is None:
            self._host = ProxyHost(self._seed)
        proxy = self._host.proxy(f"{use} {next(self._numbers)}", upstream, framing=framing)
        self._proxies.append(proxy)
        if put:
            self._put(proxy)
        return proxy

    def _put(self, proxy: FaultProxy) -> None:
        """Make the proxy's toxics those of the settings; what stays is not touched."""
        there = {active.name: active.toxic for active in proxy.toxics}
        wanted = {}
        settings = dict(self._settings)
        if self.tell is not None or proxy is self._probe:  # the twin is slow itself, and there is no entity behind the probe
            settings["kme_delay_s"] = 0.0
        if proxy is not self._probe:
            (proxy.down if settings["kme_down"] else proxy.up)()
        for stem, toxic, direction in toxics_of(settings):
            for each in ("upstream", "downstream") if direction is None else (direction,):
                wanted[f"{stem}_{each}"] = (stem, toxic, each)
        proxy.remove(*(name for name, toxic in there.items() if name not in wanted or wanted[name][1] != toxic))
        for name, (stem, toxic, each) in wanted.items():
            if there.get(name) != toxic:
                proxy.add(toxic, "upstream" if each == "upstream" else "downstream", name=stem)

    def _tell(self, setting: str, value: float) -> None:
        if self.handshake is None:
            raise MissingCapabilityError(
                f"{self.name}: {setting} is of a key management entity, while keys are delivered (fixture key_store)"
            )
        if self.tell is not None:
            self.tell(setting, value)
        elif setting not in _BY_PROXY:
            raise MissingCapabilityError(
                f"{self.name}: the key management entity is real, and nothing in front of it makes its {setting}; only a twin"
                " can be told to (--hil-simulate)"
            )

    def _show(self, certificate: str) -> None:
        if self.present is None:
            raise MissingCapabilityError(
                f"{self.name}: only the twin of a key management entity can show another certificate, and only while keys are"
                " delivered (fixture key_store)"
            )
        try:
            self.present(certificate)
        except OSError as error:
            raise UsageError(f"{self.name}: no other certificate could be shown: {error}") from error
