"""The lines above the tests: which bench, what of it is real, which firmware it must have, which seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.plugin.session import RUN

if TYPE_CHECKING:
    import pytest

    from hil.bench.model import Bench
    from hil.plugin.session import Run

__all__ = ["pytest_report_header"]


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line per bench, one per pinned firmware, and the seed."""
    run = config.stash[RUN]
    lines = [line for bench in run.benches.values() for line in _bench(run, bench)]
    if run.options.tape == "record":
        lines.append(f"hil: tapes are recorded in {run.tapes}")
    return [*lines, f"hil: seed {run.seed} (--hil-seed {run.seed} repeats this run), record {run.folder_path}"]


def _bench(run: Run, bench: Bench) -> list[str]:
    twins = run.simulated(bench)
    real = [name for name in bench.device if name not in twins]
    if run.replaying:
        kind = f"replayed from tapes in {run.tapes}, {run.options.tape_mode}: nothing is measured"
    elif run.options.chaos_plan:
        kind = f"chaos plan: rehearsed on {len(twins)} twins, nothing real is opened or moved"
    elif not real:
        kind = f"simulated, {len(twins)} twins"
    elif not twins:
        kind = f"real, {len(real)} devices"
    else:
        kind = f"mixed, real: {', '.join(real)}; simulated: {', '.join(sorted(twins))}"
    pins = [f"{name} {device.firmware}" for name, device in bench.device.items() if device.firmware]
    lines = [f"hil: bench {bench.bench.name} ({kind}), links: {', '.join(bench.link) or 'none'}"]
    return [*lines, f"hil: firmware required: {', '.join(pins)}"] if pins else lines
