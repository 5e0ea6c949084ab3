"""Opens a bench: a conftest's own way first, else the testbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.plugin.session import RUN

if TYPE_CHECKING:
    from pathlib import Path

    from hil.bench.model import Bench
    from hil.record.writer import EventLog, RunFolder
    from hil.testbed.testbed import Testbed

__all__ = ["hil_make_bench", "open_bench"]


def open_bench(config: pytest.Config, bench: Bench) -> Testbed:
    """The opened bench; BenchError where it cannot be."""
    run = config.stash[RUN]
    testbed: Testbed = config.hook.hil_make_bench(
        config=config,
        bench=bench,
        simulate=run.options.simulate,
        seed=run.seed,
        recording=run.options.recording,
        log=run.log,
        folder=run.folder,
    )
    return testbed


@pytest.hookimpl(trylast=True)
def hil_make_bench(
    bench: Bench, simulate: bool, seed: int, recording: Path | None, log: EventLog, folder: RunFolder
) -> Testbed:
    """What happens where no conftest has its own way: drivers are opened and identities checked."""
    from hil.testbed.testbed import Testbed

    return Testbed.open(bench, simulate=simulate, seed=seed, recording=recording, log=log, folder=folder)
