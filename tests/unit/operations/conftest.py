"""Objectives to work budgets out for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hil.operations.objective import Decision, Ratio, ServiceObjective, Threshold
from hil.operations.windows import Rolling

if TYPE_CHECKING:
    from collections.abc import Callable

UP = ServiceObjective(
    name="metro-link-availability",
    title="link availability of metro",
    service="north-metro",
    method="Timeslices",
    target=0.999,
    window=Rolling(),
    metric=Threshold('qkd_link_up{bench="north",link="metro"}', "gte", 1.0),
    slice_target=0.5,
    decision=Decision("link_availability", "a rule", 0.95, 0.999, "ratio", "default", "bad"),
    labels={"bench": "north", "link": "metro", "site": "a-b"},
)
BITS = replace(
    UP,
    name="metro-qber",
    method="Occurrences",
    target=0.98,
    metric=Ratio(
        bad='qkd_sifted_symbol_errors_total{bench="north",link="metro"}',
        total='qkd_sifted_symbols_total{bench="north",link="metro"}',
    ),
    decision=Decision("qber", "a rule", 0.95, 0.02, "ratio", "bench", "exclude"),
)


@pytest.fixture
def up() -> Callable[..., ServiceObjective]:
    """99.9 % of the minutes of 30 days, with changes."""

    def made(**changes: Any) -> ServiceObjective:
        return replace(UP, **changes)

    return made


@pytest.fixture
def bits() -> Callable[..., ServiceObjective]:
    """98 % of the bits, with changes."""

    def made(**changes: Any) -> ServiceObjective:
        return replace(BITS, **changes)

    return made
