"""The whole chain in one run on all cores: clicks made, carried over sockets, distilled by both parties, put into both KMEs.

``chain.realtime_factor.20db`` is bench seconds by seconds of the clock; 1 is real time. Beside it stands what each stage took
of the processor for a second of the bench, from the same run: stages overlap, so a busy machine lowers the factor, and leaves
these about as they are. They assert nothing about time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.bench import shipped
from hil.device_sims.world.world import World
from hil.pipeline.stopwatch import Stopwatch
from hil.testbed.delivery import KeyDelivery
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.testbed.link import Link

pytest.importorskip("pytest_benchmark")
pytest.importorskip("numba")
pytestmark = pytest.mark.usefixtures("all_cores")

BLOCKS = 5
WARM_UP = 2
OPTICS_DB = 3.81
AT_20_DB = 3.0
"""What the attenuator of the shipped bench holds where its link has 20 dB from transmitter to click."""


@dataclass(frozen=True)
class Case:
    """A link, and how it is corrected; ``name`` is the figures' variant."""

    name: str
    loss_db: float
    block_s: float
    reconciliation: str


CASES = [
    Case("10db", 10.0, 1.0, "cascade-fast"),
    Case("20db", 20.0, 1.0, "cascade-fast"),
    Case("20db.efficient", 20.0, 1.0, "cascade-efficient"),
    Case("30db", 30.0, 10.0, "cascade-efficient"),
    Case("40db", 40.0, 100.0, "cascade-efficient"),
]


def bench_file(folder: Path, case: Case) -> Path:
    """The shipped link with another attenuation; below that, with less loss in the receiver, then with better detectors."""
    text = shipped()["metro-25km"].read_text(encoding="utf-8")
    attenuation_db = AT_20_DB + case.loss_db - 20.0
    spare_db = max(0.0, -attenuation_db)
    gain = 10.0 ** (max(0.0, spare_db - OPTICS_DB) / 10.0)
    changes = [
        ('block = "1 s"', f'block = "{case.block_s:g} s"'),
        ("qber_limit = 0.08", f'qber_limit = 0.08\nreconciliation = "{case.reconciliation}"'),
        ('sae_id = "SAE-NORTH"', 'sae_id = "SAE-NORTH"\nmax_keys = 10000000'),
        ('sae_id = "SAE-SOUTH"', 'sae_id = "SAE-SOUTH"\nmax_keys = 10000000'),
        ('attenuation = "3 dB"', f'attenuation = "{max(0.0, attenuation_db):g} dB"'),
        ('insertion_loss = "3.81 dB"', f'insertion_loss = "{max(0.0, OPTICS_DB - spare_db):g} dB"'),
        ("efficiency = 0.2", f"efficiency = {0.2 * gain:.6g}"),
    ]
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "chain.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    """What the simulated world takes: clicks, and the settings of Alice's pulses."""
    watch = Stopwatch()

    def timed(stage: str, original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: watch.call(stage, original, *args, **kwargs)

    monkeypatch.setattr(World, "stop_block", timed("simulate", World.stop_block))
    monkeypatch.setattr(World, "prepare", timed("simulate_settings", World.prepare))
    return watch


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_from_clicks_to_keys_at_both_sites(tmp_path: Path, figure: Any, devices: Stopwatch, case: Case) -> None:
    """Five blocks in a stream; every key that was released is in both stores at the end."""
    with Testbed.open(bench_file(tmp_path, case), seed=7) as testbed:
        testbed.begin("chain")
        link = cast("Link", testbed.link("metro"))
        stores = KeyDelivery(link)
        link.run(WARM_UP * case.block_s, deliver_to=stores)
        before, of_devices = stores.a.status(stores.sae_b).stored_key_count, devices.read()
        began = time.perf_counter(), time.process_time()
        run = link.run(BLOCKS * case.block_s, deliver_to=stores)
        took_s, cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
        stored = stores.a.status(stores.sae_b).stored_key_count - before
        assert stored == stores.b.status(stores.sae_a).stored_key_count - before
        testbed.end()
    assert all(block.released for block in run.blocks)
    assert link.released() == ()
    assert stored == sum(_keys(block.ledger) for block in run.blocks)
    assert run.held_s == 0.0

    bench_s = BLOCKS * case.block_s
    figure(f"chain.realtime_factor.{case.name}", [bench_s / took_s], "bench s / s", peer="real time", peer_value=1.0)
    figure(f"chain.cpu.{case.name}", [cpu_s / bench_s], "core s / bench s")
    figure(f"chain.secret.{case.name}", [run.net_secret_bits / bench_s / 1e6], "Mbit / bench s")
    stages = {stage: sum(times.cpu_s) for stage, times in run.stages.items()}
    for stage, spent in devices.read().items():
        stages[stage] = spent.cpu_s - of_devices[stage].cpu_s
    for stage, stage_cpu_s in stages.items():
        figure(f"chain.stage.{case.name}.{stage}", [stage_cpu_s / bench_s], "core s / bench s")


def _keys(ledger: Any) -> int:
    """Keys that the block's own ledger says went out."""
    return round(sum(line.value for line in ledger if line.what == "keys of 256 bits") / 256)
