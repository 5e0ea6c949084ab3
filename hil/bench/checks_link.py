"""What a link refers to: parties, path, key management entities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.bench import model
from hil.bench.checks_auxiliary import AUXILIARY
from hil.bench.walk import Walked, build
from hil.bench.wording import nearest, show
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["check_kmes", "check_link"]

_PARTIES: dict[str, dict[str, type]] = {
    "bb84-decoy": {"a": model.TransmitterDevice, "b": model.ReceiverDevice},
    "bbm92": {"a": model.ReceiverDevice, "b": model.ReceiverDevice},
    "e91": {"a": model.ReceiverDevice, "b": model.ReceiverDevice},
    "recorded-pairs": {"a": model.RecordingDevice, "b": model.RecordingDevice},
    "entanglement-swapping": {"a": model.RepeaterNodeDevice, "b": model.RepeaterNodeDevice},
}
_ANGLES = {"bbm92": {"a": 2, "b": 2}, "e91": {"a": 2, "b": 4}}
"""Settings of each receiver of an entangled link: two bases, and for E91 two more of b's for the CHSH test."""
_IN_PATH = (model.AttenuatorDevice, model.SwitchDevice, model.PowerMeterDevice)
_OF_KEYS: dict[str, object] = {
    "fibre": None,
    "free_space": None,
    "element": {},
    "drift": None,
    "maintenance": (),
    "proof": model.Proof(),
    "classical": model.Classical(),
    "contract": None,
    "kmes": {},
    "eve": None,
    "auxiliary": (),
}
"""Keys that a repeater chain has no use for, as it makes pairs and no key, with their defaults."""


_CHANNELS = {"fibre": ("fibre", "length"), "free-space": ("free_space", "range")}


def check_link(link: Walked, where: str, bench: Walked) -> Iterator[Mistake]:
    """Every mistake of one link towards the devices of its bench."""
    protocol = link.get("protocol")
    yield from _check_parties(link, where, bench, protocol)
    if protocol == "entanglement-swapping":
        yield from _check_repeater(link, where, bench)
        return
    if link.get("segments"):
        yield Mistake(f"{where}.segment", "elementary links", "none, or protocol entanglement-swapping")
    if protocol in _ANGLES:
        yield from _check_entangled(link, where, bench, protocol)
    else:
        yield from _check_path(link, where, bench, protocol)
        yield from _check_timing(link, bench)
        for key in ("source", "arm"):
            if link.get(key):
                yield Mistake(f"{where}.{key}", show(link.get(key)), f"nothing: a link of protocol {protocol} has a path")
    yield from check_kmes(link, where, bench)
    for number, name in enumerate(link.get("auxiliary") or ()):
        yield from _check_device(name, f"{where}.auxiliary[{number}]", bench, AUXILIARY)


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
    if parties is None:
        return
    if protocol is None:  # told already; a name that no device has is a mistake under any
        known = bench.get("device") or {}
        strangers = [(party, name) for party, name in parties.items() if isinstance(name, str) and name not in known]
        yield from (Mistake(f"{where}.parties.{party}", repr(name), nearest(name, known)) for party, name in strangers)
        return
    for party, cls in _PARTIES[protocol].items():
        yield from _check_device(parties.get(party), f"{where}.parties.{party}", bench, (cls,))
    if protocol == "recorded-pairs" and len({str(name) for name in parties.values()}) > 1:
        yield Mistake(f"{where}.parties.b", repr(parties["b"]), "the same recording as at a: one file holds both parties")


def _check_repeater(link: Walked, where: str, bench: Walked) -> Iterator[Mistake]:
    """Inner nodes in its path, an elementary link between any two neighbours, and nothing that a key would need."""
    path, segments, parties = link.get("path"), link.get("segments"), link.get("parties") or {}
    if parties.get("a") is not None and parties.get("a") == parties.get("b"):
        yield Mistake(f"{where}.parties.b", repr(parties["b"]), "another node than at a")
    for number, name in enumerate(path or ()):
        place = f"{where}.path[{number}]"
        if name in path[:number] or name in parties.values():
            yield Mistake(place, repr(name), "each node once")
        else:
            yield from _check_device(name, place, bench, (model.RepeaterNodeDevice,))
    if path is not None and segments is not None and len(segments) != len(path) + 1:
        wanted = f"{len(path) + 1} tables [[{where}.segment]], one between any two neighbours of a, path and b"
        yield Mistake(f"{where}.segment", f"{len(segments)} tables", wanted)
    nodes = {str(name) for name in (*parties.values(), *(path or ()))}
    for name, other in bench.tables("link").items():
        if f"link.{name}" != where and other.get("protocol") == "entanglement-swapping":
            shared = nodes & {str(node) for node in (*(other.get("parties") or {}).values(), *(other.get("path") or ()))}
            if shared:
                yield Mistake(where, f"{', '.join(sorted(shared))}, also of link {name}", "nodes of one chain each")
    for key, default in _OF_KEYS.items():
        value = link.get(key)
        if isinstance(value, Walked):
            value = build(value)
        if value not in (None, default):
            yield Mistake(f"{where}.{key}", show(value), "nothing: a repeater chain makes pairs and no key, over its segments")


