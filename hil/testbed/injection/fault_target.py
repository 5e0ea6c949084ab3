"""Whom a fault acts on: a device's name or driver, a part of it, a link, an arm or a classical channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import FaultUseError, MissingCapabilityError, Mistake
from hil.ports.identity import EvidenceLevel
from hil.testbed.channel.classical_channel import CLASSICAL_CHANNEL, KME_CHANNEL, SUFFIX
from hil.testbed.injection._fault_settings import python_name
from hil.testbed.injection.fault_bench import LINK, TRANSCEIVER, ways_of

if TYPE_CHECKING:
    from hil.ports.spec import FaultSpec
    from hil.testbed.injection.chaos import Chaos
    from hil.testbed.link import Link

__all__ = ["target_of"]

_TRANSCEIVERS = ("receiver", "transmitter")


def target_of(chaos: Chaos, spec: FaultSpec, target: Any) -> str:
    """``bob``, or ``bob.z0`` for one detector of it; the link's own for None. FaultUseError for what it cannot act on."""
    own, link = chaos.bench.device_of_role(spec.target_role), chaos.link
    if target is None:
        return _reachable(link, own)
    given = target if isinstance(target, str) else getattr(target, "name", None)
    if not isinstance(given, str):
        raise _refusal(spec, repr(target), "a device, by its name or its driver, or nothing for the link's own")
    if spec.target_role in {CLASSICAL_CHANNEL, KME_CHANNEL}:
        known = [link.name] if spec.target_role == CLASSICAL_CHANNEL else []
        known += link.declared.kmes.values()
        return _reachable(link, _known(spec, given.removesuffix(SUFFIX), known, "which has no classical channel here") + SUFFIX)
    if spec.target_role == LINK:
        return _known(spec, given, ways_of(link), "no way of light of this link")
    device, _, part = given.partition(".")
    parts = getattr(chaos.bench.declared(own), "detectors", ())
    if device in parts and not part:
        return f"{own}.{device}"
    bench = link.testbed.bench
    declared = bench.device.get(device)
    role = None if declared is None else str(declared.__struct_config__.tag)
    wanted = _TRANSCEIVERS if spec.target_role == TRANSCEIVER else (spec.target_role,)
    if role not in wanted or (part and part not in getattr(declared, "detectors", ())):
        fits = [each for each, one in bench.device.items() if one.__struct_config__.tag in wanted]
        what = f"{_article(role)} {role}" if role else "no device of this bench"
        listed = ", ".join([*fits, *(f"{own}.{each}" for each in parts)])
        raise _refusal(spec, f"{given!r}, {what}", f"{_article(spec.target_role)} {spec.target_role}: {listed}")
    return given


def _reachable(link: Link, target: str) -> str:
    """MissingCapabilityError for the channel between two black boxes, whose messages nobody here passes on."""
    if target == link.name + SUFFIX and link.level is EvidenceLevel.L0:
        raise MissingCapabilityError(
            f"link {link.name} is of evidence level L0: its boxes speak to each other by themselves, and none of their messages"
            " goes through a proxy of this test; put one in between by its control interface (docs/reference/fault-proxy.md)"
        )
    return target


def _known(spec: FaultSpec, name: str, known: list[str], otherwise: str) -> str:
    if name not in known:
        raise _refusal(spec, f"{name!r}, {otherwise}", ", ".join(known))
    return name


def _refusal(spec: FaultSpec, found: str, expected: str) -> FaultUseError:
    return FaultUseError(python_name(spec), (Mistake("target", found, expected),))


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
