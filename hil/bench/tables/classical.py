"""``[link.X.classical]``: the channel between the two parties of a link."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from hil.bench.tables.quantities import SomeSeconds, Table

__all__ = ["Classical", "ClassicalEnd"]


class ClassicalEnd(Table, frozen=True, kw_only=True):
    """``[link.X.classical.a]`` and ``.b``: who an end is to the other one, with TLS."""

    name: str = ""
    """DNS name in its certificate; without it, the name of the party's device."""
    certificate_file: str = ""
    private_key_file: str = ""


class Classical(Table, frozen=True, kw_only=True):
    """``[link.X.classical]``: what carries the messages, and how many blocks share it."""

    transport: Literal["stepped", "memory", "tcp", "tls"] = "stepped"
    """Both parties in one thread, each in its own over memory, or over a connection."""
    blocks_in_flight: Annotated[int, Meta(ge=0, le=32)] = 0
    """0: one where stepped, eight otherwise."""
    address: str = "127.0.0.1:0"
    """Where a listens."""
    through: str = ""
    """Where b calls, if not at a: a proxy that leads there."""
    timeout_s: SomeSeconds = field(name="timeout", default=10.0)
    """Silence after which a block is given up."""
    ca_file: str = ""
    """PEM file of the authority that signed both certificates; none on twins, which sign their own."""
    a: ClassicalEnd = field(default_factory=ClassicalEnd)
    b: ClassicalEnd = field(default_factory=ClassicalEnd)

    @property
    def lanes(self) -> int:
        """Blocks in flight."""
        return self.blocks_in_flight or (1 if self.transport == "stepped" else 8)
