"""A chain of trusted nodes: its links run at the same time, and end-to-end keys are relayed under their keys."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from hil.bench.route import chain_sites
from hil.errors import MissingCapabilityError
from hil.pipeline.hop_keys import POOL_BITS, HopEnd
from hil.pipeline.relay import RelayNode
from hil.pipeline.relaying import run_batch
from hil.ports.identity import EvidenceLevel
from hil.ports.run import BlockReport, LedgerEntry, LinkRun
from hil.testbed import running
from hil.testbed._quantity import seconds
from hil.testbed.channel.hop_channels import HopChannels
from hil.testbed.distilling import key_size_bits
from hil.testbed.released import ReleasedKeys, batch_digest
from hil.testbed.steps import together

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.pipeline.relaying import Interceptor, Stop
    from hil.ports.run import Prediction
    from hil.testbed.link import Link
    from hil.testbed.released import ReleasedKey
    from hil.testbed.testbed import Testbed

__all__ = ["ChainRun", "RelayChain"]


@dataclass(frozen=True)
class ChainRun(LinkRun):
    """A chain's run: as that of a link, each block being one batch of relayed keys; ``hops`` are the runs of its links.

    ``trusted`` names the sites that knew the keys; ``stopped`` says, batch by batch, why no key came through and on which hop.
    """

    hops: dict[str, LinkRun] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


class RelayChain:
    """A chain of the bench; its links stay ordinary links, whose released keys its runs consume.

    ``declared`` is its table of the bench file, ``links`` its links in order, ``sites`` the sites from end to end,
    ``key_bits`` the size of every key.
    """

    def __init__(self, testbed: Testbed, name: str) -> None:
        self.name = name
        self.testbed = testbed
        self.declared = testbed.bench.chain[name]
        self.sites = chain_sites(testbed.bench, name)
        self.links = tuple(cast("Link", testbed.link(link)) for link in self.declared.links)
        self.key_bits = key_size_bits(self.links[0])
        self.forget()

    def forget(self) -> None:
        """A new test: no key anywhere, and nothing in doubt."""
        self._released = ReleasedKeys()
        self._sequence = 0
        self._nodes: list[RelayNode] = []
        self._senders: list[HopEnd] = []
        self._takers: list[HopEnd] = []

    @property
    def tag_bits(self) -> int:
        """What a batch takes of each hop's key for its tags: whole keys of ``key_bits``."""
        return math.ceil(POOL_BITS / self.key_bits) * self.key_bits

    @property
    def trusted(self) -> tuple[str, ...]:
        """The sites between the ends: whoever holds one of them can read every key."""
        return self.sites[1:-1]

    @property
    def simulated(self) -> bool:
        """Whether any device of any of its links is a twin."""
        return any(link.simulated for link in self.links)

    @property
    def level(self) -> EvidenceLevel:
        """The lowest of its links."""
        return min(link.level for link in self.links)

    @property
    def prediction(self) -> Prediction:
        """That of the link with the least key: a chain carries no more."""
        return min((link.prediction for link in self.links), key=lambda one: one.key_rate_bps)

    def up(self) -> None:
        """Bring every link to its operating point."""
        for link in self.links:
            link.up()

    def run(self, duration: str | float = "10 s", *, interceptor: Interceptor | None = None) -> ChainRun:
        """Run all links for that long, at the same time, and relay what their keys carry, after every block and at the end.

        ``interceptor`` stands on the hops between the nodes, where faults of a link's classical channel act as well. A hop that
        breaks down ends the run with its own error, once the other links are done; their keys are kept. MissingCapabilityError
        where a link shows counters only: it gives no key.
        """
        for link in self.links:
            if link.level in {EvidenceLevel.L1, EvidenceLevel.L2}:
                raise MissingCapabilityError(f"link {link.name} of chain {self.name} shows counters and gives no key to relay")
        self.prepare()
        for link in self.links:
            link.ensure_up()
        batches = _Batches(self, interceptor)
        start_s = self.testbed.now_s()
        runs = together(
            self.testbed.clock,
            {link.name: running.steps(link, seconds(duration)) for link in self.links},
            batches.stepped,
        )
        for name, run in runs.items():
            if isinstance(run, Exception):
                run.add_note(f"chain {self.name} stopped on its hop {name}; its other links ran to their end")
                raise run
        hops = {name: run for name, run in runs.items() if isinstance(run, LinkRun)}
        batches.finish(hops)
        return self._made(start_s, batches, hops)

    def released(self) -> tuple[ReleasedKey, ...]:
        """End-to-end keys that both ends have and no key store was given yet: (key ID, first site's key, last site's key)."""
        return self._released.waiting()

    def take_released(self, most: int | None = None) -> tuple[ReleasedKey, ...]:
        """As :meth:`released`, the oldest ``most`` or all, and they are gone from here: for whoever has a key store."""
        return self._released.take(most)

    def give_back(self, keys: Iterable[ReleasedKey]) -> None:
        """Keys that were taken and that no key store has, after all."""
        self._released.give_back(keys)

    # --- for its runs -------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Nodes and the ends of hops between them, once a test: they draw what follows from the test's own seed."""
        if self._nodes:
            return
        names = [(link.name, f"{self.name}/{link.name}") for link in self.links]
        self._senders = [HopEnd(hop, "a->b", self.key_bits, subject) for hop, subject in names]
        self._takers = [HopEnd(hop, "b->a", self.key_bits, subject) for hop, subject in names]
        self._nodes = [
            RelayNode(up, down, self.key_bits, self.testbed.entropy(self.name, site))
            for site, up, down in zip(self.sites, [None, *self._takers], [*self._senders, None], strict=True)
        ]

    def feed(self) -> None:
        """Give each hop's ends the keys its link has released; whoever wants those of a link for itself takes them before."""
        for number, link in enumerate(self.links):
            onward = self._onward[number]
            for key_id, of_a, of_b in link.take_released():
                near, far = (of_a, of_b) if onward else (of_b, of_a)
                self._senders[number].add([(key_id, near)])
                self._takers[number].add([(key_id, far)])

    @property
    def _onward(self) -> list[bool]:
        """Of each link, whether its transmitter stands at the end of it that is nearer to the first site."""
        devices = self.testbed.bench.device
        return [devices[link.transmitter.name].site == site for link, site in zip(self.links, self.sites, strict=False)]

    def empty_hop(self) -> Link | None:
        """The first link without a key to spare for a batch; None where every one has."""
        empty = (link for link, end in zip(self.links, self._senders, strict=True) if end.waiting <= end.pool_keys)
        return next(empty, None)

    def batch(self, interceptor: Interceptor | None) -> tuple[int, int, Stop | None]:
        """Relay one batch: keys that both ends have now, bits that went into tags on all hops, why it stopped."""
        most = min(end.waiting for end in self._senders)
        names = [link.name for link in self.links]
        hops = HopChannels(self.testbed, names, self._onward, self._sequence, interceptor)
        stop = run_batch(self._nodes, most, hops)
        reached = len(self.links) if stop is None else stop.hop + 1
        spent = reached * self.tag_bits
        keys = self._released.add(self._nodes[0].take(), self._nodes[-1].take())
        if keys:
            bits = sum(key.bit_length for _, key, _ in keys)
            self.testbed.record("key", link=self.name, fingerprints=batch_digest(key for _, key, _ in keys), bits=bits)
        return len(keys), spent, stop

    def report(self, start_s: float, keys: int, spent_bits: int, sentence: str) -> BlockReport:
        """One batch, recorded as a block of the chain."""
        self._sequence += 1
        now_s = self.testbed.now_s()
        made = BlockReport(
            sequence=self._sequence,
            start_s=start_s,
            end_s=now_s,
            live_s=now_s - start_s,
            detections=0,
            sifted_key_bits=0,
            sifted_test_bits=0,
            test_errors=0,
            key_errors=None,
            disclosed_bits=0,
            authentication_bits=0,
            secret_bits=keys * self.key_bits,
            released=keys > 0,
            sentence=sentence,
            ledger=(
                LedgerEntry("relay", "end-to-end key, one-time pad on every hop", keys * self.key_bits),
                LedgerEntry("relay", "hop keys spent on tags, all hops together", spent_bits),
                LedgerEntry("proof", f"trusted: {', '.join(self.trusted)}", len(self.trusted), "nodes"),
            ),
        )
        fields = {entry.name: getattr(made, entry.name) for entry in dataclasses.fields(made)}
        self.testbed.record("block", link=self.name, **fields)
        return made

    def _made(self, start_s: float, batches: _Batches, hops: dict[str, LinkRun]) -> ChainRun:
        import numpy as np

        blocks = tuple(batches.reports)
        times_s = np.array([block.end_s for block in blocks], dtype=np.float64)
        rates = np.array([block.secret_bits / (block.end_s - block.start_s) for block in blocks], dtype=np.float64)
        return ChainRun(
            link=self.name,
            level=self.level,
            simulated=self.simulated,
            start_s=start_s,
            end_s=self.testbed.now_s(),
            blocks=blocks,
            net_secret_bits=sum(block.secret_bits for block in blocks),
            counts={},
            gate_s=0.0,
            prediction=self.prediction,
            faults=tuple(fault for run in hops.values() for fault in run.faults),
            series={"key_rate_bps": (times_s, rates)},
            hops=hops,
            trusted=self.trusted,
            stopped=tuple(batches.stopped),
        )


