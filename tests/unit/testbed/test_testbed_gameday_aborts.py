"""When a game day is called off: bounds that hold over all looks together, against scipy's beta distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from scipy.stats import beta

from hil.gamedays.model import Abort
from hil.testbed.gamedays.gameday_looks import Aborts

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.run import LinkRun

    RunOf = Callable[..., LinkRun]

BITS, LIMIT, ALPHA = 1000, 0.05, 0.05
ABOVE = Abort(quantity="qber", above=LIMIT, confidence=1.0 - ALPHA)
BELOW = Abort(quantity="qber", below=LIMIT, confidence=1.0 - ALPHA)
LOOKS = (1, 2, 50)


def share(look: int) -> float:
    """Of the error probability: 1/2, 1/6, 1/12 and so on, which are 1 in all."""
    return ALPHA / (look * (look + 1))


def reached(run_of: RunOf, condition: Abort, errors: int, look: int) -> bool:
    """At that look, after others at which nothing was the matter."""
    aborts = Aborts(cast("Any", None), (condition,))
    quiet = run_of((50, BITS))  # 5 %: neither above nor below
    assert not any(aborts.reached(quiet) for _ in range(look - 1))
    return bool(aborts.reached(run_of((errors, BITS))))


@pytest.mark.parametrize("look", LOOKS)
def test_above_is_called_off_once_the_lower_bound_is(run_of: RunOf, look: int) -> None:
    """Clopper and Pearson's, from the quantiles of the beta distribution; one error less is not enough."""
    fewest = next(k for k in range(50, BITS) if beta.ppf(share(look), k, BITS - k + 1) > LIMIT)
    assert [reached(run_of, ABOVE, errors, look) for errors in (fewest - 1, fewest)] == [False, True]


@pytest.mark.parametrize("look", LOOKS)
def test_below_is_called_off_once_the_upper_bound_is(run_of: RunOf, look: int) -> None:
    """The same from the other side."""
    most = next(k for k in range(50, -1, -1) if beta.ppf(1.0 - share(look), k + 1, BITS - k) < LIMIT)
    assert [reached(run_of, BELOW, errors, look) for errors in (most + 1, most)] == [False, True]


def test_later_looks_ask_for_more(run_of: RunOf) -> None:
    """What calls a day off at its first look does not at its fiftieth."""
    fewest = next(k for k in range(50, BITS) if beta.ppf(share(1), k, BITS - k + 1) > LIMIT)
    assert not reached(run_of, ABOVE, fewest, 50)
