"""Where limits come from, and what every indicator's SPEC promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from hil import discovery
from hil.bench import load
from hil.bench.model import Contract, Fibre, SloLimit
from hil.errors import UsageError
from hil.physics.prediction import predict
from hil.slo import resolve
from hil.slo._words import bit_rate, duration, percent, rate

if TYPE_CHECKING:
    from hil.bench.model import Bench

DEFAULTS = {
    "link_availability": (0.999, "above"),
    "key_rate": (100.0, "above"),
    "contract_key_rate": (None, "above"),
    "qber": (0.02, "below"),
    "photon_counts": (0.10, "within"),
    "dark_counts": (100.0, "below"),
    "entanglement_fidelity": (0.90, "above"),
    "chsh": (2.0, "above"),
    "key_ingestion": (1.0, "below"),
    "calibration_interval": (604_800.0, "below"),
    "auth_round_trip": (0.1, "below"),
    "dead_time": (0.02, "within"),
    "detector_balance": (0.02, "within"),
}


@pytest.fixture(scope="module")
def metro() -> Bench:
    return load("metro-25km")


def _slo(bench: Bench, **limits: SloLimit) -> Bench:
    return replace(bench, slo=limits)


def test_every_indicator_is_found() -> None:
    """Discovery finds these and no others, each under its module's name, with the defaults of the product."""
    names = [name.replace("-", "_") for name in discovery.names("indicator")]
    assert sorted(names) == sorted(DEFAULTS)
    for name in names:
        spec = discovery.find("indicator", name)
        assert (spec.name, spec.default_limit, spec.direction) == (name, *DEFAULTS[name])
        assert "PASS if" in spec.rule
        assert "FAIL if" in spec.rule
        assert spec.gate is (name not in {"link_availability", "calibration_interval"})


def test_the_reference_page_says_what_the_specs_say() -> None:
    """Every indicator has its row, with its title and rule as declared in code."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "indicators.md"
    rows = {line.split("`")[1]: line for line in page.read_text().splitlines() if line.startswith("| `")}
    assert rows.keys() == DEFAULTS.keys()
    for name, row in rows.items():
        spec = discovery.find("indicator", name)
        assert f"| {spec.title} |" in row
        cell = row.rstrip(" |").rsplit("| ", 1)[1]
        same_as = re.fullmatch(r"as `(\w+)`", cell)
        assert spec.rule == (discovery.find("indicator", same_as[1]).rule if same_as else cell)


def test_bench_comes_first(metro: Bench) -> None:
    """A limit of the bench file wins, with its confidence and gate, whatever the spelling of its name."""
    spec = discovery.find("indicator", "key-ingestion")
    bench = _slo(metro, **{"key-ingestion": SloLimit(max="250 ms", confidence=0.99, gate=False)})
    objective = resolve(bench, "metro", spec)
    assert (objective.limit, objective.confidence, objective.gate, objective.source) == (0.25, 0.99, False, "bench")


def test_default_comes_last(metro: Bench) -> None:
    """Without a word in the bench file the indicator's default holds; a table that only sets the confidence keeps it."""
    spec = discovery.find("indicator", "dark_counts")
    assert resolve(metro, "metro", spec).source == "default"
    objective = resolve(_slo(metro, dark_counts=SloLimit(confidence=0.99)), "metro", spec)
    assert (objective.limit, objective.confidence, objective.source) == (100.0, 0.99, "default")


def test_contract_before_prediction(metro: Bench) -> None:
    """A contract is the limit; without one it is 80 % of the predicted rate, and without a prediction there is none."""
    spec = discovery.find("indicator", "contract_key_rate")
    link = metro.link["metro"]
    prediction = predict(metro, "metro")
    plain = replace(metro, link={"metro": replace(link, contract=None)})
    objective = resolve(plain, "metro", spec, prediction)
    assert objective.limit == pytest.approx(0.8 * prediction.key_rate_bps)
    assert objective.source == "contract"
    assert resolve(plain, "metro", spec).limit is None
    signed = replace(metro, link={"metro": replace(link, contract=Contract(key_rate_bps=3e5))})
    assert resolve(signed, "metro", spec, prediction).limit == 3e5


def test_no_contract_is_for_nothing(metro: Bench) -> None:
    """Where no key is predicted, the contract is not met by none: 100 bit/s is the least."""
    link = metro.link["metro"]
    far = replace(metro, link={"metro": replace(link, contract=None, fibre=Fibre(length_km=85.0))})
    spec = discovery.find("indicator", "contract_key_rate")
    assert resolve(far, "metro", spec, predict(far, "metro")).limit == 100.0


def test_a_gate_of_a_long_run_stays_none_of_a_short_one(metro: Bench) -> None:
    """A limit of the bench file does not turn availability into a gate of every run."""
    spec = discovery.find("indicator", "link_availability")
    assert resolve(_slo(metro, link_availability=SloLimit(min=0.99)), "metro", spec).gate is False


def test_the_wrong_side_is_refused(metro: Bench) -> None:
    """QBER has no minimum, key rate no maximum."""
    with pytest.raises(UsageError, match=r"slo\.qber\.min: quantum bit error rate has a max, no min"):
        resolve(_slo(metro, qber=SloLimit(min=0.01)), "metro", discovery.find("indicator", "qber"))
    with pytest.raises(UsageError, match="has a min, no max"):
        resolve(_slo(metro, key_rate=SloLimit(max=1.0)), "metro", discovery.find("indicator", "key_rate"))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(0.0131), "1.31 %"),
        (percent(0.02), "2 %"),
        (percent(0.999, 5), "99.9 %"),
        (percent(0.0), "0 %"),
        (duration(41.0), "41 s"),
        (duration(50e-9), "50 ns"),
        (duration(90.0), "90 s"),
        (duration(179_700.0), "49.9 h"),
        (duration(0.0), "0 s"),
        (duration(2.64), "2.64 s"),
        (bit_rate(514_981.0), "515 kbit/s"),
        (bit_rate(98.0), "98 bit/s"),
        (bit_rate(-500.0), "-500 bit/s"),
        (rate(60.606), "60.6 cps"),
        (rate(1_254_626.9), "1,254,627 cps"),
    ],
)
def test_numbers_in_words(said: str, expected: str) -> None:
    """Three significant digits and the unit an engineer would use."""
    assert said == expected