class _Batches:
    """The batches of one run: when one is due, and what became of each."""

    def __init__(self, chain: RelayChain, interceptor: Interceptor | None) -> None:
        self._chain = chain
        self._interceptor = interceptor
        self._since_s = chain.testbed.now_s()
        self._steps = {link.name: 0 for link in chain.links}
        self._rounds = 0
        self.reports: list[BlockReport] = []
        self.stopped: list[str] = []

    def stepped(self, link: str) -> None:
        """A link made its next block: a batch as soon as all of them have."""
        self._steps[link] += 1
        if min(self._steps.values()) > self._rounds:
            self._rounds += 1
            self._relay_what_there_is()

    def _relay_what_there_is(self) -> None:
        self._chain.feed()
        if self._chain.empty_hop() is None and self._chain.testbed.now_s() > self._since_s:
            self._relay()

    def finish(self, hops: dict[str, LinkRun]) -> None:
        """The last batch of a run; where a hop has no key for one, that is what the last block says."""
        self._chain.feed()
        now_s, empty = self._chain.testbed.now_s(), self._chain.empty_hop()
        if empty is None:
            self._relay_what_there_is()
        elif now_s > self._since_s and not self._is_rest(hops):
            said = hops[empty.name].blocks[-1].sentence if hops[empty.name].blocks else "it delivered none"
            self._note(0, 0, f"no key: hop {empty.name} has none to relay under ({said})")

    def _is_rest(self, hops: dict[str, LinkRun]) -> bool:
        """Whether the time since the last batch is shorter than any link's block, so that no key was to be expected of it."""
        ends = [run.blocks[-1].end_s for run in hops.values() if run.blocks]
        return bool(self.reports) and bool(ends) and min(ends) <= self._since_s

    def _relay(self) -> None:
        keys, spent_bits, stop = self._chain.batch(self._interceptor)
        if stop is None:
            sentence = f"{keys} keys relayed from {self._chain.sites[0]} to {self._chain.sites[-1]}"
            self._note(keys, spent_bits, f"{sentence}; trusted: {', '.join(self._chain.trusted)}")
        else:
            self._note(keys, spent_bits, f"no key: stopped on hop {self._chain.links[stop.hop].name}: {stop.reason}")

    def _note(self, keys: int, spent_bits: int, sentence: str) -> None:
        self.reports.append(self._chain.report(self._since_s, keys, spent_bits, sentence))
        if not keys:
            self.stopped.append(sentence)
        self._since_s = self._chain.testbed.now_s()
