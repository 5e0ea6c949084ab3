"""Clicks of the world against the closed forms of ``hil.physics``: every shipped link, and links at random.

The sampler and ``hil.physics`` share no formula. What is expected here is composed of those of ``hil.physics`` alone: of
``click_probability`` for a detector's share of the light, ``with_afterpulses`` and ``fano_factor`` for counts under dead time.

Fixed beforehand: the whole file raises a false alarm with a probability below 1e-6, shared out evenly over at most 4,000
comparisons, so that each rejects beyond 6.3 standard deviations. A mistake of 1 % shifts some count by ten of them and more.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy import stats

from hil.bench import load, shipped
from hil.bench.model import ReceiverDevice
from hil.device_sims.world.world import World
from hil.errors import UsageError
from hil.physics.afterpulse import mandel_q
from hil.physics.click_model import click_probability
from hil.physics.dead_time import fano_factor, with_afterpulses
from hil.physics.link_model import link_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.bench.model import Bench
    from hil.physics.link_model import LinkModel
    from hil.ports.detections import DetectionRecords

FALSE_ALARM = 1e-6
MOST_COMPARISONS = 4_000
STEADY_NS = 1_000_000_000
MODEL_ERROR = 2e-4
"""Relative, of ``with_afterpulses``: an afterpulse finds its detector alive a little more rarely than the average click."""


@dataclass(frozen=True)
class Comparison:
    """A count, its expectation, and the chance of a count as far off as this on either side."""

    what: str
    count: int
    mean: float
    chance: float


@dataclass(frozen=True)
class Experiment:
    """What is changed of a link's receiver, whether there is light, and how many clicks to look at."""

    name: str
    receiver: dict[str, Any]
    lit: bool
    clicks: float


def changed(bench: Bench, link: str, side: str, **values: Any) -> Bench:
    """The bench with other values in the table of one party of a link."""
    party = bench.link[link].parties[side]  # type: ignore[index]
    device = msgspec.structs.replace(bench.device[party], **values)
    return msgspec.structs.replace(bench, device=bench.device | {party: device})


def compare(
    bench: Bench, link: str, experiment: Experiment, seed: int, mistake: Callable[[Bench, str], Bench] | None = None
) -> list[Comparison]:
    """Everything that is counted in an experiment; the world is made of the bench with the mistake in it, if there is one."""
    declared = changed(bench, link, "b", **experiment.receiver)
    simulated = declared if mistake is None else mistake(declared, link)
    model = link_model(declared, link)
    rates_hz = _single_rates_hz(model, lit=experiment.lit)
    live_ns = math.ceil(experiment.clicks / sum(rates_hz) * 1e9)
    world = World(simulated, seed)
    records = _block(world, link, live_ns, lit=experiment.lit)
    found = list(_singles(model, records, rates_hz))
    if experiment.lit and model.counting.dead_time_s == model.counting.afterpulse_probability == 0.0:
        found += _patterns(model, records, world, declared.link[link].parties["a"])
    return found


def _block(world: World, link: str, live_ns: int, *, lit: bool) -> DetectionRecords:
    parties = world.bench.link[link].parties
    world.set_emitting(parties["a"], 0, emitting=lit)
    world.set_biased(parties["b"], 0, biased=True)
    world.start_block(parties["b"], STEADY_NS)
    return world.stop_block(parties["b"], STEADY_NS + live_ns)


def _ways(model: LinkModel, sent_key: bool) -> Iterator[tuple[float, list[float]]]:
    """How often, and the shares of the light at the four detectors when bit 0 is sent in a basis."""
    right = [1.0 - model.misalignment, model.misalignment]
    own, other = (right, [0.5, 0.5]) if sent_key else ([0.5, 0.5], right)
    chosen = model.key_basis_received
    for often, to_key in [(1.0, chosen)] if model.passive else [(chosen, 1.0), (1.0 - chosen, 0.0)]:
        yield often, [*(to_key * part for part in own), *((1.0 - to_key) * part for part in other)]


