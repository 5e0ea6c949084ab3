"""What a link refers to: parties, path, key management entities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench import model
from hil.bench.wording import nearest, show
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked

__all__ = ["check_kmes", "check_link"]

_PARTIES: dict[str, dict[str, type]] = {
    "bb84-decoy": {"a": model.TransmitterDevice, "b": model.ReceiverDevice},
    "bbm92": {"a": model.ReceiverDevice, "b": model.ReceiverDevice},
    "e91": {"a": model.ReceiverDevice, "b": model.ReceiverDevice},
    "recorded-pairs": {"a": model.RecordingDevice, "b": model.RecordingDevice},
}
_ANGLES = {"bbm92": {"a": 2, "b": 2}, "e91": {"a": 2, "b": 4}}
"""Settings of each receiver of an entangled link: two bases, and for E91 two more of b's for the CHSH test."""
_IN_PATH = (model.AttenuatorDevice, model.SwitchDevice, model.PowerMeterDevice)


def check_link(link: Walked, where: str, bench: Walked) -> Iterator[Mistake]:
    """Every mistake of one link towards the devices of its bench."""
    protocol = link.get("protocol")
    yield from _check_parties(link, where, bench, protocol)
    if protocol in _ANGLES:
        yield from _check_entangled(link, where, bench, protocol)
    else:
        yield from _check_path(link, where, bench, protocol)
        for key in ("source", "arm"):
            if link.get(key):
                yield Mistake(f"{where}.{key}", show(link.get(key)), f"nothing: a link of protocol {protocol} has a path")
    yield from check_kmes(link, where, bench)
    for number, name in enumerate(link.get("auxiliary") or ()):
        yield from _check_device(name, f"{where}.auxiliary[{number}]", bench, (model.TemperatureControllerDevice,))


def check_kmes(link: Walked, where: str, bench: Walked) -> Iterator[Mistake]:
    """The key management entities of a link or a chain: none, or two of one key size."""
    kmes = link.get("kmes") or {}
    for party in ("a", "b") if kmes else ():
        yield from _check_device(kmes.get(party), f"{where}.kmes.{party}", bench, (model.KmeDevice,))
    if kmes.get("a") is not None and kmes.get("a") == kmes.get("b"):
        yield Mistake(f"{where}.kmes.b", repr(kmes["b"]), "another key management entity than at a")
    sizes = [table.get("key_size") for name, table in bench.tables("device").items() if name in kmes.values()]
    if None not in sizes and len(set(sizes)) > 1:
        yield Mistake(f"{where}.kmes", " and ".join(str(size) for size in sizes), "one key_size at both ends")


def _check_parties(link: Walked, where: str, bench: Walked, protocol: str | None) -> Iterator[Mistake]:
    parties = link.get("parties")
    if parties is None or protocol is None:
        return
    for party, cls in _PARTIES[protocol].items():
        yield from _check_device(parties.get(party), f"{where}.parties.{party}", bench, (cls,))
    if protocol == "recorded-pairs" and len({str(name) for name in parties.values()}) > 1:
        yield Mistake(f"{where}.parties.b", repr(parties["b"]), "the same recording as at a: one file holds both parties")


def _check_path(link: Walked, where: str, bench: Walked, protocol: str | None) -> Iterator[Mistake]:
    path = link.get("path")
    if path is None:
        return
    if protocol == "recorded-pairs" and path:
        yield Mistake(f"{where}.path", repr(list(path)), "no path: a recording has none to move")
        return
    for number, name in enumerate(path):
        place = f"{where}.path[{number}]"
        if name in path[:number]:
            yield Mistake(place, repr(name), "each element once")
        elif name != "fibre":
            yield from _check_device(name, place, bench, _IN_PATH, also=("fibre",))
    fibre = link.get("fibre")
    if "fibre" in path and "fibre" in link.values and fibre is None:
        yield Mistake(f"{where}.fibre", "nothing", f"a table [{where}.fibre] with its length, as the path names the fibre")
    elif fibre is not None and "fibre" not in path:
        yield Mistake(f"{where}.path", repr(list(path)), "'fibre' among its elements, as the link has a fibre table")


def _check_entangled(link: Walked, where: str, bench: Walked, protocol: str) -> Iterator[Mistake]:
    """A source in the middle, an arm to each party, and receivers that measure what the protocol takes."""
    yield from _check_device(link.get("source") or None, f"{where}.source", bench, (model.PairSourceDevice,))
    for key in ("path", "fibre"):
        if link.get(key):
            yield Mistake(f"{where}.{key}", show(link.get(key)), f"nothing: an entangled link has arms, [{where}.arm.a] and b")
    parties, readable = link.get("parties") or {}, bench.tables("device")
    if parties.get("a") is not None and parties.get("a") == parties.get("b"):
        yield Mistake(f"{where}.parties.b", repr(parties["b"]), "another receiver than at a")
    placed: list[str] = []
    for party, arm in (link.tables("arm") or {}).items():
        yield from _check_path(arm, f"{where}.arm.{party}", bench, protocol)
        for name in arm.get("path") or ():
            if name != "fibre" and name in placed:
                yield Mistake(f"{where}.arm.{party}.path", repr(name), "each element in one arm")
            placed.append(name)
    for party, settings in _ANGLES[protocol].items():
        device = readable.get(str(parties.get(party)))
        if device is None or device.cls is not model.ReceiverDevice:
            continue
        place, angles, detectors = f"device.{parties[party]}", device.get("angles_deg"), device.get("detectors")
        if angles is not None and len(angles) != settings:
            yield Mistake(f"{place}.angles", f"{len(angles)} angles", f"{settings} angles, as {protocol} takes at {party}")
        elif detectors is not None and len(detectors) != 2 * settings:
            yield Mistake(f"{place}.detectors", show(list(detectors)), f"{2 * settings} names, two to an angle")
        elif device.get("level") not in {None, "L3"}:
            yield Mistake(f"{place}.level", repr(device.get("level")), "'L3': coincidences are found among detections")


def _check_device(
    name: object, where: str, bench: Walked, classes: tuple[type, ...], also: tuple[str, ...] = ()
) -> Iterator[Mistake]:
    """``name`` is a device of one of these classes; one whose own table is broken is taken as right."""
    devices, readable = bench.get("device") or {}, bench.tables("device")
    fitting = [key for key, device in readable.items() if device.cls in classes]
    roles = " or ".join(str(cls.__struct_config__.tag) for cls in classes)  # type: ignore[attr-defined]
    if name is None:
        yield Mistake(where, "nothing", f"the name of a device with role {roles}")
    elif not isinstance(name, str):
        return
    elif name not in devices:
        yield Mistake(where, repr(name), nearest(name, [*fitting, *also]))
    elif name in readable and name not in fitting:
        role = readable[name].cls.__struct_config__.tag
        yield Mistake(
            where, f"{name!r}, a device with role {role}", f"a device with role {roles}: {', '.join(fitting) or 'none'}"
        )
