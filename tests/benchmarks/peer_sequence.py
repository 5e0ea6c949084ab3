"""SeQUeNCe's own BB84 on a link like the world's, in an interpreter that has SeQUeNCe; prints what it took as JSON.

Called by ``test_benchmark_sequence.py`` with one JSON object: pulse rate, mean photons, losses, detectors, pulses, rounds.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata
from typing import Any

__all__ = ["main"]

_SIFTED_ROUNDS = 10


def main(said: dict[str, Any]) -> dict[str, Any]:
    """Runs of so many pulses: processor seconds of each, photons and sifted bits of the last, and the version."""
    taken, sifted, photons, pulses = [], 0, 0, 0
    for seed in range(said["rounds"] + 1):
        seconds, pulses, photons, sifted = _run(said, seed)
        # the first fills the caches
        taken += [seconds] if seed else []
    version = metadata.version("sequence")
    return {"version": version, "taken_s": taken, "pulses": pulses, "photons": photons, "sifted": sifted}


def _run(said: dict[str, Any], seed: int) -> tuple[float, int, int, int]:
    import numpy as np
    from sequence.components.optical_channel import ClassicalChannel, QuantumChannel
    from sequence.kernel.timeline import Timeline
    from sequence.qkd.BB84 import pair_bb84_protocols
    from sequence.topology.node import QKDNode

    # SeQUeNCe draws bases and bits from numpy's global generator
    np.random.seed(seed)  # noqa: NPY002
    rate_hz, mean, metres = said["pulse_rate_hz"], said["mean_photons"], 1000.0
    live_ps = round(said["pulses"] / rate_hz * 1e12)
    timeline = Timeline(live_ps * 2 + 10**9)
    ends = [QKDNode(name, timeline, stack_size=1, seed=seed + number) for number, name in enumerate(("alice", "bob"))]
    pair_bb84_protocols(*(end.protocol_stack[0] for end in ends))
    for one, other in (ends, ends[::-1]):
        ClassicalChannel(f"c {one.name}", timeline, metres, 1000).set_ends(one, other.name)
        channel = QuantumChannel(f"q {one.name}", timeline, said["loss_db"] / metres, metres, 1.0, frequency=rate_hz)
        channel.set_ends(one, other.name)
    alice, bob = ends
    light = alice.components["alice.lightsource"]
    light.frequency, light.mean_photon_num = rate_hz, mean
    pulses = 0
    emit = light.emit

    def counted(states: list[Any]) -> None:
        nonlocal pulses
        pulses += len(states)
        emit(states)

    light.emit = counted
    for detector in bob.components["bob.qsdetector"].detectors:
        detector.efficiency, detector.dark_count = said["efficiency"], said["dark_count_rate_hz"]
        detector.count_rate, detector.time_resolution = 1.0 / said["dead_time_s"], 10
    timeline.init()
    # light is on for length / (rate * mean) seconds at a time; the key asked for never gets full
    alice.protocol_stack[0].push(round(said["pulses"] / _SIFTED_ROUNDS * mean), 1, live_ps)
    began = time.process_time()
    timeline.run()
    seconds = time.process_time() - began
    return seconds, pulses, light.photon_counter, len(alice.protocol_stack[0].key_bits)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
