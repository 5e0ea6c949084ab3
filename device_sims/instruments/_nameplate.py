"""Serial numbers of simulated instruments."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from hil.errors import UsageError

if TYPE_CHECKING:
    from hil.device_sims.world.world import World

__all__ = ["declared_as", "serial_number"]

D = TypeVar("D")


def serial_number(world: World, device: str, prefix: str) -> str:
    """The bench file's, or one made of the names of bench and device."""
    made = hashlib.blake2b(f"{prefix}/{world.bench.bench.name}/{device}".encode(), digest_size=3).hexdigest().upper()
    return world.bench.device[device].serial or prefix + made


def declared_as(world: World, device: str, cls: type[D]) -> D:
    """The device's table of the bench file; UsageError when it is of another role."""
    declared = world.bench.device.get(device)
    if not isinstance(declared, cls):
        role = str(cls.__struct_config__.tag)  # type: ignore[attr-defined]
        raise UsageError(f"{device}: not a {role} of bench {world.bench.bench.name!r}")
    return declared
