"""Numbers of a transmitter that must agree: intensities and their probabilities, photon statistics, states."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hil.bench.wording import show
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.bench.walk import Walked

__all__ = ["check_source"]

_SUM_TOLERANCE = 1e-6
_MOST_INTENSITIES = 16


def check_source(device: Walked, where: str) -> Iterator[Mistake]:
    """Every mistake of a transmitter, as it is declared and as it actually is."""
    yield from _check_intensities(device.values, where)
    yield from _check_statistics(device.values, where)
    yield from _check_states(device.values, where)
    actual = device.get("actual") or {}
    for name in ("intensities", "intensity_probabilities"):
        declared, really = device.get(name), actual.get(name)
        if declared is not None and really is not None and len(declared) != len(really):
            wanted = f"as many numbers as are declared, {len(declared)}"
            yield Mistake(f"{where}.actual.{name}", show(list(really)), wanted)
            return
    if actual:
        merged = {**device.values, **actual}
        yield from _only({"intensities", "intensity_probabilities"}, actual, _check_intensities(merged, f"{where}.actual"))
        yield from _only({"g2", "intensities"}, actual, _check_statistics(merged, f"{where}.actual"))
        yield from _only({"preparation_error"}, actual, _check_states(merged, f"{where}.actual"))


def _only(names: set[str], actual: dict[str, object], mistakes: Iterator[Mistake]) -> Iterator[Mistake]:
    if names & set(actual):
        yield from mistakes


def _check_intensities(values: dict[str, object], where: str) -> Iterator[Mistake]:
    intensities, probabilities = values.get("intensities"), values.get("intensity_probabilities")
    if isinstance(intensities, tuple):
        descending = all(high > low for high, low in pairwise(intensities))
        if not (descending and 1 <= len(intensities) <= _MOST_INTENSITIES and intensities[0] > 0.0 and intensities[-1] >= 0.0):
            wanted = f"one to {_MOST_INTENSITIES} mean photon numbers, the largest first and above 0"
            yield Mistake(f"{where}.intensities", show(list(intensities)), wanted)
        elif len(intensities) == 3 and intensities[0] <= intensities[1] + intensities[2]:
            wanted = "a first intensity above the sum of the others, or the decoy bounds say nothing"
            yield Mistake(f"{where}.intensities", show(list(intensities)), wanted)
    if isinstance(probabilities, tuple):
        key = f"{where}.intensity_probabilities"
        if isinstance(intensities, tuple) and len(probabilities) != len(intensities):
            yield Mistake(key, show(list(probabilities)), f"as many numbers as there are intensities, {len(intensities)}")
        elif not all(probability > 0 for probability in probabilities):
            yield Mistake(key, show(list(probabilities)), "numbers above 0")
        elif abs(sum(probabilities) - 1.0) > _SUM_TOLERANCE:
            yield Mistake(key, show(list(probabilities)), f"numbers that add up to 1, not {sum(probabilities):g}")


def _check_statistics(values: dict[str, object], where: str) -> Iterator[Mistake]:
    g2, intensities = values.get("g2"), values.get("intensities")
    if not isinstance(g2, float):
        return
    if values.get("source") == "weak-coherent" and g2 != 0.0:
        yield Mistake(
            f"{where}.g2", f"{g2:g}", "no g2 of a weak coherent source, whose light has 1; or source = 'single-photon'"
        )
    elif values.get("source") == "single-photon" and isinstance(intensities, tuple) and intensities:
        mean = intensities[0]
        pairs = 0.5 * g2 * mean**2
        if g2 * mean > 1.0 or mean - pairs > 1.0:
            yield Mistake(
                f"{where}.intensities",
                show(list(intensities)),
                f"mean photon numbers that pulses of at most two photons can have with g2 = {g2:g}: mean <= 1 + g2 mean² / 2,"
                " g2 mean <= 1",
            )


def _check_states(values: dict[str, object], where: str) -> Iterator[Mistake]:
    errors = values.get("preparation_error")
    if isinstance(errors, tuple) and len(errors) not in {0, 1, 2, 4}:
        wanted = "one number for all states, two (key basis, test basis) or four (z0, z1, x0, x1)"
        yield Mistake(f"{where}.preparation_error", show(list(errors)), wanted)
