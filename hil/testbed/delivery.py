"""Key delivery of a link: a key management entity at each site, and keys put into them and fetched from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from types import TracebackType

    from hil.keystores.etsi014 import Etsi014Client
    from hil.ports.run import Latencies
    from hil.testbed.link import Link

__all__ = ["KeyDelivery", "Side"]

Side = Literal["a", "b"]


class KeyDelivery:
    """The key management entities of a link and an application (SAE) at each side; the fixture ``key_store``.

    ``a`` and ``b`` are the applications' clients. Closed at the end of the test by itself.
    """

    a: Etsi014Client
    b: Etsi014Client

    def __init__(self, link: Link) -> None:
        self.link = link
        raise NotImplementedError

    def deliver(self) -> Latencies:
        """Put every released key of the link into both stores, batch by batch; how long each batch took to be ready."""
        raise NotImplementedError

    def client(self, side: Side, sae_id: str | None = None) -> Etsi014Client:
        """Another client of that side's entity; as ``sae_id``, an application it may not know (twins only)."""
        raise NotImplementedError

    def close(self) -> None:
        """Close clients, servers and stores, and remove their files; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
