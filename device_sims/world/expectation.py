"""Closed forms of one state: click rates, their spread, QBER, and the key a black box would make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .photons import emitted_chances
from .steady import clicks_and_fano, slot_shares

if TYPE_CHECKING:
    import numpy.typing as npt

    from .reception import Receiver, Reception

__all__ = ["Expectation", "Moment", "draw_counts", "expect"]

_EFFICIENCY_OF_CORRECTION = 1.16
_FINITE_SIZE = 0.55


@dataclass(frozen=True)
class Expectation:
    """What one state is expected to give, per pulse.

    ``clicks`` and ``fano`` of each detector; ``sifted`` bits in the key basis and their error ratio ``qber`` (nan without any);
    ``signal`` clicks of light, over all detectors; ``key`` bits left after distillation.
    """

    clicks: npt.NDArray[np.float64]
    fano: npt.NDArray[np.float64]
    signal: float
    sifted: float
    qber: float
    key: float


@dataclass(frozen=True)
class Moment:
    """What varies inside a state: misalignment of key and test basis, survival, amounts of each varying background, age."""

    errors: tuple[float, float]
    survival: float = 1.0
    excess: tuple[float, ...] = ()
    age_ns: float = 0.0


def expect(receiver: Receiver, reception: Reception | None, moment: Moment, qber_limit: float) -> Expectation:
    """The closed forms of a moment of a state; nothing clicks without bias (``reception`` None)."""
    if reception is None:
        nothing = np.zeros(len(receiver.device.detectors))
        return Expectation(nothing, nothing + 1.0, 0.0, 0.0, float("nan"), 0.0)
    dynamics = reception.dynamics
    dark = reception.dark_per_pulse
    for amount, most in zip(moment.excess, reception.varying_per_pulse, strict=False):
        dark = dark + amount * most
    dark = dark * dynamics.open_share
    often = reception.often
    outcome, light = reception.straight, np.zeros((1, dark.size))
    if receiver.source is not None:
        outcome = outcome + np.array(moment.errors)[_settings(receiver)[0]][:, None] * reception.tilt
        light = reception.proposals_per_pulse / reception.headroom * moment.survival * outcome
    # what dispersion or jitter puts into another pulse's slot meets any setting there
    own, others = slot_shares(dynamics)
    kept = own * (1.0 - reception.stray_share)
    dark = dark + (own + others - kept) * (often @ light)
    light = kept * light
    if receiver.source is not None and receiver.source.fluctuation:
        light = light - 0.5 * (receiver.source.fluctuation * light) ** 2
    counted = receiver.source is not None and receiver.source.single_photons
    missed = np.maximum(1.0 - light, 0.0) if counted else np.exp(-light)
    chance = 1.0 - missed * np.exp(-dark)
    primary = often @ chance
    again = dynamics.afterpulse_probability * dynamics.open_share
    clicks, fano = clicks_and_fano(primary, dynamics)
    offered = primary + again * clicks
    alive = np.divide(clicks, offered, out=np.ones_like(clicks), where=offered > 0.0)
    signal = float(((often @ (1.0 - missed)) * alive).sum())
    if receiver.source is None:
        return Expectation(clicks, fano, 0.0, 0.0, float("nan"), 0.0)
    if not reception.synchronised:
        return Expectation(clicks, fano, signal, 0.0, float("nan"), 0.0)
    sifted, wrong = _sifted(receiver, often, chance * alive, again * clicks * alive)
    qber = wrong / sifted if sifted > 0.0 else float("nan")
    key = 0.0
    if signal > 0.0 and sifted > 0.0 and qber <= qber_limit:
        lost = _single_photons_lost(receiver, reception)
        key = _key(receiver, dark, often, light, alive=alive, lost=lost, sifted=sifted, qber=qber)
    return Expectation(clicks, fano, signal, sifted, qber, key)


def draw_counts(
    rng: np.random.Generator, mean: npt.NDArray[np.float64], fano: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Counts of a given mean and (nearly) a given Fano factor: binomial below one, negative binomial above. Any one shape."""
    spread = np.abs(fano - 1.0)
    poisson = rng.poisson(mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(spread > 0.0, mean / spread, 0.0)
        below = (fano < 1.0) & (spread > 1e-9) & (mean > 0.0)
        above = (fano > 1.0) & (spread > 1e-9) & (mean > 0.0)
    trials = np.floor(np.where(below, size, 0.0) + rng.random(mean.shape)).astype(np.int64)
    few = rng.binomial(trials, np.where(below, np.minimum(spread, 1.0), 0.0))
    many = rng.negative_binomial(np.where(above, size, 1.0), np.where(above, 1.0 / np.maximum(fano, 1.0), 1.0))
    result: npt.NDArray[np.int64] = np.where(below, few, np.where(above, many, poisson))
    return result


def _sifted(
    receiver: Receiver,
    often: npt.NDArray[np.float64],
    clicks: npt.NDArray[np.float64],
    afterpulses: npt.NDArray[np.float64],
) -> tuple[float, float]:
    """Bits of the key basis at both ends, and the wrong ones; an afterpulse knows nothing of the bit it falls on."""
    basis, bit = _settings(receiver)
    sifted, wrong = 0.0, 0.0
    for number, (basis_d, bit_d) in enumerate(zip(receiver.roles.basis, receiver.roles.bit, strict=True)):
        if basis_d != 0:
            continue
        in_basis = basis == 0
        sifted += float((often * clicks[:, number])[in_basis].sum() + often[in_basis].sum() * afterpulses[number])
        wrong += float((often * clicks[:, number])[in_basis & (bit != bit_d)].sum())
        wrong += float(often[in_basis].sum() * afterpulses[number]) / 2.0
    return sifted, wrong


def _key(
    receiver: Receiver,
    dark: npt.NDArray[np.float64],
    often: npt.NDArray[np.float64],
    light: npt.NDArray[np.float64],
    *,
    alive: npt.NDArray[np.float64],
    lost: float,
    sifted: float,
    qber: float,
) -> float:
    """Decoy-state key of many pulses with known yields (Lo, Ma, Chen, PRL 94, 230504), times 0.55 for finite size.

    The photon numbers are those of the declared source; light that is wrong in the test basis is a phase error in the key's.
    """
    assert receiver.source is not None
    basis, bit = _settings(receiver)
    roles = np.array(receiver.roles.basis), np.array(receiver.roles.bit)
    mine, in_basis = roles[0] == 0, basis == 0
    each = often.size // len(receiver.source.intensities)
    photons = np.repeat(np.array(receiver.source.intensities), each)
    emitted = np.repeat(emitted_chances(receiver.source, receiver.source.intensities), each, axis=0)
    per_photon = float((often @ (light[:, mine].sum(axis=1) * in_basis)) / ((often * photons)[in_basis].sum())) * (1.0 - lost)
    live = float(alive[mine].mean())
    background = float(dark[mine].sum())
    vacuum = float((often * emitted[:, 0])[in_basis].sum()) * background * live
    single_yield = background + per_photon
    single = float((often * emitted[:, 1])[in_basis].sum()) * single_yield * live
    tested = (often * ~in_basis)[:, None] * light * ~mine
    tests = float(tested.sum())
    wrong = float(tested[bit[:, None] != roles[1]].sum()) / tests if tests > 0.0 else 0.5
    phase_error = (wrong * per_photon + background / 2.0) / single_yield if single_yield > 0.0 else 0.5
    kept = vacuum + single * (1.0 - _entropy(phase_error)) - _EFFICIENCY_OF_CORRECTION * sifted * _entropy(qber)
    return max(kept * _FINITE_SIZE, 0.0)


def _single_photons_lost(receiver: Receiver, reception: Reception) -> float:
    """Share of the photons in pulses of their own that come less often than photons do on average: who splits blocks them."""
    routes = reception.routes
    if receiver.source is None or routes is None:
        return 0.0
    split = 0.0 if routes.attack is None else routes.attack.split
    often, intensities = receiver.source.intensity_probabilities, np.array(receiver.source.intensities)
    of_single = (1.0 - split) * routes.tables.single[0] + split * routes.tables.single[1]
    of_any = float(often @ ((1.0 - split) * routes.tables.mean[0] + split * routes.tables.mean[1]) / (often @ intensities))
    return 1.0 - of_single / of_any if of_any > 0.0 else 0.0


def _settings(receiver: Receiver) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Alice's basis and bit of each of the S settings."""
    assert receiver.source is not None
    codes = np.arange(4 * len(receiver.source.intensities))
    if receiver.active:
        codes = np.repeat(codes, 2)
    return codes >> 1 & 1, codes & 1


def _entropy(ratio: float) -> float:
    if ratio <= 0.0 or ratio >= 1.0:
        return 0.0
    return float(-ratio * np.log2(ratio) - (1.0 - ratio) * np.log2(1.0 - ratio))
