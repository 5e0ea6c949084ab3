"""What one table cannot know alone: names that must exist, roles that must fit, numbers that must agree.

Works on tables as far as they could be read, so that a file's wrong references are reported beside its wrong units.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hil import discovery
from hil.bench import model
from hil.bench.checks_auxiliary import check_auxiliary
from hil.bench.checks_chain import check_chain
from hil.bench.checks_classical import check_classical
from hil.bench.checks_link import check_link
from hil.bench.checks_slo import check_slo
from hil.bench.checks_source import check_source
from hil.bench.walk import Walked
from hil.bench.wording import nearest, show
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Names = Callable[[str], list[str]]

__all__ = ["check"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_BENCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SUM_TOLERANCE = 1e-6
_OF_ANYONE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def check(bench: Walked, *, simulate: bool) -> list[Mistake]:
    """Every mistake between the tables of a bench."""
    info = bench.get("bench")
    info = info if isinstance(info, Walked) else Walked(model.BenchInfo)
    mistakes = list(_check_info(info))
    known = cache(discovery.names)  # once a file: looking through the installed entry points takes milliseconds
    names = bench.get("device") or {}
    # a word in place of true or false is one mistake, not one more for each device without an address
    simulated = simulate or bool(info.values.get("simulated", True))
    mixed = bool(info.values.get("mixed", True))
    twins: set[str] = set()
    for kind in ("device", "link", "chain", "site"):
        for name in bench.get(kind) or {}:
            if not _NAME.fullmatch(name) or name in {"fibre", "free-space"}:
                expected = "a name of letters, digits, - and _, beginning with a letter (and not 'fibre' or 'free-space')"
                mistakes.append(Mistake(f"{kind}.{name}", repr(name), expected))
    for name, device in bench.tables("device").items():
        where = f"device.{name}"
        twinned = simulated or (mixed and device.get("address") == "")
        twins |= {name} if twinned else set()
        mistakes += _check_driver(device, where, known, twinned=twinned)
        mistakes += _check_address(device, where, twinned=twinned)
        mistakes += _check_device(device, where)
        mistakes += _check_role(device, where)
        mistakes += _check_place(device, where, bench, names, name)
        mistakes += check_auxiliary(device, where, bench, name)
    for name, link in bench.tables("link").items():
        mistakes += check_link(link, f"link.{name}", bench)
        real = [each for each in (link.get("parties") or {}).values() if each in names and each not in twins]
        mistakes += check_classical(link, f"link.{name}", real=bool(real))
        if link.get("eve") is not None and real:
            wanted = f"no eavesdropper on a link of real devices ({', '.join(real)}); she is for twins"
            mistakes.append(Mistake(f"link.{name}.eve", "a table", wanted))
    for name, chain in bench.tables("chain").items():
        mistakes += check_chain(chain, name, bench)
    mistakes += check_slo(bench.tables("slo"), known("indicator"))
    return mistakes


def _check_info(info: Walked) -> Iterator[Mistake]:
    name = info.get("name")
    if name is not None and not _BENCH_NAME.fullmatch(name):
        yield Mistake("bench.name", repr(name), "a name of letters, digits, '.', '-' and '_'")
    if info.get("simulated") and info.get("mixed"):
        yield Mistake("bench.mixed", "true beside simulated = true", "only one of simulated and mixed")


def _check_driver(device: Walked, where: str, known: Names, *, twinned: bool) -> Iterator[Mistake]:
    """Names of driver and twin; a twin is asked for only where one would be used."""
    driver, twin = device.get("driver"), device.get("twin")
    if driver is not None:
        yield from _check_name(driver, "keystore" if device.cls is model.KmeDevice else "driver", f"{where}.driver", known)
    if device.cls is model.RecordingDevice:
        return
    if twin:
        yield from _check_name(twin, "twin", f"{where}.twin", known)
    elif twinned and driver in _without_twin(known):
        wanted = f"{nearest(driver, known('twin'))}; or package.module:NAME, as no twin has the driver's name"
        yield Mistake(f"{where}.twin", "nothing", wanted)
    elif twinned and driver and _OF_ANYONE.fullmatch(driver):
        yield Mistake(f"{where}.twin", "nothing", "package.module:NAME of the driver's twin, as the device is to be simulated")


def _without_twin(known: Names) -> set[str]:
    """Drivers whose twin, if they have one, does not go by their name."""
    drivers = {*known("driver"), *known("keystore")}
    return drivers - set(known("twin"))


def _check_name(name: str, kind: str, where: str, known: Names) -> Iterator[Mistake]:
    if name not in known(kind) and not _OF_ANYONE.fullmatch(name):
        yield Mistake(where, repr(name), f"{nearest(name, known(kind))}; or package.module:NAME")


def _check_address(device: Walked, where: str, *, twinned: bool) -> Iterator[Mistake]:
    if device.cls is model.RecordingDevice or twinned:
        return
    if device.get("address") == "":
        yield Mistake(
            f"{where}.address",
            "nothing",
            "the device's address; or --hil-simulate, simulated = true or mixed = true in [bench]",
        )
    elif device.cls is model.KmeDevice:
        for key in ("ca_file", "certificate_file", "private_key_file"):
            if device.get(key) == "":
                yield Mistake(f"{where}.{key}", "nothing", "a PEM file, as the KME at this address wants mutual TLS")


def _check_device(device: Walked, where: str) -> Iterator[Mistake]:
    """What holds for a device of any role."""
    firmware = device.get("firmware")
    if firmware:
        try:
            SpecifierSet(firmware)
        except InvalidSpecifier:
            yield Mistake(f"{where}.firmware", repr(firmware), "a PEP 440 range, such as '~=2.4' or '>=2.4,<3'")
    for setting, (low, high) in (device.get("envelope") or {}).items():
        value = device.get(setting)
        if isinstance(value, float) and not low <= value <= high:
            key = _key_of(device, setting)
            yield Mistake(f"{where}.{key}", f"{value:g}", f"a value inside its own envelope, {low:g} to {high:g}")
    yield from _check_chaos(device, where)
    for name, calibration in device.tables("calibration").items():
        on, due = calibration.get("on"), calibration.get("due")
        if on is not None and due is not None and due <= on:
            yield Mistake(f"{where}.calibration.{name}.due", str(due), f"a date after {on}, the day it was calibrated")
        for key, least, fits in (("k", "above 0", 0.0), ("expanded_uncertainty", "of at least 0", -1e-300)):
            value = calibration.get(key)
            if isinstance(value, float) and not value > fits:
                yield Mistake(f"{where}.calibration.{name}.{key}", f"{value:g}", f"a number {least}")


def _check_chaos(device: Walked, where: str) -> Iterator[Mistake]:
    for setting, most in (device.get("chaos_slew") or {}).items():
        if not (isinstance(most, float) and most > 0.0):
            key = f"{where}.chaos_slew.{_key_of(device, setting)}"
            yield Mistake(key, f"{most}", "the most it may change in a second, above 0")
    for reading, bounds in (device.get("chaos_abort") or {}).items():
        if len(bounds) != 2 or not bounds[0] < bounds[1]:
            yield Mistake(f"{where}.chaos_abort.{reading}", f"{list(bounds)}", "two numbers, the lower first")


def _check_role(device: Walked, where: str) -> Iterator[Mistake]:
    if device.cls is model.TransmitterDevice:
        yield from check_source(device, where)
    elif device.cls is model.ReceiverDevice:
        yield from _check_detectors(device, where)
    elif device.cls is model.SwitchDevice:
        through, dark = device.get("through_channel"), device.get("dark_channel")
        if through is not None and through == dark:
            yield Mistake(f"{where}.dark_channel", str(dark), "another channel than through_channel")
    elif device.cls is model.PowerMeterDevice:
        floor, maximum = device.get("floor_w"), device.get("max_w")
        if floor is not None and maximum is not None and floor >= maximum:
            yield Mistake(f"{where}.floor", f"{floor:g} W", f"a power below maximum, {maximum:g} W")


def _check_detectors(device: Walked, where: str) -> Iterator[Mistake]:
    """Detectors, two to a setting, and how often each setting is measured."""
    detectors, angles, probabilities = (device.get(key) for key in ("detectors", "angles_deg", "angle_probabilities"))
    if detectors is None or angles is None or probabilities is None:
        return
    allowed = {2, 4} if len(angles) <= 2 else {2 * len(angles)}
    if len(set(detectors)) != len(detectors) or len(detectors) not in allowed:
        wanted = "two or four different names" if len(angles) <= 2 else f"{2 * len(angles)} different names, two to an angle"
        yield Mistake(f"{where}.detectors", show(list(detectors)), wanted)
    if probabilities or len(angles) > 2:
        key = f"{where}.angle_probabilities"
        if len(probabilities) != len(angles):
            yield Mistake(key, show(list(probabilities)), f"as many numbers as there are angles, {len(angles)}")
        elif min(probabilities) <= 0.0 or abs(sum(probabilities) - 1.0) > _SUM_TOLERANCE:
            yield Mistake(key, show(list(probabilities)), "numbers above 0 that add up to 1")


def _check_place(device: Walked, where: str, bench: Walked, names: dict[str, Any], own: str) -> Iterator[Mistake]:
    """Site and, for a temperature controller, the device it holds."""
    sites, site = bench.get("site"), device.get("site")
    if sites and site and site not in sites:
        yield Mistake(f"{where}.site", repr(site), nearest(site, sites))
    controls = device.get("controls")
    if controls is not None and (controls not in names or controls == own):
        yield Mistake(f"{where}.controls", repr(controls), nearest(controls, [name for name in names if name != own]))


def _key_of(device: Walked, attribute: str) -> str:
    fields: dict[str, str] = dict(zip(device.cls.__struct_fields__, device.cls.__struct_encode_fields__, strict=True))
    return fields[attribute]