def _chances(model: LinkModel, intensity: float, shares: list[float]) -> list[float]:
    """Click probabilities of the four detectors in one pulse."""
    dark = -math.expm1(-model.dark_hz / model.pulse_rate_hz)
    return [click_probability(intensity, model.transmittance * share, dark) for share in shares]


def _single_rates_hz(model: LinkModel, *, lit: bool) -> list[float]:
    """Clicks a second of each detector before dead time and afterpulses, either bit as often."""
    rates = [0.0] * 4
    for (mu, share), sent_key in product(zip(model.proof.intensities, model.proof.probabilities, strict=True), (True, False)):
        sent = share * (model.key_basis_sent if sent_key else 1.0 - model.key_basis_sent)
        for often, shares in _ways(model, sent_key):
            chances = _chances(model, mu if lit else 0.0, shares)
            for pair in (0, 2):
                both = (chances[pair] + chances[pair + 1]) / 2.0
                rates[pair] += sent * often * both * model.pulse_rate_hz
                rates[pair + 1] += sent * often * both * model.pulse_rate_hz
    return rates


def _singles(model: LinkModel, records: DetectionRecords, offered_hz: list[float]) -> Iterator[Comparison]:
    """Clicks of each detector, and of all of them."""
    live_s = (records.end - records.first) / model.pulse_rate_hz
    # dead time is in whole pulses
    dead_s = math.floor(model.counting.dead_time_s * model.pulse_rate_hz + 1e-6) / model.pulse_rate_hz
    counts = np.bincount(records.detector, minlength=4)
    means = [with_afterpulses(one, dead_s, model.counting.afterpulse_probability) * live_s for one in offered_hz]
    spread = [
        mean * (1.0 + mandel_q(model.counting.afterpulse_probability)) * fano_factor(one, dead_s)
        for one, mean in zip(offered_hz, means, strict=True)
    ]
    yield from (_normal(f"singles of {n}", int(counts[n]), means[n], spread[n]) for n in range(4))
    yield _normal("singles", int(counts.sum()), sum(means), sum(spread), 4)


def _patterns(model: LinkModel, records: DetectionRecords, world: World, sender: str) -> Iterator[Comparison]:
    """Gain, errors, and pulses with several clicks, for each intensity and basis at both ends."""
    starts = np.flatnonzero(np.diff(records.index, prepend=-1))
    pattern = np.bitwise_or.reduceat(np.uint8(1) << records.detector, starts)
    sent = world.prepare(sender, records.index[starts])
    several = pattern & (pattern - 1) > 0
    pulses = records.end - records.first
    gains = np.zeros((len(model.proof.intensities), 2))
    for (number, mu), basis in product(enumerate(model.proof.intensities), (0, 1)):
        mine = (sent.intensity == number) & (sent.basis == basis)
        share = model.proof.probabilities[number] * (model.key_basis_sent if basis == 0 else 1.0 - model.key_basis_sent)
        inside = pattern >> (2 * basis) & 3
        wrong_only = inside == np.uint8(2) >> sent.bit
        gain = errors = coincidences = 0.0
        for often, shares in _ways(model, basis == 0):
            chances = _chances(model, mu, shares)
            correct, wrong = chances[2 * basis], chances[2 * basis + 1]
            gain += often * (1.0 - (1.0 - correct) * (1.0 - wrong))
            errors += often * wrong * (1.0 - correct)
            silent = math.prod(1.0 - one for one in chances)
            coincidences += often * (1.0 - silent - silent * sum(one / (1.0 - one) for one in chances))
        where = f"of intensity {number} in basis {basis}"
        gains[number] += np.array([(mine & (inside > 0)).sum(), pulses * share * gain])
        yield _poisson(f"gain {where}", int((mine & (inside > 0)).sum()), pulses * share * gain)
        yield _poisson(f"errors {where}", int((mine & wrong_only).sum()), pulses * share * errors)
        yield _poisson(f"coincidences {where}", int((mine & several).sum()), pulses * share * coincidences)
    yield from (_poisson(f"gain of intensity {number}", int(count), mean) for number, (count, mean) in enumerate(gains))


