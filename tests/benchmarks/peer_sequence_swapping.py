"""SeQUeNCe's storage, swapping and signalling of a chain of two segments, in an interpreter that has SeQUeNCe.

Called by ``test_benchmark_repeater.py`` with one JSON object. When the elementary pairs appear is drawn here, as SeQUeNCe's own
generation is another protocol (Barrett-Kok); everything from there on is SeQUeNCe's: Bell-diagonal states that decay in their
memories, EntanglementSwappingA and B, and messages over classical channels. Prints rate, fidelity and swaps as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
from importlib import metadata
from typing import Any

__all__ = ["main"]

_START_PS = 10**12
"""SeQUeNCe takes time zero for a memory that was never loaded."""
_HALVES = (("west.0", "middle.0"), ("middle.1", "east.0"))


class _Kept:
    """In place of a resource manager: tells the chain what a node's protocol made of its memory."""

    def __init__(self, chain: _Chain, node: str) -> None:
        self.chain, self.node = chain, node

    def update(self, _protocol: object, _memory: object, state: str) -> None:
        if self.node != "middle":
            self.chain.told(self.node, state)


class _Chain:
    """Rounds one after the other, each beginning when both ends know of the swap of the one before."""

    def __init__(self, said: dict[str, Any], timeline: Any) -> None:
        import numpy as np
        from sequence.components.memory import Memory
        from sequence.components.optical_channel import ClassicalChannel
        from sequence.topology.node import Node

        self.said, self.timeline = said, timeline
        self.draws = np.random.default_rng(said["seed"])
        self.nodes: dict[str, Any] = {}
        for number, name in enumerate(("west", "middle", "east")):
            self.nodes[name] = Node(name, timeline, seed=said["seed"] + 1 + number, gate_fid=said["gate_fid"], meas_fid=1.0)
            self.nodes[name].resource_manager = _Kept(self, name)
        for end in ("west", "east"):
            ClassicalChannel(f"to {end}", timeline, 1.0, said["signal_ps"]).set_ends(self.nodes["middle"], end)
        coherence_s = dict(zip(("west", "middle", "east"), said["coherence_s"], strict=True))
        # equal rates of X, Y and Z: a depolarising memory, whose Bell states keep exp(-4 t / (3 T)) of their excess
        self.memories = {
            name: Memory(name, timeline, 1.0, 1e6, 1.0, 4 / 3 * coherence_s[name[:-2]], 1550, decoherence_errors=[1 / 3] * 3)
            for half in _HALVES
            for name in half
        }
        self.states: dict[str, str] = {}
        self.fidelities: list[float] = []
        self.rounds = 0

    def begin(self) -> None:
        self.states.clear()
        said, now_ps = self.said, self.timeline.now()
        attempts = [int(self.draws.geometric(p)) for p in said["segment_success"]]
        for half, count in enumerate(attempts):
            # loaded when it is sent, heralded once the light has crossed
            self._at(now_ps + count * said["period_ps"] - said["crossing_ps"], "load", half)
        self._at(now_ps + max(attempts) * said["period_ps"], "swap")

    def load(self, half: int) -> None:
        pair = [self.memories[name] for name in _HALVES[half]]
        fidelity = self.said["fidelity"]
        diagonal = [fidelity, *[(1.0 - fidelity) / 3.0] * 3]
        self.timeline.quantum_manager.set([memory.qstate_key for memory in pair], diagonal)
        for memory, partner in zip(pair, pair[::-1], strict=True):
            memory.fidelity, memory.last_update_time = fidelity, self.timeline.now()
            memory.entangled_memory = {"node_id": partner.name[:-2], "memo_id": partner.name}

    def swap(self) -> None:
        from sequence.entanglement_management.swapping import EntanglementSwappingA, EntanglementSwappingB

        middle = self.memories["middle.0"], self.memories["middle.1"]
        inner = EntanglementSwappingA.create(self.nodes["middle"], "a", *middle, success_prob=self.said["swap_success"])
        for end in ("west", "east"):
            outer = EntanglementSwappingB.create(self.nodes[end], f"b {end}", self.memories[f"{end}.0"])
            outer.set_others("a", "middle", [])
            inner.set_others(outer.name, end, [])
            self.nodes[end].protocols = [outer]
        inner.start()

    def told(self, end: str, state: str) -> None:
        self.states[end] = state
        if len(self.states) < 2:
            return
        self.rounds += 1
        if set(self.states.values()) == {"ENTANGLED"}:
            self.fidelities.append(self.memories[f"{end}.0"].get_bds_fidelity())
        if self.rounds < self.said["rounds"]:
            self._at(self.timeline.now(), "begin")

    def _at(self, time_ps: int, act: str, *arguments: Any) -> None:
        from sequence.kernel.event import Event
        from sequence.kernel.process import Process

        self.timeline.schedule(Event(time_ps, Process(self, act, list(arguments))))


def main(said: dict[str, Any]) -> dict[str, Any]:
    """So many rounds: how long they took, and of how many pairs the fidelity is the mean."""
    from sequence.constants import BELL_DIAGONAL_STATE_FORMALISM
    from sequence.entanglement_management.swapping import EntanglementSwappingA, EntanglementSwappingB
    from sequence.kernel.timeline import Timeline

    EntanglementSwappingA.set_formalism(BELL_DIAGONAL_STATE_FORMALISM)
    EntanglementSwappingB.set_formalism(BELL_DIAGONAL_STATE_FORMALISM)
    timeline = Timeline(10**20, formalism=BELL_DIAGONAL_STATE_FORMALISM)
    chain = _Chain(said, timeline)
    timeline.init()
    timeline.time = _START_PS
    chain.begin()
    timeline.run()
    return {
        "version": metadata.version("sequence"),
        "rounds": chain.rounds,
        "lasted_s": (timeline.now() - _START_PS) / 1e12,
        "pairs": len(chain.fidelities),
        "fidelity": statistics.fmean(chain.fidelities),
        "fidelity_deviation": statistics.stdev(chain.fidelities),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
