"""Replays one party of a session from its transcript: the same inputs and entropy have to make it say the same, byte for byte.

The party gets what it heard then, and what it says is held against what it said then. The first deviation is reported with
digests of both messages; with what a program of this version would have said, it tells where two versions, or two machines,
part.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import ChannelClosedError, UsageError
from hil.pipeline.event_log import stage_of
from hil.pipeline.party import Outgoing
from hil.pipeline.transcript import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.pipeline.party import Party
    from hil.pipeline.settings import BlockResult
    from hil.pipeline.transcript import Entry, Transcript

__all__ = ["Deviation", "Replay", "replay"]


@dataclass(frozen=True)
class Deviation:
    """Where the replayed party first said something else; digests are SHA-256, empty where one of both said nothing."""

    block: int
    number: int
    stage: str
    kind: str
    expected_sha256: str
    sent_sha256: str

    def __str__(self) -> str:
        expected, sent = self.expected_sha256[:16] or "nothing", self.sent_sha256[:16] or "nothing"
        return f"block {self.block}, message {self.number} ({self.stage}, {self.kind}): expected {expected}, sent {sent}"


@dataclass(frozen=True)
class Replay:
    """How far it went: messages that were the same, results of blocks that ended, and the first deviation if there is one."""

    messages: int
    results: tuple[BlockResult, ...]
    deviation: Deviation | None = None


def replay(transcript: Transcript, party: str, settings: bytes, begin: Callable[[int], Party[BlockResult]]) -> Replay:
    """Run each recorded block of a party (``a`` or ``b``) again; ``begin`` makes the party for a block by its number.

    UsageError for a transcript of other settings, whose digest both ends' greetings carry, or without that party.
    """
    if transcript.settings != settings.hex():
        raise UsageError(
            f"the transcript is of link {transcript.link} set up as {transcript.settings[:16]}; this party is set up as"
            f" {settings.hex()[:16]}: give it the same declarations, epsilons and pool size"
        )
    blocks = transcript.of(party)
    if not blocks:
        raise UsageError(f"the transcript holds nothing of party {party!r}; expected 'a' or 'b'")
    same = 0
    results: list[BlockResult] = []
    for block, entries in sorted(blocks.items()):
        run = _Block(block, entries)
        result = run.go(begin(block))
        same += run.said
        if result is None:
            return Replay(same, tuple(results), run.deviation)
        results.append(result)
    return Replay(same, tuple(results))


class _Block:
    def __init__(self, block: int, entries: list[Entry]) -> None:
        self._block = block
        self._left = deque(entries)
        self.said = 0
        self.deviation: Deviation | None = None

    def go(self, party: Party[BlockResult]) -> BlockResult | None:
        """The block's result; None where it deviates."""
        try:
            request = next(party)
            while True:
                due = self._left.popleft() if self._left else None
                said = request.data if isinstance(request, Outgoing) else None
                if said is not None:
                    if due is None or due.way != "sent" or due.data != said:
                        self._deviates(due, said, party)
                        return None
                    self.said += 1
                    request = party.send(None)
                elif due is None or due.way == "sent":
                    self._deviates(due, None, party)
                    return None
                elif due.way == "cut":
                    request = party.throw(ChannelClosedError(due.data.decode()))
                else:
                    request = party.send(due.data)
        except StopIteration as end:
            unsaid = next((entry for entry in self._left if entry.way == "sent"), None)
            result: BlockResult = end.value
            if unsaid is None:
                return result
            self._deviates(unsaid, None, party)
            return None

    def _deviates(self, due: Entry | None, said: bytes | None, party: Party[BlockResult]) -> None:
        party.close()
        expected = due.data if due is not None and due.way == "sent" else None
        kind = kind_of(next((data for data in (expected, said) if data is not None), b""))
        self.deviation = Deviation(self._block, self.said, stage_of(kind), kind, _digest(expected), _digest(said))


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()