def _check_timing(link: Walked, bench: Walked) -> Iterator[Mistake]:
    """A receiver with tags must be able to tell one pulse from the next."""
    devices, parties = bench.tables("device"), link.get("parties") or {}
    transmitter, receiver = (devices.get(str(parties.get(party))) for party in ("a", "b"))
    if transmitter is None or receiver is None or receiver.get("timing") != "tags":
        return
    if receiver.get("jitter_sigma_s") == 0.0:
        yield Mistake(f"device.{parties['b']}.jitter_sigma", "0 s", "its detectors' jitter, as it tells times, such as '50 ps'")
    rate_hz = transmitter.get("pulse_rate_hz")
    for key, share, words in (("tick", 0.25, "a quarter of the pulse period"), ("window", 1.0, "the pulse period")):
        value = receiver.get(f"{key}_s")
        if rate_hz is not None and value is not None and value * rate_hz > share * (1.0 + 1e-9):
            yield Mistake(f"device.{parties['b']}.{key}", f"{value:g} s", f"at most {words}, {share / rate_hz:g} s")


def _check_path(link: Walked, where: str, bench: Walked, protocol: str | None) -> Iterator[Mistake]:
    path = link.get("path")
    if path is None:
        return
    if protocol == "recorded-pairs" and path:
        yield Mistake(f"{where}.path", repr(list(path)), "no path: a recording has none to move")
        return
    parts = link.get("element") or {}
    channels = [name for name, (attribute, _) in _CHANNELS.items() if attribute in link.cls.__struct_fields__]
    for number, name in enumerate(path):
        place = f"{where}.path[{number}]"
        if name in path[:number]:
            yield Mistake(place, repr(name), "each element once")
        elif name not in {*channels, *parts}:
            yield from _check_device(name, place, bench, _IN_PATH, also=(*channels, *parts))
    for name, (attribute, content) in _CHANNELS.items():
        table = link.get(attribute)
        if name in path and attribute in link.values and table is None:
            wanted = f"a table [{where}.{attribute}] with its {content}, as the path names the {name}"
            yield Mistake(f"{where}.{attribute}", "nothing", wanted)
        elif table is not None and name not in path:
            wanted = f"{name!r} among its elements, as the link has a {name} table"
            yield Mistake(f"{where}.path", repr(list(path)), wanted)
    for name in parts:
        if name in (bench.get("device") or {}) or name in _CHANNELS:
            yield Mistake(f"{where}.element.{name}", repr(name), "a name that nothing else on the bench has")
        elif name not in path:
            yield Mistake(
                f"{where}.path", repr(list(path)), f"{name!r} among its elements, as the link has an element table for it"
            )
    yield from _check_channels(link, where)


def _check_channels(link: Walked, where: str) -> Iterator[Mistake]:
    """Numbers of a fibre, of the air and of the calendar that have to agree."""
    fibre, air = (table if isinstance(table := link.get(name), Walked) else None for name in ("fibre", "free_space"))
    turning = None if fibre is None else fibre.get("polarisation")
    if isinstance(turning, Walked) and turning.get("feedback_every_s") and turning.get("feedback_bandwidth_hz"):
        found = "beside feedback_every"
        yield Mistake(
            f"{where}.fibre.polarisation.feedback_bandwidth", found, "only one of the two: a controller works one way"
        )
    if air is not None:
        orbit = air.get("orbit")
        if orbit is None and "orbit" in air.values and air.get("range_km") == 0.0:
            yield Mistake(f"{where}.free_space.range", "0 km", f"a length, or a table [{where}.free_space.orbit]")
        if isinstance(orbit, Walked):
            low, high = orbit.get("min_elevation_deg"), orbit.get("max_elevation_deg")
            if low is not None and high is not None and low >= high:
                yield Mistake(
                    f"{where}.free_space.orbit.min_elevation_deg", f"{low:g}", f"less than max_elevation_deg, {high:g}"
                )
    for number, work in enumerate(link.get("maintenance") or ()):
        every, lasts = (work.get(name) if isinstance(work, Walked) else None for name in ("every_s", "lasts_s"))
        if every and lasts is not None and lasts >= every:
            yield Mistake(f"{where}.maintenance[{number}].lasts", f"{lasts:g} s", f"less than every, {every:g} s")


def _check_entangled(link: Walked, where: str, bench: Walked, protocol: str) -> Iterator[Mistake]:
    """A source in the middle, an arm to each party, and receivers that measure what the protocol takes."""
    yield from _check_device(link.get("source") or None, f"{where}.source", bench, (model.PairSourceDevice,))
    yield from _check_only_arms(link, where)
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
        elif device.get("timing") == "tags":
            yield Mistake(f"{place}.timing", "'tags'", "'indices': both ends of an entangled link count the source's slots")


def _check_only_arms(link: Walked, where: str) -> Iterator[Mistake]:
    """What belongs to links whose light comes from a transmitter."""
    for key in ("path", "fibre", "free_space", "element", "eve"):
        if link.get(key):
            found = show(list(link.get(key))) if key == "path" else "a table"
            yield Mistake(f"{where}.{key}", found, f"nothing: an entangled link has arms of fibre, [{where}.arm.a] and b")
    drift = link.get("drift")
    for attribute, name in (("laser_db", "laser_db"), ("laser_loss_per_day_db", "laser_loss_per_day")):
        if isinstance(drift, Walked) and drift.get(attribute):
            found = f"{drift.get(attribute):g} dB"
            yield Mistake(f"{where}.drift.{name}", found, "nothing: no transmitter sends to an entangled link")


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
