"""Every test on every bench, link and detector there is: one call, over the combinations that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.errors import HilError
from hil.fixtures.places import GAMEDAY, Place
from hil.plugin.cases import PLACE
from hil.plugin.session import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.bench.model import Bench
    from hil.gamedays.model import Gameday

__all__ = ["pytest_collection_modifyitems", "pytest_generate_tests"]


@pytest.hookimpl(tryfirst=True)  # the bench comes first in a test's id
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ids are ``bench``, ``bench-link``, ``bench-link-detector`` or ``bench-chain``, as fine as the test's fixtures ask.

    A test of game days runs once for each, whose name comes last; pytest.UsageError for a file with mistakes.
    """
    if PLACE not in metafunc.fixturenames:
        return
    benches = metafunc.config.stash[RUN].benches.values()
    if "_hil_detector" in metafunc.fixturenames:
        places = [place for bench in benches for place in _detectors(bench)]
    elif "_hil_chain" in metafunc.fixturenames:
        places = [Place(bench.bench.name, chain=chain) for bench in benches for chain in bench.chain or [""]]
    elif "_hil_link" in metafunc.fixturenames:
        places = [place for bench in benches for place in _links(bench)]
    else:
        places = [Place(bench.bench.name) for bench in benches]
    metafunc.parametrize(PLACE, places, ids=[str(place) for place in places], indirect=True)
    if GAMEDAY in metafunc.fixturenames:
        days = _gamedays(metafunc.config.stash[RUN].options.gamedays)
        metafunc.parametrize(GAMEDAY, days, ids=[day.gameday.name for day in days], indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several benches, keep the tests of one together: a bench is opened once and left once."""
    benches = config.stash[RUN].benches
    if len(benches) > 1:
        order = {name: number for number, name in enumerate(benches)}
        items.sort(key=lambda item: order.get(_bench_of(item), -1))


def _gamedays(given: Sequence[str]) -> list[Gameday]:
    """Those that were named, or every shipped one."""
    from hil.testbed.gamedays.gameday_file import load_gameday, shipped_gamedays

    try:
        return [load_gameday(name) for name in given or shipped_gamedays()]
    except HilError as error:
        raise pytest.UsageError(str(error)) from None


def _bench_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    place = callspec.params.get(PLACE) if callspec else None
    return place.bench if isinstance(place, Place) else ""


def _links(bench: Bench) -> Iterator[Place]:
    """Every link; a bench without one gives one place without a link, whose tests are skipped with that reason."""
    for link in bench.link or [""]:
        yield Place(bench.bench.name, link)


def _detectors(bench: Bench) -> Iterator[Place]:
    for place in _links(bench):
        for detector in _names(bench, place.link) or [""]:
            yield Place(place.bench, place.link, detector)


def _names(bench: Bench, link: str) -> tuple[str, ...]:
    if not link:
        return ()
    if bench.link[link].entangled:
        receivers = dict.fromkeys(bench.link[link].parties.values())
        return tuple(f"{name}.{each}" for name in receivers for each in getattr(bench.device[name], "detectors", ()))
    parties = [bench.device[name] for name in bench.link[link].parties.values()]
    return next((device.detectors for device in parties if hasattr(device, "detectors")), ())
