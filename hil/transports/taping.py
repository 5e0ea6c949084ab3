"""How a tape gets between a driver and its ports: whoever builds the driver says so, and the driver knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.transports.port import Port

__all__ = ["Ask", "DeviceTape", "TapedPort", "own_carrier", "port_or_tape", "taping"]

Ask = Callable[[bytes, Callable[[], bytes]], bytes]
"""Takes a request and what carries it out; gives the answer, from the device or from its tape."""


class TapedPort:
    """Base of ports that record or replay; a line tells them what bytes alone do not say."""

    repeatable = False
    """Whether what is sent next may be repeated without harm."""
    plain: Callable[[bytes], bool] | None = None
    """Tells an answer to what is sent next that may get on a tape from one that may not; None: by the request alone."""
    terminator = b""
    """What the reply that is read ends with; empty where it is counted."""


class DeviceTape(Protocol):
    """One device's tape, being recorded or replayed."""

    def port(self, make: Callable[[], Port], resource: str, secret: tuple[bytes, ...]) -> Port:
        """A port on this tape in place of the one that ``make`` gives; see :func:`port_or_tape`."""
        ...

    def ask(self, resource: str) -> Ask:
        """A way to ask on this tape; see :func:`own_carrier`."""
        ...


_current: ContextVar[DeviceTape | None] = ContextVar("hil_tape", default=None)


@contextmanager
def taping(tape: DeviceTape | None) -> Iterator[None]:
    """Ports of drivers that are built inside are on this tape."""
    token = _current.set(tape)
    try:
        yield
    finally:
        _current.reset(token)


def port_or_tape(make: Callable[[], Port], resource: str, secret: tuple[bytes, ...]) -> Port:
    """The port that ``make`` gives, or one on the tape of whoever builds the driver.

    ``secret``: what a request begins with whose reply holds key material; such exchanges never get on a tape.
    """
    tape = _current.get()
    return make() if tape is None else tape.port(make, resource, secret)


def own_carrier(resource: str) -> Ask:
    """For drivers with a carrier of their own (HTTP): asks through the tape, where there is one.

    The request given must hold no password: it is what gets on the tape.
    """
    tape = _current.get()
    return (lambda _request, carry_out: carry_out()) if tape is None else tape.ask(resource)
