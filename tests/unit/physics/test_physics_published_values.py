"""Every published value, and every computed one that two implementations agree on, within its tolerance.

The values and their sources stand in ``published_values.toml``; here stands how each is reproduced. A value without a
reproduction fails under its name, and so does a reproduction without a value.
"""

from __future__ import annotations

import heapq
import math
import tomllib
from bisect import bisect_right, insort
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.physics.chsh import LOCAL_BOUND, qber_from_s, s_from_qber
from hil.physics.click_model import click_probability, error_probability
from hil.physics.correction_limits import efficiency_with_failures, one_way_efficiency_limit
from hil.physics.decoy_asymptotic import gllp_rate, single_photon_error_upper, single_photon_yield_lower
from hil.physics.decoy_gain import gain, qber, single_photon_error, single_photon_yield
from hil.physics.entropy import binary_entropy, correction_leak_bits
from hil.physics.finite_key import DecoyCounts, DecoyProof, key_bound
from hil.physics.intercept_resend import qber_with_intercept_resend
from hil.physics.one_decoy import OneDecoyCounts, OneDecoyProof, one_decoy_bound
from hil.physics.optimal_intensity import optimal_signal_intensity
from hil.physics.pair_source import PairArm, coincidence_gain, coincidence_qber, optimal_brightness, pair_key_rate
from hil.physics.photon_number import multi_photon_probability, poisson_probability
from hil.physics.qber_threshold import bb84_threshold, six_state_threshold
from hil.physics.reach import longest_reach
from hil.physics.received_power import transmittance
from hil.pipeline.conversation import Conversation
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.messages import Corrected
from hil.pipeline.reconciliation import cascade
from hil.pipeline.stepping import run_pair
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy.typing as npt

    from hil.pipeline.party import Party

Given = dict[str, Any]
Found = dict[str, Any]

VALUES: Mapping[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("published_values.toml").read_text("utf-8"))


def _eta(g: Given, km: float) -> float:
    return float(g["receiver"]) * transmittance(g["loss_db_per_km"] * km)


def _bounds(g: Given, km: float, decoy: float | None) -> tuple[float, float]:
    """Y1 and e1: as bounded by a vacuum and a weak decoy, or as they are."""
    eta, y0, wrong = _eta(g, km), g["background"], g["misalignment"]
    if decoy is None:
        return single_photon_yield(eta, y0), single_photon_error(eta, y0, wrong)
    q_nu, e_nu = gain(decoy, eta, y0), qber(decoy, eta, y0, wrong)
    lower = single_photon_yield_lower(g["signal"], decoy, gain(g["signal"], eta, y0), q_nu, y0)
    return lower, single_photon_error_upper(decoy, q_nu, e_nu, y0, lower)


def _rate(g: Given, km: float, decoy: float | None) -> float:
    eta, y0, mu = _eta(g, km), g["background"], g["signal"]
    signal_qber = qber(mu, eta, y0, g["misalignment"])
    return gllp_rate(mu, gain(mu, eta, y0), signal_qber, *_bounds(g, km, decoy), correction_efficiency=g["f"], sifting=0.5)


def _reach(g: Given) -> Found:
    return {"reach_km": longest_reach(lambda km: _rate(g, km, g.get("decoy")), 300.0)}


def _deviation(g: Given) -> Found:
    (lower, upper), (single, error) = _bounds(g, g["km"], g["decoy"]), _bounds(g, g["km"], None)
    return {"yield_below_true_percent": 100 * (1 - lower / single), "error_above_true_percent": 100 * (upper / error - 1)}


def _point(g: Given) -> Found:
    eta, y0, wrong = _eta(g, g["km"]), g["background"], g["misalignment"]
    lower, upper = _bounds(g, g["km"], g["decoy"])
    return {
        "transmittance": eta,
        "signal_gain": gain(g["signal"], eta, y0),
        "signal_qber": qber(g["signal"], eta, y0, wrong),
        "decoy_gain": gain(g["decoy"], eta, y0),
        "decoy_qber": qber(g["decoy"], eta, y0, wrong),
        "single_yield_lower": lower,
        "single_error_upper": upper,
        "rate_vacuum_weak": _rate(g, g["km"], g["decoy"]),
        "rate_vacuum_weak_100_km": _rate(g, 100.0, g["decoy"]),
        "rate_vacuum_weak_140_km": _rate(g, 140.0, g["decoy"]),
        "rate_infinite_decoy": _rate(g, g["km"], None),
        "rate_infinite_decoy_0_km": _rate(g, 0.0, None),
        "rate_infinite_decoy_100_km": _rate(g, 100.0, None),
    }


