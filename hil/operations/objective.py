"""A service level objective of a link in operation, as neutral data: read from a bench, or from an OpenSLO document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.operations.windows import Window

__all__ = ["Decision", "Method", "NoData", "Operator", "Ratio", "ServiceObjective", "Threshold", "object_name"]

Method = Literal["Timeslices", "Occurrences"]
NoData = Literal["bad", "exclude"]
Operator = Literal["lt", "lte", "gt", "gte"]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Threshold:
    """A query whose value is compared: the slice is good while ``query op value`` holds. PromQL."""

    query: str
    op: Operator
    value: float


@dataclass(frozen=True)
class Ratio:
    """Two counters: events that were ``good``, or those that were ``bad``, of ``total``. PromQL selectors."""

    total: str
    good: str = ""
    bad: str = ""

    def __post_init__(self) -> None:
        if bool(self.good) == bool(self.bad) or not self.total:
            raise UsageError("a ratio takes a total, and either what is good of it or what is bad of it")


@dataclass(frozen=True)
class Decision:
    """Our extension: how a verdict on the objective is decided, and what time without data counts as.

    ``no_data`` is ``bad`` or ``exclude`` (neither good nor bad); it is never good. ``limit`` is in the indicator's ``unit``,
    ``rule`` the decision rule in words; ``settings`` are what the rule was declared with besides, by its own names, as texts.
    """

    indicator: str = ""
    rule: str = ""
    confidence: float = 0.95
    limit: float | None = None
    unit: str = ""
    limit_source: str = ""
    no_data: NoData = "bad"
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.5 < self.confidence < 1.0:
            raise UsageError(f"a confidence lies between 0.5 and 1, both excluded, such as 0.95; got {self.confidence:g}")


@dataclass(frozen=True)
class ServiceObjective:
    """A share ``target`` of slices (Timeslices) or events (Occurrences) has to be good within ``window``.

    An occurrence of a threshold is one look at it, every ``slice_s``. ``slice_target``: how much of a slice has to be good for
    the slice to be good. ``labels`` go to every rule and alert.
    UsageError where name, target or slice make no sense.
    """

    name: str
    title: str
    service: str
    method: Method
    target: float
    window: Window
    metric: Threshold | Ratio
    slice_s: float = 60.0
    slice_target: float = 1.0
    decision: Decision = field(default_factory=Decision)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"objective {self.name!r}: a name has up to 63 lower-case letters, digits and dashes, a dash not at its ends"
            )
        if not 0.0 <= self.target < 1.0:
            raise UsageError(f"objective {self.name}: a target lies in [0, 1), such as 0.999; got {self.target:g}")
        if not (self.slice_s > 0.0 and 0.0 < self.slice_target <= 1.0):
            raise UsageError(f"objective {self.name}: expected a slice above 0 s and a timeSliceTarget in (0, 1]")

    @property
    def allowed(self) -> float:
        """Share that may be bad."""
        return round(1.0 - self.target, 12)  # 0.999 leaves 0.001, not 0.001 and 1e-16

    @property
    def fewest_events(self) -> float:
        """Below so many events nothing is burning: a single bad one would be more than the budget allows. 0 of slices."""
        return 1.0 / self.allowed if self.method == "Occurrences" and isinstance(self.metric, Ratio) else 0.0


def object_name(*words: str) -> str:
    """A name that OpenSLO takes (RFC 1123), made of words: ``metro-link-availability``."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:63].rstrip("-")