def _normal(what: str, count: int, mean: float, variance: float, detectors: int = 1) -> Comparison:
    """A block begins with every detector ready, which is worth up to a click of each."""
    off = max(abs(count - mean) - MODEL_ERROR * mean - detectors, 0.0)
    return Comparison(what, count, mean, 2.0 * float(stats.norm.sf(off / math.sqrt(variance))))


def _poisson(what: str, count: int, mean: float) -> Comparison:
    """Independent pulses: a little narrower than Poisson, so this chance is not too small."""
    low, high = stats.poisson.cdf(count, mean), stats.poisson.sf(count - 1, mean)
    return Comparison(what, count, mean, min(1.0, 2.0 * float(min(low, high))))


def _links() -> list[tuple[str, str]]:
    """Links of shipped benches that the closed forms cover: a new bench joins by being shipped."""
    found = []
    for name in sorted(shipped()):
        bench = load(name)
        for link in sorted(bench.link):
            with suppress(UsageError):
                link_model(bench, link)
                found.append((name, link))
    return found


LINKS = _links()


BARE = {"dead_time_s": 0.0, "afterpulse_probability": 0.0}
AS_DECLARED = [
    Experiment("light", BARE, lit=True, clicks=1e6),
    Experiment("light, dead time and afterpulses", {}, lit=True, clicks=1e6),
    Experiment("darkness", {}, lit=False, clicks=3e5),
]


@pytest.mark.parametrize("experiment", AS_DECLARED, ids=lambda experiment: experiment.name)
@pytest.mark.parametrize(("bench", "link"), [pytest.param(*one, id="/".join(one)) for one in LINKS])
def test_shipped_link_counts_what_closed_forms_expect(bench: str, link: str, experiment: Experiment) -> None:
    """Gain and errors of each intensity and basis, pulses with several clicks, clicks of each detector."""
    assert _rejected(compare(load(bench), link, experiment, seed=11)) == []


def test_every_link_of_a_decoy_protocol_is_compared() -> None:
    """The closed forms refuse none of them."""
    decoy = {(name, link) for name in shipped() for link, table in load(name).link.items() if table.protocol == "bb84-decoy"}
    assert decoy == set(LINKS)


def _rejected(comparisons: list[Comparison]) -> list[Comparison]:
    return [one for one in comparisons if one.chance < FALSE_ALARM / MOST_COMPARISONS]


SENSITIVE = {
    "light": Experiment("light", BARE, lit=True, clicks=1.6e6),
    "more light": Experiment("more light", BARE, lit=True, clicks=5e6),
    "misaligned": Experiment("misaligned", BARE | {"misalignment": 0.5}, lit=True, clicks=3e6),
    "dark": Experiment("dark", BARE, lit=False, clicks=1.2e6),
    "dead": Experiment("dead", {"dead_time_s": 1e-6, "afterpulse_probability": 0.0}, lit=True, clicks=2e6),
    "afterpulsing": Experiment("afterpulsing", {"dead_time_s": 0.0, "afterpulse_probability": 0.5}, lit=False, clicks=1.5e6),
}
"""Where the counts depend strongly on one thing."""


def _times(side: Literal["a", "b"], name: str, factor: float, at: int | None = None) -> Callable[[Bench, str], Bench]:
    """The mistake of a factor in a value of one party, or in one of several values."""

    def mistake(bench: Bench, link: str) -> Bench:
        value = getattr(bench.device[bench.link[link].parties[side]], name)
        if at is not None:
            return changed(bench, link, side, **{name: tuple(v * factor if n == at else v for n, v in enumerate(value))})
        return changed(bench, link, side, **{name: value * factor})

    return mistake


