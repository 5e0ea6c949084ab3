"""Whom a fault acts on: a device's name or driver, a part of it, a link, an arm or a classical channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.testbed.channel.classical_channel import CLASSICAL_CHANNEL, KME_CHANNEL, SUFFIX
from hil.testbed.injection.fault_bench import LINK, TRANSCEIVER, ways_of

if TYPE_CHECKING:
    from hil.ports.spec import FaultSpec
    from hil.testbed.injection.chaos import Chaos

__all__ = ["target_of"]

_TRANSCEIVERS = ("receiver", "transmitter")


def target_of(chaos: Chaos, spec: FaultSpec, target: Any) -> str:
    """``bob``, or ``bob.z0`` for one detector of it; the link's own for None. UsageError for what the fault cannot act on."""
    own = chaos.bench.device_of_role(spec.target_role)
    if target is None:
        return own
    given = target if isinstance(target, str) else getattr(target, "name", None)
    word = spec.name.replace("-", "_")
    link = chaos.link
    if spec.target_role in {CLASSICAL_CHANNEL, KME_CHANNEL}:
        known = [link.name] if spec.target_role == CLASSICAL_CHANNEL else []
        known += link.declared.kmes.values()
        name = str(given).removesuffix(SUFFIX)
        return _known(name, known, f"{word}: {given!r} has no classical channel here") + SUFFIX
    if spec.target_role == LINK:
        return _known(str(given), ways_of(link), f"{word}: {given!r} is no way of light of this link")
    device, _, part = str(given).partition(".")
    parts = getattr(chaos.bench.declared(own), "detectors", ())
    if device in parts and not part:
        return f"{own}.{device}"
    bench = link.testbed.bench
    declared = bench.device.get(device)
    role = None if declared is None else str(declared.__struct_config__.tag)
    wanted = _TRANSCEIVERS if spec.target_role == TRANSCEIVER else (spec.target_role,)
    if role not in wanted or (part and part not in getattr(declared, "detectors", ())):
        fits = [each for each, one in bench.device.items() if one.__struct_config__.tag in wanted]
        raise UsageError(
            f"{word}: {given!r} is {f'a {role}' if role else 'no device of this bench'}; expected a"
            f" {spec.target_role}: {', '.join([*fits, *(f'{own}.{each}' for each in parts)])}"
        )
    return str(given)


def _known(name: str, known: list[str], otherwise: str) -> str:
    if name not in known:
        raise UsageError(f"{otherwise}; expected {', '.join(known)}")
    return name