def _expected(g: Given, background: float, afterpulses: float) -> dict[str, list[float]]:
    """Counts and errors of both bases, per intensity, when both parties choose the key basis with the same probability."""
    eta, wrong = _eta(g, g["km"]), g["misalignment"]
    sent = [(g["pulses"] * p, mu) for p, mu in zip(g["probabilities"], g["intensities"], strict=True)]
    clicks = [n * click_probability(mu, eta, background, afterpulses) for n, mu in sent]
    errors = [n * error_probability(mu, eta, background, wrong, afterpulses) for n, mu in sent]
    key, test = g["key_basis"] ** 2, (1 - g["key_basis"]) ** 2
    return {
        "key_counts": [key * n for n in clicks],
        "key_errors": [key * n for n in errors],
        "test_counts": [test * n for n in clicks],
        "test_errors": [test * n for n in errors],
    }


def _two_decoys(g: Given) -> Found:
    counts = _expected(g, 2 * g["dark_probability"], g["afterpulse_probability"])
    sifted = sum(counts["key_counts"])
    observed = sum(counts["key_errors"]) / sifted
    proof = DecoyProof(_three(g["intensities"]), _three(g["probabilities"]), g["epsilon_secrecy"], g["epsilon_correctness"])
    block = DecoyCounts(_three(counts["key_counts"]), _three(counts["test_counts"]), _three(counts["test_errors"]))
    bound = key_bound(block, proof, correction_leak_bits(sifted, observed, g["f"]))
    return {**counts, "qber": observed, **vars(bound)}


def _three(values: Iterable[float]) -> tuple[float, float, float]:
    first, second, third = values
    return (first, second, third)


def _one_decoy(g: Given) -> Found:
    counts = _expected(g, g["dark_hz"] / g["pulse_rate_hz"], 0.0)
    sifted = sum(counts["key_counts"])
    observed = sum(counts["key_errors"]) / sifted
    proof = OneDecoyProof(_two(g["intensities"]), _two(g["probabilities"]), g["epsilon_secrecy"], g["epsilon_correctness"])
    block = OneDecoyCounts(*(_two(counts[name]) for name in ("key_counts", "key_errors", "test_counts", "test_errors")))
    bound = one_decoy_bound(block, proof, correction_leak_bits(sifted, observed, g["f"]))
    return {"sifted_bits": sifted, "qber": observed, **vars(bound)}


def _two(values: Iterable[float]) -> tuple[float, float]:
    first, second = values
    return (first, second)


def _arms(g: Given, alice_db: float, bob_db: float) -> tuple[PairArm, PairArm]:
    alice, bob = (PairArm(g["receiver"] * transmittance(loss), g["background"]) for loss in (alice_db, bob_db))
    return alice, bob


def _pairs(g: Given) -> Found:
    arms = _arms(g, g["loss_db"] / 2, g["loss_db"] / 2)
    best = optimal_brightness(*arms, g["misalignment"], correction_efficiency=g["f"])
    return {
        "brightness": best,
        "rate": pair_key_rate(best, *arms, g["misalignment"], correction_efficiency=g["f"]),
        "gain": coincidence_gain(best, *arms),
        "qber": coincidence_qber(best, *arms, g["misalignment"]),
        "gain_there": coincidence_gain(g["brightness"], *arms),
        "qber_there": coincidence_qber(g["brightness"], *arms, g["misalignment"]),
    }


def _pairs_reach(g: Given) -> Found:
    def best(alice_db: float, bob_db: float) -> float:
        arms = _arms(g, alice_db, bob_db)
        brightness = optimal_brightness(*arms, g["misalignment"], correction_efficiency=g["f"])
        return pair_key_rate(brightness, *arms, g["misalignment"], correction_efficiency=g["f"])

    return {
        "middle_db": longest_reach(lambda loss: best(loss / 2, loss / 2), 90.0),
        "at_alice_db": longest_reach(lambda loss: best(0.0, loss), 90.0),
    }


