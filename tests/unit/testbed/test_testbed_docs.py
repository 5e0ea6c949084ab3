"""The reference page speaks of everything a test author can call, and its examples hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hil.testbed.channel.auth_channel import AuthChannel
from hil.testbed.delivery import KeyDelivery
from hil.testbed.injection.chaos import Chaos
from hil.testbed.link import Link
from hil.testbed.slo import Slo
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[3] / "docs/reference/testbed.md"
INTERNAL = {
    *("block_series", "conclude", "distil", "forget", "give_back", "keep", "next_sequence", "not_measured", "observed"),
    *("sent_pulses", "take_in", "transcript_writer"),
}
"""What runs call on a link, its testbed or its key delivery, and tests do not."""


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("cls", [Testbed, Link, Slo, KeyDelivery, AuthChannel])
def test_every_public_name_stands_on_the_page(cls: type) -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = {name for name in vars(cls) if not name.startswith("_")} - INTERNAL
    assert names
    assert not {name for name in names if not re.search(rf"\b{name}\b", text)}


@pytest.mark.parametrize("example", examples(), ids=lambda text: str(re.findall(r"def (\w+)", str(text))[0]))
def test_every_example_passes_on_the_twin(testbed: Testbed, link: Link, example: str) -> None:
    """With what the fixtures of its parameters give; its seconds are as many blocks here, of 200 ms."""
    namespace: dict[str, Any] = {}
    shorter = re.sub(r'"(\d+) s"', lambda found: f'"{int(found[1]) * 200} ms"', example)
    exec(compile(shorter, str(PAGE), "exec"), namespace)
    (name,) = re.findall(r"def (\w+)", example)
    makers: dict[str, Callable[[], object]] = {
        "link": lambda: link,
        "slo": lambda: Slo(link),
        "chaos": lambda: Chaos(testbed, link),
        "key_store": lambda: KeyDelivery(link),
        "auth_channel": lambda: AuthChannel(link),
    }
    test: Callable[..., None] = namespace[name]
    wanted = test.__code__.co_varnames[: test.__code__.co_argcount]
    test(**{each: makers[each]() for each in wanted})
