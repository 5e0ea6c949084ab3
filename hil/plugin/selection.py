"""Joins what a test needs with what its bench has, and says why a test is skipped; nothing is opened for that."""

from __future__ import annotations

import difflib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import pytest

from hil.bench import model
from hil.discovery import find
from hil.fixtures.places import Place
from hil.plugin.cases import PLACE
from hil.plugin.session import RUN

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["pytest_itemcollected", "pytest_runtest_setup"]

ROLES = frozenset(str(device.__struct_config__.tag) for device in get_args(model.Device))
TWIN = "twin"
LEVELS = ("L0", "L1", "L2", "L3")


class _On(NamedTuple):
    """A test's surroundings: its bench, the devices it is about, which of them are twins."""

    name: str
    link: str
    devices: dict[str, Any]
    twins: frozenset[str]

    @property
    def where(self) -> str:
        return f"link {self.link} of bench {self.name}" if self.link else f"bench {self.name}"


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marker with a word that means nothing is a usage error, not a skip forever."""
    for mark in item.iter_markers("hil_needs"):
        _known(item, mark, {*ROLES, TWIN}, {"features"})
    for mark in item.iter_markers("hil_disturbs"):
        _known(item, mark, ROLES, {"benches"})
    for mark in item.iter_markers("hil_level"):
        if len(mark.args) != 1 or mark.kwargs:
            raise pytest.UsageError(f'{item.nodeid}: hil_level takes one level, as in hil_level("L2")')
        _known(item, mark, LEVELS, set())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, before the bench is touched, where it cannot show what the test is about."""
    callspec = getattr(item, "callspec", None)
    place = callspec.params.get(PLACE) if callspec else None
    if not isinstance(place, Place):
        return
    on = _surroundings(item.config, place)
    for reason in _reasons(item, on):
        pytest.skip(reason)


def _reasons(item: pytest.Item, on: _On) -> Iterable[str]:
    for mark in item.iter_markers("hil_needs"):
        yield from _missing_roles(mark, on)
        yield from _missing_features(mark, on)
    for mark in item.iter_markers("hil_level"):
        yield from _level(mark.args[0], on)
    for mark in item.iter_markers("hil_disturbs"):
        yield from _forbidden(mark, on)


def _missing_roles(mark: pytest.Mark, on: _On) -> Iterable[str]:
    have = {_role(device) for device in on.devices.values()}
    recording = ": it is a recording, and this test needs a live device" if "recording" in have else ""
    for word in mark.args:
        if word == TWIN:
            if real := sorted(set(on.devices) - on.twins):
                yield f"{on.where} is not simulated ({', '.join(real)}), and this test injects into a twin"
        elif word not in have:
            yield f"{on.where} has no {word}{recording}"


def _missing_features(mark: pytest.Mark, on: _On) -> Iterable[str]:
    wanted = mark.kwargs.get("features", ())
    words = {wanted} if isinstance(wanted, str) else set(wanted)
    if not words:
        return
    can: set[str] = set()
    for device in on.devices.values():
        if not isinstance(device, model.KmeDevice):
            can |= find("driver", device.driver).capabilities.features
    for word in sorted(words - can):
        yield f"no device of {on.where} can do {word!r}; they can do: {', '.join(sorted(can)) or 'nothing of that kind'}"


def _level(needed: str, on: _On) -> Iterable[str]:
    shown = [device.level for device in on.devices.values() if hasattr(device, "level")]
    if not shown:
        yield f"{on.where} has no transceiver, and this test needs raw data of level {needed}"
    elif min(shown) < needed:
        yield f"{on.where} shows raw data of level {min(shown)} only, and this test needs {needed}"


def _forbidden(mark: pytest.Mark, on: _On) -> Iterable[str]:
    allowed = mark.kwargs.get("benches", ())
    patterns = (allowed,) if isinstance(allowed, str) else tuple(allowed)
    real = {name: device for name, device in on.devices.items() if name not in on.twins and _role(device) in mark.args}
    if real and patterns and not any(fnmatch(on.name, pattern) for pattern in patterns):
        yield f"this test disturbs {', '.join(real)} and may do so on {', '.join(patterns)} only, not on bench {on.name}"
    for name, device in real.items():
        if device.chaos != "allow":
            yield f'this test disturbs {name}, and the file of bench {on.name} does not say chaos = "allow" there'


def _surroundings(config: pytest.Config, place: Place) -> _On:
    run = config.stash[RUN]
    bench = run.benches[place.bench]
    names = list(bench.device)
    links = bench.chain[place.chain].links if place.chain else (place.link,) if place.link else ()
    if links:
        tables = [bench.link[link] for link in links]
        belongs = {name for link in tables for name in (*link.devices, *link.kmes.values())}
        names = [name for name in names if name in belongs]
    return _On(place.bench, place.link, {name: bench.device[name] for name in names}, run.simulated(bench))


def _role(device: Any) -> str:
    return str(device.__struct_config__.tag)


def _known(item: pytest.Item, mark: pytest.Mark, words: Iterable[str], keywords: set[str]) -> None:
    known = sorted(words)
    for word in mark.args:
        if word not in known:
            near = difflib.get_close_matches(str(word), known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise pytest.UsageError(f"{item.nodeid}: {mark.name}({word!r}): {hint}expected one of: {', '.join(known)}")
    for word in mark.kwargs:
        if word not in keywords:
            raise pytest.UsageError(
                f"{item.nodeid}: {mark.name} takes no {word!r}; it takes: {', '.join(sorted(keywords)) or 'no keywords'}"
            )
