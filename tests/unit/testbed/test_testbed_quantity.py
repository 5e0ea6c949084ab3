"""Lengths of time as tests write them; a wrong one is a wrong use that names its argument."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hil.errors import UsageError
from hil.testbed._quantity import seconds


def test_seconds_or_a_text_with_its_unit() -> None:
    assert (seconds(3), seconds(0.5), seconds("2 min"), seconds("0 s")) == (3.0, 0.5, 120.0, 0.0)


@pytest.mark.parametrize("wrong", [None, True, -1, math.nan, "1 furlong", "-1 s", "3", [1]])
def test_others_name_the_argument(wrong: Any) -> None:
    with pytest.raises(
        UsageError, match=r"^gate = .*: expected a number of seconds of zero or more, or a time of zero or more"
    ):
        seconds(wrong, "gate")
