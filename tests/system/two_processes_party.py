"""One side of a key distillation as a program: ``alice PORT SEED BLOCKS`` or ``bob PORT SEED BLOCKS``.

Alice listens (port 0: any) and prints her port; both print, as JSON, what became of their blocks: fate, sentence, IDs and
fingerprints of the keys. Each makes the world of the shipped bench for itself and takes from it what its own device tells.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from hil.bench import load
from hil.bench.model import ReceiverDevice, TransmitterDevice
from hil.device_sims.world.world import World
from hil.pipeline.connecting import Caller, Listener
from hil.pipeline.distiller import Alice, Bob
from hil.pipeline.endpoint import Endpoint
from hil.pipeline.entropy import SeededEntropy
from hil.pipeline.lanes import lane_pools
from hil.pipeline.settings import BlockContext, DistillSettings
from hil.ports.detections import DetectorRole, ReceiverDeclaration, SourceDeclaration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.pipeline.settings import BlockResult

BLOCK_NS = 400_000_000
TIMEOUT_S = 30.0
LANES = 2


def lit_world(seed: int) -> tuple[World, DistillSettings]:
    bench = load("metro-25km")
    alice, bob = bench.device["alice"], bench.device["bob"]
    assert isinstance(alice, TransmitterDevice)
    assert isinstance(bob, ReceiverDevice)
    world = World(bench, seed)
    world.set_emitting("alice", 0, emitting=True)
    world.set_biased("bob", 0, biased=True)
    source = SourceDeclaration(
        alice.pulse_rate_hz, alice.intensities, alice.intensity_probabilities, alice.key_basis_probability
    )
    roles = tuple(DetectorRole(name, number // 2, number % 2) for number, name in enumerate(bob.detectors))
    return world, DistillSettings("metro", source, ReceiverDeclaration(roles, "passive", bob.dead_time_s))


def run(side: str, endpoint: Endpoint[BlockResult], seed: int, blocks: int) -> list[BlockResult]:
    world, settings = lit_world(seed)
    pools = lane_pools(hashlib.shake_256(b"pre-shared").digest(2048), LANES)
    parties = [
        (Alice(settings, pool, SeededEntropy(seed, side, lane)), Bob(settings, pool, SeededEntropy(seed, side, lane)))
        for lane, pool in enumerate(pools)
    ]
    futures = []
    for number in range(blocks):
        start_ns, end_ns = number * BLOCK_NS, (number + 1) * BLOCK_NS
        context = BlockContext(number, start_ns / 1e9, end_ns / 1e9, BLOCK_NS / 1e9)
        alice, bob = parties[number % LANES]
        if side == "alice":
            futures.append(endpoint.submit(partial(alice.block, context, lambda index: world.prepare("alice", index))))
        else:
            world.start_block("bob", start_ns)
            futures.append(endpoint.submit(partial(bob.block, context, world.stop_block("bob", end_ns))))
    return [future.result() for future in futures]


@contextmanager
def connected(side: str, port: int) -> Iterator[Endpoint[BlockResult]]:
    address = ("127.0.0.1", port)
    with ExitStack() as stack:
        if side == "bob":
            connect = Caller(address, LANES, TIMEOUT_S).connect
        else:
            listener = stack.enter_context(Listener(address, LANES, TIMEOUT_S))
            print(listener.address[1], flush=True)
            connect = listener.connect
        yield stack.enter_context(Endpoint(side, connect, LANES, TIMEOUT_S))


def main() -> None:
    side, port, seed, blocks = sys.argv[1], *map(int, sys.argv[2:])
    with connected(side, port) as endpoint:
        results = run(side, endpoint, seed, blocks)
    told = [
        {
            "fate": result.fate.value,
            "sentence": result.report.sentence,
            "ids": [key_id for key_id, _ in result.keys],
            "fingerprints": result.report.key_fingerprints,
        }
        for result in results
    ]
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
