"""Runs checkers over a history and puts their findings together, worst first; one that crashes is an error, never a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from hil.history.checkers import CHECKERS, Finding, Validity
from hil.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hil.history.checkers import Checker
    from hil.history.steps import Step

__all__ = ["Checked", "check", "worst"]

_OUTCOMES: dict[Validity, Outcome] = {
    "invalid": Outcome.FAIL,
    "error": Outcome.ERROR,
    "unknown": Outcome.INCONCLUSIVE,
    "valid": Outcome.PASS,
}


@dataclass(frozen=True)
class Checked:
    """One checker's finding."""

    name: str
    validity: Validity
    words: str

    @property
    def outcome(self) -> Outcome:
        """The finding as an outcome of a run."""
        return _OUTCOMES[self.validity]


def check(
    steps: Iterable[Step], names: Iterable[str] | None = None, *, checkers: Mapping[str, Checker] = CHECKERS
) -> tuple[Checked, ...]:
    """The findings of the checkers of these names, of all by default."""
    whole = tuple(steps)
    return tuple(_one(name, checkers[name], whole) for name in (checkers if names is None else names))


def worst(found: Iterable[Checked]) -> Validity:
    """The worst of several; unknown for none at all, since nothing was looked at."""
    order = get_args(Validity)
    return min((each.validity for each in found), key=order.index, default="unknown")


def _one(name: str, checker: Checker, steps: tuple[Step, ...]) -> Checked:
    try:
        finding = checker(steps)
    except Exception as error:  # noqa: BLE001  (a checker that crashes has not found the history good)
        finding = Finding("error", f"the checker crashed: {type(error).__name__}: {error}")
    return Checked(name, finding.validity, finding.words)