def _more_loss(bench: Bench, link: str) -> Bench:
    receiver = bench.device[bench.link[link].parties["b"]]
    assert isinstance(receiver, ReceiverDevice)
    return changed(bench, link, "b", insertion_loss_db=receiver.insertion_loss_db - 10.0 * math.log10(0.99))


MISTAKES = {
    "intensity of the signal": ("more light", _times("a", "intensities", 1.01, 0)),
    "intensity of the decoy": ("more light", _times("a", "intensities", 1.01, 1)),
    "share of the signal": ("more light", _times("a", "intensity_probabilities", 1.01, 0)),
    "loss": ("light", _more_loss),
    "efficiency": ("light", _times("b", "efficiency", 0.99)),
    "basis choice of the sender": ("light", _times("a", "key_basis_probability", 0.99)),
    "basis choice of the receiver": ("light", _times("b", "key_basis_probability", 0.99)),
    "misalignment": ("misaligned", _times("b", "misalignment", 0.99)),
    "dark counts": ("dark", _times("b", "dark_count_rate_hz", 1.01)),
    "dead time": ("dead", _times("b", "dead_time_s", 1.01)),
    "afterpulses": ("afterpulsing", _times("b", "afterpulse_probability", 1.01)),
}


@pytest.mark.parametrize("experiment", SENSITIVE.values(), ids=SENSITIVE.keys())
def test_where_a_mistake_would_show_nothing_is_wrong(experiment: Experiment) -> None:
    """The same counts as below, without a mistake."""
    assert _rejected(compare(load("metro-25km"), "metro", experiment, seed=12)) == []


@pytest.mark.parametrize(("experiment", "mistake"), MISTAKES.values(), ids=MISTAKES.keys())
def test_one_wrong_factor_of_one_percent_is_caught(experiment: str, mistake: Callable[[Bench, str], Bench]) -> None:
    """In the declared bench's place a world with one value off by 1 %."""
    assert _rejected(compare(load("metro-25km"), "metro", SENSITIVE[experiment], 12, mistake)) != []


FRACTIONS = st.floats(0.02, 0.98)


@st.composite
def random_links(draw: st.DrawFn) -> Bench:
    """metro-25km with any intensities, loss, noise and basis choice, active or passive."""
    weights = draw(st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3))
    weakest = draw(st.floats(0.0, 0.1))
    decoy = weakest + draw(st.floats(0.05, 0.5))
    signal = weakest + decoy + draw(st.floats(0.05, 1.0))
    bench = changed(
        load("metro-25km"), "metro", "a",
        intensities=(signal, decoy, weakest), intensity_probabilities=tuple(weight / sum(weights) for weight in weights),
        key_basis_probability=draw(FRACTIONS),
    )  # fmt: skip
    return changed(
        bench, "metro", "b",
        insertion_loss_db=draw(st.floats(0.0, 40.0)), efficiency=draw(FRACTIONS),
        dark_count_rate_hz=10.0 ** draw(st.floats(0.0, 5.0)), misalignment=draw(st.floats(0.0, 0.5)),
        key_basis_probability=draw(FRACTIONS), basis_choice=draw(st.sampled_from(["active", "passive"])),
    )  # fmt: skip


# a failing link is as good as a simpler one, and shrinking would take minutes
@settings(max_examples=12, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
@given(bench=random_links(), dead_s=st.floats(0.0, 1e-5), again=st.floats(1e-9, 0.3), seed=st.integers(0, 2**32))
def test_links_at_random_count_what_closed_forms_expect(bench: Bench, dead_s: float, again: float, seed: int) -> None:
    """Light alone, light and dead time, and dark counts with afterpulses."""
    dead, after = BARE | {"dead_time_s": dead_s}, BARE | {"afterpulse_probability": again}
    for receiver, lit in ((BARE, True), (dead, True), (after, False)):
        assert _rejected(compare(bench, "metro", Experiment("random", receiver, lit=lit, clicks=2e5), seed)) == []