def _violation_lost(_: Given) -> Found:
    return {"qber": qber_from_s(LOCAL_BOUND), "s_at_that_qber": s_from_qber(0.1464466094067262)}


def _photons(g: Given) -> Found:
    return {
        "empty": [poisson_probability(0, mean) for mean in g["mean"]],
        "several": [multi_photon_probability(mean) for mean in g["mean"]],
    }


def _limits(g: Given) -> Found:
    cases = [(q, failed) for q in g["qber"] for failed in g["frame_error_ratio"]]
    lengths = (1944, 4000, 16384, 100_000, 819_200, 1_000_000)
    return {f"limit_{bits}": [one_way_efficiency_limit(bits, q, failed) for q, failed in cases] for bits in lengths}


def _table3(g: Given) -> Found:
    efficiency = []
    for q, (k1, k2, k3) in zip(g["qber"], g["blocks"], strict=True):
        sizes = [k1, k2, k3, *[g["bits"] // 2] * (g["passes"] - 3)]
        efficiency.append(_sequential(g["bits"], q, sizes, frames=6, reuse=True))
    rows = zip(g["printed_efficiency"], g["qber"], g["frame_error_ratio"], strict=True)
    return {"efficiency": efficiency, "efficiency_with_failures": [efficiency_with_failures(*row) for row in rows]}


def _sequential(bits: int, q: float, sizes: list[int], frames: int, *, reuse: bool) -> float:
    """Parities per bit over h(q), with exactly the expected number of errors in each frame."""
    asked = [_parities(bits, round(q * bits), sizes, seed, reuse=reuse) for seed in range(frames)]
    return float(np.mean(asked)) / (bits * binary_entropy(q))


def _parities(bits: int, errors: int, sizes: list[int], seed: int, *, reuse: bool) -> int:
    """Parities that Cascade asks for when it sets right one error after the other; a model that sees errors only.

    A pass is a list of parts whose parity is known. One with an odd number of errors is halved until the error stands alone;
    setting it right makes a part of every other pass odd or even. With ``reuse`` the halves are parts from then on.
    """
    rng = stream(seed, "parts of blocks", bits, errors)
    wrong = np.zeros(bits, dtype=np.uint8)
    wrong[rng.permutation(bits)[:errors]] = 1
    orders: list[npt.NDArray[np.int64]] = []
    places: list[npt.NDArray[np.int64]] = []
    edges: list[list[int]] = []
    asked = 0
    for number, size in enumerate(sizes):
        orders.append(rng.permutation(bits))
        places.append(np.argsort(orders[-1]))
        edges.append([*range(0, bits, size), bits])
        # the parity of all bits is known after the first pass, and with it that of a pass's last block
        asked += len(edges[-1]) - 1 - (number > 0)
        odd = [(size, number, start) for start in edges[-1][:-1]]
        while odd:
            _, at, start = heapq.heappop(odd)
            end = edges[at][bisect_right(edges[at], start)]
            if not wrong[orders[at][start:end]].sum() % 2:
                continue
            while end - start > 1:
                middle = (start + end) // 2
                asked += 1
                if reuse:
                    insort(edges[at], middle)
                start, end = (start, middle) if wrong[orders[at][start:middle]].sum() % 2 else (middle, end)
            bit = orders[at][start]
            wrong[bit] = 0
            for other, known in enumerate(edges):
                after = bisect_right(known, places[other][bit])
                heapq.heappush(odd, (known[after] - known[after - 1], other, known[after - 1]))
    return asked


def _original(g: Given) -> Found:
    """The original protocol of four passes: the model, and the pipeline's own error correction when held to as many."""
    found: Found = {"model": [], "model_16384": [], "pipeline": []}
    with pytest.MonkeyPatch.context() as patch:
        for q in g["qber"]:
            sizes = [math.ceil(0.73 / q) << n for n in range(g["passes"])]
            found["model"].append(_sequential(g["bits"], q, sizes, frames=10, reuse=False))
            found["model_16384"].append(_sequential(16384, q, sizes, frames=6, reuse=False))
            patch.setattr(cascade, "block_sizes", lambda *_, sizes=sizes: sizes)
            disclosed = [_disclosed(g["bits"], round(q * g["bits"]), q, seed) for seed in range(12)]
            found["pipeline"].append(float(np.mean(disclosed)) / (g["bits"] * binary_entropy(q)))
    return found


def _disclosed(bits: int, errors: int, q: float, seed: int) -> int:
    rng = stream(seed, "original", bits, errors)
    alice = rng.integers(0, 2, bits, dtype=np.uint8)
    wrong = np.zeros(bits, dtype=np.uint8)
    wrong[rng.permutation(bits)[:errors]] = 1
    ends = Conversation("a"), Conversation("b")

    def bob() -> Party[int]:
        _, said = yield from cascade.correct(ends[1], alice ^ wrong, q, SeededEntropy(seed))
        yield from ends[1].send(Corrected((0, 0, 0)))
        return said.by_alice

    _, by_alice = run_pair(cascade.answer(ends[0], alice), bob())
    return by_alice


REPRODUCTIONS: Mapping[str, Callable[[Given], Found]] = {
    "gys-mu-opt-f122": lambda g: {"signal": optimal_signal_intensity(g["misalignment"], g["f"])},
    "gys-max-km-infinite-decoy": _reach,
    "gys-max-km-vacuum-weak": _reach,
    "gys-40km-decoy-deviation": _deviation,
    "gys-point-50km": _point,
    "lim2014-25km-1e+10": _two_decoys,
    "lim2014-50km-1e+12": _two_decoys,
    "onedecoy-50km-1e+11": _one_decoy,
    "onedecoy-100km-1e+12": _one_decoy,
    "bbm92-middle-20dB": _pairs,
    "bbm92-max-loss": _pairs_reach,
    "bb84-threshold": lambda _: {"qber": bb84_threshold()},
    "sixstate-threshold": lambda _: {"qber": six_state_threshold()},
    "chsh-lost": _violation_lost,
    "e91-naik2000": lambda g: {"qber": qber_from_s(sum(g["s"]) / len(g["s"]))},
    "intercept-resend-bb84": lambda g: {"qber": [qber_with_intercept_resend(fraction) for fraction in g["fraction"]]},
    "poisson-photon-number": _photons,
    "gys2004-122km-qber": lambda g: {
        "qber": [qber(g["signal"], _eta(g, g["km"]), g["background"], wrong) for wrong in g["misalignment"]]
    },
    "cascade-martinez-mateo-table3": _table3,
    "cascade-original-n1e4": _original,
    "one-way-f-lower-limit": _limits,
}


def _amiss(check: Mapping[str, Any], found: Any) -> str:
    """What is wrong with a value that was found, nothing if it is as it should be."""
    if "brackets" in check:
        low, high = found
        return "" if low < check["brackets"] < high else f"{check['of']}: {check['brackets']} is not between {low} and {high}"
    if "least" in check:
        inside = all(low < value < high for low, value, high in zip(check["least"], found, check["most"], strict=True))
        return "" if inside else f"{check['of']}: {found} does not lie between {check['least']} and {check['most']}"
    expected = pytest.approx(check["is"], rel=check.get("relative", 0.0), abs=check.get("within", 0.0))
    return "" if found == expected else f"{check['of']}: found {found}, published {expected}"


@pytest.mark.parametrize("item", sorted({*VALUES, *REPRODUCTIONS}))
def test_published_value_is_reproduced(item: str) -> None:
    """Each quantity of the item, within its tolerance."""
    assert item in VALUES, f"{item} is reproduced, but no value of that name is published"
    assert item in REPRODUCTIONS, f"nothing reproduces {item}: {VALUES[item]['source']}"
    found = REPRODUCTIONS[item](VALUES[item]["given"])
    checks = VALUES[item]["checks"]
    assert {check["of"] for check in checks} <= set(found), f"{item}: not everything is reproduced"
    assert [wrong for check in checks if (wrong := _amiss(check, found[check["of"]]))] == []


def test_values_name_their_source() -> None:
    """Where a value comes from, how it came about, and how far off it may be."""
    for item, value in VALUES.items():
        assert value["source"], item
        assert value["how"], item
        assert all({"within", "relative", "brackets", "least"} & set(check) for check in value["checks"]), item
