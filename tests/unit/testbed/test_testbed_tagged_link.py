"""A link whose receiver has a clock of its own runs as any other, and its run shows that clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hil.errors import BenchFileError
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TAGGED = """detector_temperature = "-40 degC"
timing = "tags"
tick = "156.25 ps"
jitter_sigma = "50 ps"
actual = { clock_offset = "3 s", clock_error_ppm = 20.0, clock_drift_ppm_per_h = 360.0 }
"""


def test_a_run_gives_key_and_shows_rate_and_delay(
    tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Any
) -> None:
    """20 ppm and 0.1 ppm a second since power-up; 500 m more between two runs are 2448.4 ns (group index 1.468)."""
    file = write_bench(
        tmp_path / "tagged.toml",
        ('detector_temperature = "-40 degC"\n', TAGGED),
        ('block = "1 s"', 'block = "200 ms"'),
        ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"),
    )
    with Testbed.open(file, seed=7, log=cast("Any", fresh_notebook)) as testbed:
        testbed.begin("tags")
        link = testbed.link("metro")
        before = link.run("400 ms")
        assert all(block.released for block in before.blocks)
        times_s, rates_ppm = before.series["clock_rate_ppm"]
        assert rates_ppm == pytest.approx(20.0 + 0.1 * times_s, abs=2e-3)
        _, delays_ns = before.series["clock_delay_ns"]
        assert delays_ns == pytest.approx(25.0 * 1.468 / 299792.458 * 1e9, abs=0.7)
        assert before.counts["z0"].sum() > 0
        testbed.control.inject("metro", "length_km", 25.5)
        after = link.run("200 ms")
        assert after.blocks[0].released
        assert after.series["clock_delay_ns"][1][0] - delays_ns[-1] == pytest.approx(0.5 * 1.468 / 299792.458 * 1e9, abs=0.3)
        gaps = link.inter_click_gaps("20 ms")
        assert {gap.tick_s for gap in gaps} == {156.25e-12}
        # no click within the dead time of 50 ns, but for jitter and the tick
        assert min(int(np.min(gap.gaps)) for gap in gaps) * 156.25e-12 > 49e-9
        testbed.end()


def test_a_tick_that_cannot_tell_pulses_apart_is_a_mistake(tmp_path: Path, write_bench: Callable[..., Path]) -> None:
    """At 1 GHz a tick is at most 250 ps, and the window 1 ns; clicks without jitter would all be in step, dark counts too."""
    from hil.bench import load

    wide = TAGGED.replace("156.25 ps", "300 ps").replace("50 ps", "0 ps") + 'window = "2 ns"\n'
    file = write_bench(tmp_path / "wide.toml", ('detector_temperature = "-40 degC"\n', wide))
    with pytest.raises(BenchFileError) as raised:
        load(file)
    assert [mistake.where for mistake in raised.value.mistakes] == [
        "device.bob.jitter_sigma",
        "device.bob.tick",
        "device.bob.window",
    ]
