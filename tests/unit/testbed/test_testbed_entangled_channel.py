"""An entangled link from a bench file, with each error correction it can choose, over a channel with blocks in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest

from hil.bench.model import Proof
from hil.compiled import available
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CORRECTIONS = [
    pytest.param(name, marks=[] if name == "cascade" else pytest.mark.skipif(not available(), reason="needs numba"))
    for name in get_args(get_type_hints(Proof)["reconciliation"])
]


@pytest.mark.parametrize("name", CORRECTIONS)
def test_every_correction_ends_in_equal_keys(tmp_path: Path, write_bench: Callable[..., Path], name: str) -> None:
    """Two blocks of 4 s in flight in memory: both give key, under the declared correction, the same at both ends.

    The timeout leaves the compiler time, which the first block waits for.
    """
    tables = (
        f'block = "4 s"\nproof = {{ reconciliation = "{name}" }}\nclassical = {{ transport = "memory", timeout = "2 min" }}'
    )
    file = write_bench(tmp_path / "pairs.toml", ('block = "4 s"', tables), name="entangled-metro")
    with Testbed.open(file, seed=7) as testbed:
        testbed.begin(name)
        link = testbed.link("pairs")
        run = link.run("8 s")
        keys = link.released()
        testbed.end()
    assert [block.released for block in run.blocks] == [True, True], [block.sentence for block in run.blocks]
    assert all(any(line.what == f"corrected by {name}" for line in block.ledger) for block in run.blocks)
    assert len(keys) > 50
    assert all(of_a == of_b for _, of_a, of_b in keys)
