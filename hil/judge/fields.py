"""The fields of a file of counters: what each accepts, and how the raw values of one block become a block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hil.bench.wording import nearest, show
from hil.errors import Mistake
from hil.judge.counters import VendorBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["FIELDS", "LISTS", "MOST_INTENSITIES", "WORDS", "build_block"]

_LARGEST = 1e18


@dataclass(frozen=True)
class _Field:
    """Bounds of a number: ``least`` is allowed, ``above`` and ``below`` are not."""

    least: float | None = None
    above: float | None = None
    below: float | None = None
    whole: bool = False
    by_intensity: bool = False

    @property
    def accepted(self) -> str:
        """In words."""
        bounds = [f"of at least {self.least:g}"] if self.least is not None else []
        bounds += [f"above {self.above:g}"] if self.above is not None else []
        bounds += [f"below {self.below:g}"] if self.below is not None else []
        return " ".join(["a whole number" if self.whole else "a number", " and ".join(bounds)])

    def accepts(self, value: object) -> bool:
        """Whether that is a number within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
            return False
        if not math.isfinite(value) or (self.whole and value != int(value)):
            return False
        return not (
            (self.least is not None and value < self.least)
            or (self.above is not None and value <= self.above)
            or (self.below is not None and value >= self.below)
        )


_COUNT = _Field(least=0, whole=True)
_COUNTS = _Field(least=0, whole=True, by_intensity=True)
_EPSILON = _Field(above=0, below=1)

FIELDS: dict[str, _Field | None] = {
    "block": None,
    "key_bits": _COUNT,
    "duration_s": _Field(above=0),
    "start_s": _Field(),
    "protocol": None,
    "bounds": None,
    "intensities": _Field(least=0, by_intensity=True),
    "probabilities": _Field(above=0, below=1, by_intensity=True),
    "epsilon_secrecy": _EPSILON,
    "epsilon_correctness": _EPSILON,
    "key_counts": _COUNTS,
    "key_errors": _COUNTS,
    "test_counts": _COUNTS,
    "test_errors": _COUNTS,
    "disclosed_bits": _COUNT,
    "accounting": None,
    "sifted_bits": _COUNT,
    "sampled_bits": _COUNT,
    "qber": _Field(least=0, below=1),
    "pulse_rate_hz": _Field(above=0),
    "loss_db": _Field(least=0),
}
"""Field -> what it accepts; None for those that are words."""

LISTS = tuple(name for name, kind in FIELDS.items() if kind is not None and kind.by_intensity)
WORDS = tuple(name for name, kind in FIELDS.items() if kind is None)
MOST_INTENSITIES = 3
_REQUIRED = ("block", "key_bits", "duration_s")
_CHOICES = {
    "accounting": ("both-directions", "error-pattern"),
    "protocol": ("bb84-decoy", "bbm92"),
    "bounds": ("published", "exact"),
}
_STRONGEST_FIRST = "one to three numbers, strongest intensity first"


def build_block(raw: Mapping[str, Any], place: Callable[[str], str], mistakes: list[Mistake]) -> VendorBlock | None:
    """A block out of raw values; ``place`` says where in the file a field stands.

    None, and every mistake noted, where the values make none.
    """
    known_before = len(mistakes)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in FIELDS:
            mistakes.append(Mistake(place(name), "an unknown field", nearest(name, FIELDS)))
        elif value is not None:
            values[name] = _value(name, value, place(name), mistakes)
    for name in _REQUIRED:
        if values.get(name) is None and raw.get(name) is None:
            kind = FIELDS[name]
            mistakes.append(Mistake(place(name), "nothing", kind.accepted if kind else "a name or number of the block"))
    mistakes += [Mistake(place(name), found, expected) for name, found, expected in _contradictions(values, raw)]
    return None if len(mistakes) > known_before else VendorBlock(**values)


def _value(name: str, value: Any, where: str, mistakes: list[Mistake]) -> Any:
    """The value, or None and a mistake."""
    kind = FIELDS[name]
    if kind is None:
        return _word(name, value, where, mistakes)
    if not kind.by_intensity:
        if kind.accepts(value):
            return value
        mistakes.append(Mistake(where, show(value), kind.accepted))
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_INTENSITIES:
        mistakes.append(Mistake(where, show(value), f"{_STRONGEST_FIRST}, each {kind.accepted}"))
        return None
    wrong = [(number, item) for number, item in enumerate(value) if not kind.accepts(item)]
    mistakes += [
        Mistake(_item(where, number), "nothing" if item is None else show(item), kind.accepted) for number, item in wrong
    ]
    return None if wrong else tuple(value)


def _item(where: str, number: int) -> str:
    """Columns of a table are counted from 1, items of a list from 0."""
    return f"{where}_{number + 1}" if where.startswith("line ") else f"{where}[{number}]"


def _word(name: str, value: Any, where: str, mistakes: list[Mistake]) -> str | None:
    if name in _CHOICES:
        if value in _CHOICES[name]:
            return cast("str", value)
        mistakes.append(Mistake(where, show(value), nearest(str(value), _CHOICES[name])))
    elif isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
        return str(value)
    else:
        mistakes.append(Mistake(where, show(value), "a name or number of the block"))
    return None


def _contradictions(values: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Field, what it says, and what the others of the block leave for it."""
    mu, chances = values.get("intensities"), values.get("probabilities")
    yield from _of_lists(values)
    if mu is not None and not _covered(mu):
        expected = "mu1 > mu2 > 0, or mu1 > mu2 + mu3 and mu2 > mu3 >= 0, which the bounds take; else leave them out"
        yield "intensities", show(list(mu)), expected
    if chances is not None and not math.isclose(sum(chances), 1.0, abs_tol=1e-6):
        yield "probabilities", f"a sum of {sum(chances):g}", "probabilities that sum to 1"
    for basis in ("key", "test"):
        counts, errors = values.get(f"{basis}_counts"), values.get(f"{basis}_errors")
        if errors is not None and raw.get(f"{basis}_counts") is None:
            yield f"{basis}_counts", "nothing", f"the counts that {basis}_errors are part of"
        elif (
            errors is not None and counts is not None and any(wrong > all_ for wrong, all_ in zip(errors, counts, strict=False))
        ):
            yield f"{basis}_errors", show(list(errors)), f"no more errors than {basis}_counts {show(list(counts))}"
    if values.get("sampled_bits") is not None and raw.get("sifted_bits") is None:
        yield "sifted_bits", "nothing", "the sifted bits of both bases that sampled_bits were taken from"


def _covered(mu: tuple[float, ...]) -> bool:
    """Whether one of the bounds takes these intensities."""
    if len(mu) == 2:
        return mu[0] > mu[1] > 0.0
    return len(mu) == 3 and mu[0] > mu[1] + mu[2] and mu[1] > mu[2]


def _of_lists(values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Numbers by intensity are as many as there are intensities; pairs have none."""
    told = {name: len(values[name]) for name in LISTS if values.get(name) is not None}
    if values.get("protocol") == "bbm92":
        for name in ("intensities", "probabilities"):
            if name in told:
                yield name, show(list(values[name])), "nothing: pairs (bbm92) have no intensities"
        wanted, why = 1, "one number, as pairs (bbm92) have no intensities"
    elif "intensities" in told:
        wanted, why = told["intensities"], f"{told['intensities']} numbers, one for each of the intensities"
    else:
        wanted, why = max(told.values(), default=0), "as many numbers as the other lists of the block"
    yield from (
        (name, show(list(values[name])), why)
        for name, length in told.items()
        if length != wanted and not (values.get("protocol") == "bbm92" and name in {"intensities", "probabilities"})
    )
