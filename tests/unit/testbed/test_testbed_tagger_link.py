"""A link whose receiver is a time tagger makes its detection records from time stamps, and key from those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import MissingCapabilityError
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BOB = """driver = "s-fifteen-tdc1"
timing = "tags"
tick = "2 ns"
window = "6 ns"
jitter_sigma = "500 ps"
actual = { clock_offset = "3 s", clock_error_ppm = 20.0 }
site = "south"
detectors ="""


def test_a_tdc1_as_receiver_gives_key(tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Any) -> None:
    """At 100 MHz, of which 2 ns are a fifth of a period: its records are the clicks of the block, and its clock is found.

    25 km of group index 1.468 take 122.4 us; the tagger's step is 2 ns, and the block is dated by the bench to as much.
    """
    file = write_bench(
        tmp_path / "tagger.toml",
        ('driver = "reference-transceiver"\nfirmware = "~=2.4"\nsite = "south"\ndetectors =', BOB),
        ('attenuation = "3 dB"', 'attenuation = "0 dB"'),
        ('pulse_rate = "1 GHz"', 'pulse_rate = "100 MHz"'),
        ('block = "1 s"', 'block = "900 ms"'),
        ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"),
    )
    with Testbed.open(file, seed=7, log=cast("Any", fresh_notebook)) as testbed:
        testbed.begin("tagger")
        link = testbed.link("metro")
        records: list[Any] = []
        link.watchers.append(lambda found, _seconds: records.extend(found))
        run = link.run("900 ms")
        (block,), (tags,) = run.blocks, records
        assert block.released, block.sentence
        assert block.secret_bits > 0
        assert run.series["clock_rate_ppm"][1] == pytest.approx([20.0], abs=2e-3)
        assert run.series["clock_delay_ns"][1] == pytest.approx([25.0 * 1.468 / 299792.458 * 1e9], abs=5.0)
        assert (tags.clock.name, float(tags.clock.tick_s), tags.live_s) == ("bob", 2e-9, pytest.approx(0.9))
        assert (np.diff(tags.ticks) >= 0).all()
        assert tags.ticks.size == block.detections > 100_000
        with pytest.raises(MissingCapabilityError, match="bob: a time tagger does not have counters"):
            link.count_gates("lit", 1, "10 ms")
        testbed.end()
