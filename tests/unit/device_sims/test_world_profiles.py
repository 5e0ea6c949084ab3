"""Every shipped prepare-and-measure bench: each quantity it counts against the predictions of ``hil.physics``, to 1 %.

How a count is judged, and that every planted 1 % is caught, is in `OnePercent` (conftest.py).

Where a bench's own settings would take hours of clicks, one thing is changed to raise the counts, and named:

- *concentrated*: the sender sends one intensity and basis all the time; nothing else of a pulse's fate changes.
- *misaligned*: 40 % of the light comes out wrong, so that errors are as well known as clicks after a few million of them.
- *bright*: intensities such that two photons of the strongest pulses are detected, so that several detectors click together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from msgspec.structs import replace

from hil.bench import load, shipped
from hil.device_sims.world.world import World
from hil.physics.click_model import click_probability
from hil.physics.dead_time import fano_factor
from hil.physics.link_model import link_model
from hil.physics.receiver_rates import click_rates_hz, sifted_rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hil.bench.model import Bench
    from hil.physics.link_model import LinkModel

    from .conftest import Counted, OnePercent

pytestmark = pytest.mark.usefixtures("fastest_engine")

STEADY_NS = 1_000_000_000
BARE = {"dead_time_s": 0.0, "afterpulse_probability": 0.0}
DEAD_MODEL = 3e-4
"""Relative, of rates with dead time and afterpulses: an afterpulse finds its detector dead a little more often."""
NEVER = 1e-12


# --- benches -----------------------------------------------------------------------------------------------------------


def changed(bench: Bench, link: str, side: Any, **values: Any) -> Bench:
    """Other values in the table of one party."""
    party = bench.link[link].parties[side]
    return replace(bench, device=bench.device | {party: replace(bench.device[party], **values)})


def standing(name: str) -> Bench:
    """A shipped bench; a satellite as if it stood at its culmination in calm air: its pass has a test of its own."""
    bench = load(name)
    links = {}
    for link, table in bench.link.items():
        air = table.free_space
        if air is not None and air.orbit is not None:
            from hil.physics.satellite_pass import slant_range_km

            range_km = slant_range_km(air.orbit.altitude_km, air.orbit.max_elevation_deg)
            through_db = air.atmosphere_loss_db / math.sin(math.radians(air.orbit.max_elevation_deg))
            still = {"orbit": None, "fading": "none", "scintillation_index": 0.0}
            air = replace(air, **still, range_km=range_km, atmosphere_loss_db=through_db)
        links[link] = replace(table, free_space=air)
    return replace(bench, link=links)


def concentrated(bench: Bench, link: str, intensity: int, basis: int) -> Bench:
    """The sender sends nothing but this intensity in this basis.

    The weakest is its only one, as the sampler would go through thousands of photons of the strongest to find one of it.
    """
    intensities = link_model(bench, link).intensities
    only = tuple(float(number == intensity) for number in range(len(intensities)))
    basis_sent = NEVER if basis else 1.0
    if intensity == len(intensities) - 1:
        intensities, only = (max(intensities[-1], NEVER),), (1.0,)
    return changed(bench, link, "a", intensities=intensities, intensity_probabilities=only, key_basis_probability=basis_sent)


def bright(bench: Bench, link: str) -> Bench:
    """Two photons of the strongest pulses are detected."""
    model = link_model(bench, link)
    factor = 2.0 / model.transmittance / model.intensities[0]
    return changed(bench, link, "a", intensities=tuple(mu * factor for mu in model.intensities))


@cache
def links() -> tuple[tuple[str, str], ...]:
    """Every decoy-state link that is shipped."""
    benches = {name: load(name) for name in sorted(shipped())}
    return tuple(
        (name, link) for name in benches for link, table in benches[name].link.items() if table.protocol == "bb84-decoy"
    )


LINKS = [pytest.param(*one, id="/".join(one)) for one in links()]
every_link = pytest.mark.parametrize(("name", "link"), LINKS)


# --- counting ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """``table[code, pattern]``: pulses of a joint setting (intensity, basis, bit) in which this set of detectors clicked."""

    table: npt.NDArray[np.int64]
    pulses: int

    def where(self, code: Any, pattern: Any) -> int:
        """Of settings and patterns that satisfy these."""
        codes, patterns = np.indices(self.table.shape)
        return int(self.table[code(codes >> 2, codes >> 1 & 1, codes & 1) & pattern(patterns, codes)].sum())


def look(bench: Bench, link: str, seconds: float, *, seed: int = 21, lit: bool = True, common_dead: int = 0) -> Seen:
    """Sample this much time, a window at a time; ``common_dead``: pulses for which a click takes every detector out."""
    parties = bench.link[link].parties
    world = World(bench, seed)
    world.set_emitting(parties["a"], 0, emitting=lit)
    world.set_biased(parties["b"], 0, biased=True)
    codes = 4 * len(bench.device[parties["a"]].intensities)  # type: ignore[union-attr]
    table, last = np.zeros(codes * 16, dtype=np.int64), -1 << 60
    for clicks in world.stream_clicks(parties["b"], STEADY_NS, STEADY_NS + math.ceil(seconds * 1e9)):
        if not clicks.index.size:
            continue
        starts = np.flatnonzero(np.diff(clicks.index, prepend=-1))
        pattern = np.bitwise_or.reduceat(np.uint8(1) << clicks.detector, starts).astype(np.int64)
        pulse = clicks.index[starts]
        if common_dead:
            ready = np.diff(pulse, prepend=last) > common_dead
            last = int(pulse[-1])
            pulse, pattern = pulse[ready], pattern[ready]
        sent = world.prepare(parties["a"], pulse)
        code = sent.intensity.astype(np.int64) * 4 + sent.basis * 2 + sent.bit
        table += np.bincount(code * 16 + pattern, minlength=table.size)
    rate_hz = link_model(bench, link).pulse_rate_hz
    return Seen(table.reshape(codes, 16), math.floor(math.ceil(seconds * 1e9) * rate_hz / 1e9))


def sifted(seen: Seen, intensity: int, basis: int) -> tuple[int, float]:
    """Events with clicks in this basis alone, prepared in it, and their errors: half of those of both its detectors."""

    def mine(number: Any, of: Any, _: Any) -> Any:
        return (number == intensity) & (of == basis)

    def alone(pattern: Any, _: Any) -> Any:
        return (pattern >> (2 - 2 * basis) & 3 == 0) & (pattern > 0)

    def wrong(pattern: Any, code: Any) -> Any:
        return alone(pattern, code) & (pattern >> 2 * basis == 2 >> (code & 1))

    def both(pattern: Any, code: Any) -> Any:
        return alone(pattern, code) & (pattern >> 2 * basis == 3)

    return seen.where(mine, alone), seen.where(mine, wrong) + 0.5 * seen.where(mine, both)


def rates_of(model: LinkModel, intensity: int, basis: int) -> tuple[float, float]:
    """Predicted bits and errors per second."""
    rates = sifted_rates(model)
    bits, errors = (rates.key, rates.key_errors) if basis == 0 else (rates.test, rates.test_errors)
    return bits[intensity], errors[intensity]


def singles(one_percent: OnePercent, model: LinkModel, seen: Seen, seconds: float) -> Iterator[Counted]:
    """Clicks of each detector; counts spread as renewal theory says, and more by afterpulses."""
    again = model.counting.afterpulse_probability
    for number, rate_hz in enumerate(click_rates_hz(model)):
        count = seen.where(lambda *_: True, lambda pattern, _, number=number: pattern >> number & 1 == 1)
        offered_hz = rate_hz / (1.0 - rate_hz * model.counting.dead_time_s)
        wide = fano_factor(offered_hz, model.counting.dead_time_s) * (1.0 + again) / (1.0 - again)
        beside = DEAD_MODEL if model.counting.dead_time_s else 0.0
        yield one_percent.spread(f"singles of {number}", count, rate_hz * seconds, wide, beside)


# --- what is compared --------------------------------------------------------------------------------------------------


@every_link
def test_singles_as_declared(one_percent: OnePercent, name: str, link: str) -> None:
    """Each detector with its dead time and afterpulses, with the light on and in the dark."""
    bench = standing(name)
    for lit in (True, False):
        dark = (NEVER,) * len(link_model(bench, link).intensities)
        model = link_model(bench if lit else changed(bench, link, "a", intensities=dark), link)
        again = model.counting.afterpulse_probability
        seconds = one_percent.counts * (1.0 + again) / (1.0 - again) / min(click_rates_hz(model))
        one_percent.hold(list(singles(one_percent, model, look(bench, link, seconds, lit=lit), seconds)))


@every_link
@pytest.mark.parametrize("basis", [0, 1])
def test_gain_of_every_intensity(one_percent: OnePercent, name: str, link: str, basis: int) -> None:
    """Concentrated, without dead time: clicks in the basis of preparation alone."""
    bench = changed(standing(name), link, "b", **BARE)
    found = []
    for intensity in range(len(link_model(bench, link).intensities)):
        of_one = concentrated(bench, link, intensity, basis)
        model = link_model(of_one, link)
        number = min(intensity, len(model.intensities) - 1)  # of the settings there are
        rate_hz, _ = rates_of(model, number, basis)
        seconds = one_percent.counts / rate_hz
        count, _ = sifted(look(of_one, link, seconds), number, basis)
        found.append(one_percent.poisson(f"gain of {intensity}", count, rate_hz * seconds))
    one_percent.hold(found)


@every_link
@pytest.mark.parametrize("basis", [0, 1])
def test_qber_of_every_intensity(one_percent: OnePercent, name: str, link: str, basis: int) -> None:
    """Concentrated, misaligned, measured in the one basis, without dead time: errors, half of those of both detectors."""
    bench = standing(name)
    chosen = {"misalignment": 0.4, "key_basis_probability": NEVER if basis else 1.0}
    bench = changed(bench, link, "b", **BARE, **chosen)
    found = []
    for intensity in range(len(link_model(bench, link).intensities)):
        of_one = concentrated(bench, link, intensity, basis)
        model = link_model(of_one, link)
        number = min(intensity, len(model.intensities) - 1)  # of the settings there are
        _, errors_hz = rates_of(model, number, basis)
        seconds = one_percent.counts / errors_hz
        _, errors = sifted(look(of_one, link, seconds), number, basis)
        found.append(one_percent.poisson(f"errors of {intensity}", errors, errors_hz * seconds))
    one_percent.hold(found)


MANY_ERRORS = ("legacy-gys", "field-japan97-2008", "field-tokyo45-2015")
"""Those of the others, 0.4 to 1 %, would take a hundred million clicks each."""


@pytest.mark.parametrize("name", MANY_ERRORS)
def test_qber_of_the_signal_as_declared(one_percent: OnePercent, name: str) -> None:
    """With the misalignment and the dark counts of the bench itself, in the key basis."""
    ((bench, link),) = [(standing(name), link) for of, link in links() if of == name]
    of_one = concentrated(changed(bench, link, "b", **BARE, key_basis_probability=1.0), link, 0, 0)
    rate_hz, errors_hz = rates_of(link_model(of_one, link), 0, 0)
    seconds = one_percent.counts / errors_hz
    bits, errors = sifted(look(of_one, link, seconds), 0, 0)
    one_percent.hold(
        [one_percent.poisson("gain", bits, rate_hz * seconds), one_percent.poisson("errors", errors, errors_hz * seconds)]
    )


@every_link
def test_sifted_bits_under_the_common_dead_time(one_percent: OnePercent, name: str, link: str) -> None:
    """As declared: sifted bits of signal and decoy, without what comes in the dead time after a click of any detector."""
    bench = standing(name)
    model = link_model(bench, link)
    rates = sifted_rates(model)
    seconds = one_percent.counts / rates.key[0]
    dead = math.floor(model.counting.dead_time_s * model.pulse_rate_hz + 1e-6)
    seen = look(bench, link, seconds, common_dead=dead)
    signal, decoy = (
        one_percent.poisson(f"sifted of {number}", sifted(seen, number, 0)[0], rates.key[number] * seconds, SIFTED_MODEL)
        for number in (0, 1)
    )
    one_percent.hold([signal])
    assert not one_percent.rejects(decoy)


SIFTED_MODEL = 1e-3
"""Of the product of the detectors' shares of readiness: an afterpulse is not independent of the click before it, nor are
detectors of one another where a pulse makes two of them click."""


@every_link
def test_coincidences_of_bright_pulses(one_percent: OnePercent, name: str, link: str) -> None:
    """Bright, without dead time: pulses in which several detectors click, in one basis and in both."""
    bench = bright(changed(standing(name), link, "b", **BARE), link)
    model = link_model(bench, link)
    within, across = expected_coincidences(model)
    pulses = one_percent.counts * 1.05 / min(within, across)
    seconds = pulses / model.pulse_rate_hz
    seen = look(bench, link, seconds)

    def in_one(pattern: Any, _: Any) -> Any:
        return (pattern == 3) | (pattern == 12)

    def in_both(pattern: Any, _: Any) -> Any:
        return (pattern & 3 > 0) & (pattern & 12 > 0)

    found = [one_percent.poisson("within a basis", seen.where(lambda *_: True, in_one), within * seen.pulses)]
    if model.passive:
        found.append(one_percent.poisson("across bases", seen.where(lambda *_: True, in_both), across * seen.pulses))
    one_percent.hold(found)


def expected_coincidences(model: LinkModel) -> tuple[float, float]:
    """Chance per pulse of both clicks of one basis and none of the other, and of clicks in both: independent detectors."""
    dark = -math.expm1(-(model.dark_hz) / model.pulse_rate_hz)
    stray = [-math.expm1(-hz / model.pulse_rate_hz) for hz in model.background_hz]
    within = across = 0.0
    chosen = model.key_basis_received
    ways = [(1.0, (chosen, 1.0 - chosen))] if model.passive else [(chosen, (1.0, 0.0)), (1.0 - chosen, (0.0, 1.0))]
    for (mu, often), basis, (share, arms) in product(zip(model.intensities, model.probabilities, strict=True), (0, 1), ways):
        sent = often * share * (model.key_basis_sent if basis == 0 else 1.0 - model.key_basis_sent)
        click = []
        for arm in (0, 1):
            for part in (1.0 - model.misalignment, model.misalignment) if arm == basis else (0.5, 0.5):
                chance = click_probability(mu, model.transmittance * arms[arm] * part, dark)
                click.append(1.0 - (1.0 - chance) * (1.0 - stray[arm]))
        quiet = [(1.0 - click[2 * arm]) * (1.0 - click[2 * arm + 1]) for arm in (0, 1)]
        within += sent * (click[0] * click[1] * quiet[1] + click[2] * click[3] * quiet[0])
        across += sent * (1.0 - quiet[0]) * (1.0 - quiet[1])
    return within, across if model.passive else math.inf


def test_the_gain_and_qber_of_2005_come_out_of_the_sampler(one_percent: OnePercent) -> None:
    """legacy-gys at 50 km: gain 1.92495e-3 and QBER 3.34124 % (Ma et al. 2005, equations 10 and 11), each to 1 %.

    Their Y0 of 1.7e-6 is the background of a whole receiver: here of the two detectors of its only basis, there of four.
    """
    bench = concentrated(
        changed(load("legacy-gys"), "main", "b", key_basis_probability=1.0, dark_count_rate_hz=1.7), "main", 0, 0
    )
    seen = look(bench, "main", 3.5e7 / (2e6 * 1.92495e-3), seed=22)
    bits, errors = sifted(seen, 0, 0)
    one_percent.hold([
        one_percent.poisson("gain", bits, 1.92495e-3 * seen.pulses, 1e-3),
        one_percent.poisson("errors", errors, 0.0334124 * 1.92495e-3 * seen.pulses, 2e-3),
    ])  # fmt: skip
