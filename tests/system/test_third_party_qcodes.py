"""Drivers of qcodes-contrib-drivers, unmodified, read the simulated instruments and agree with the world.

They bring a hundred packages of their own, and live in the environment of the benchmarks' peers: the variable
HIL_BENCHMARK_PEERS names its interpreter (``ci/benchmark`` makes it). Without it, and without them here, the test is skipped.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from hil.bench import load
from hil.clock import SystemClock
from hil.device_sims.host import TwinHost

HERE = Path(__file__).parent
SHELF = HERE.parent / "contract" / "shelf.toml"
COUNTS_PORT = 12345
"""Fixed in their driver of the WebSQ."""
DARK_HZ, SIGMAS = 500.0, 4.9


@pytest.fixture
def interpreter() -> str:
    """One that has the drivers."""
    given = os.environ.get("HIL_BENCHMARK_PEERS", "")
    if not given and importlib.util.find_spec("qcodes_contrib_drivers") is None:
        pytest.skip("qcodes-contrib-drivers is not here; HIL_BENCHMARK_PEERS names no interpreter that has it")
    return given or sys.executable


def test_websq_power_meter_and_power_outlets(interpreter: str) -> None:
    """Control and pushed counts of the WebSQ on its own ports, a PM100D over VISA, an IP Power 9258 over HTTP."""
    clock = SystemClock()
    with ExitStack() as held:
        metro, shelf = load("metro-25km"), load(SHELF)
        bright = held.enter_context(TwinHost(metro, ["meter"], 3, clock))
        host = held.enter_context(TwinHost(shelf, ["websq", "pdu9258"], 3, clock, ports={"websq.data": COUNTS_PORT}))
        bright.world.set_emitting("alice", 0, emitting=True)
        host.world.set_biased("bob", 0, biased=True)
        at = (host.addresses["websq"].port, bright.addresses["meter"].resource, host.addresses["pdu9258"].resource)
        done = subprocess.run(
            [interpreter, str(HERE / "qcodes_peer.py"), *map(str, at)], capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        read = json.loads(done.stdout.splitlines()[-1])
        assert host.world.beside.biased("websq")
        assert not host.world.beside.powered("pdu9258")
        tap_w = bright.world.tap_power_w("meter", clock.now_ns())
    assert (read["websq"]["detectors"], read["websq"]["period_ms"], read["websq"]["bias"]) == (1, 20, [21.0])
    assert len(read["websq"]["counts"]) == 10
    assert sum(read["websq"]["counts"]) < 1.0 * DARK_HZ + SIGMAS * DARK_HZ**0.5  # some lines may be of a longer period before
    assert read["websq"]["times"] == sorted(read["websq"]["times"])
    assert read["meter"]["idn"] == "PM100D"
    assert read["meter"]["power_w"] == pytest.approx(tap_w, rel=5e-3)
    assert read["meter"]["wavelength_nm"] == 1310.0
    assert (read["meter"]["automatic"], read["pdu"]["before"]) == (True, [True] * 4)
    assert read["pdu"]["after"] == [True, False, True, True]
