"""What one party sent, heard and learned in a block, in order, as data: counts, sizes and estimates, never a bit of a key.

A :class:`Spoken` entry is one message; a :class:`Learned` entry is a number that the party knows from then on. Stages are those
of a block's course, so that a report can say what each of them cost on the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hil.pipeline.account import Account

__all__ = ["STAGES", "Event", "Learned", "Spoken", "StageCost", "cost_by_stage", "learned", "stage_of"]

STAGES: dict[str, tuple[str, ...]] = {
    "greeting": ("Hello",),
    "synchronisation": ("BlockPulses", "Stretches", "Brightness", "Synchronised", "EventTimes"),
    "sifting": ("Detections", "Bases", "Partners", "PairedEvents", "Settings"),
    "estimation": ("TestErrors",),
    "verification": ("Amplify", "Check", "Confirm"),
    "authentication": ("Seal",),
    "end": ("Stop",),
}
"""Message types by stage; all others belong to the error correction."""

_STAGE_OF = {kind: stage for stage, kinds in STAGES.items() for kind in kinds}


def stage_of(kind: str) -> str:
    """What messages of this type are said for."""
    return _STAGE_OF.get(kind, "reconciliation")


@dataclass(frozen=True)
class Spoken:
    """One message of a block: ``number`` counts those of its sender; ``way`` is as ``party`` (``a`` or ``b``) sees it."""

    party: str
    way: Literal["sent", "heard"]
    kind: str
    number: int
    size_bytes: int

    @property
    def stage(self) -> str:
        """What it is said for."""
        return stage_of(self.kind)


@dataclass(frozen=True)
class Learned:
    """What ``party`` knows from here on; ``unit`` as in a ledger."""

    party: str
    stage: str
    what: str
    value: float
    unit: str = "bits"


Event: TypeAlias = Spoken | Learned


@dataclass(frozen=True)
class StageCost:
    """Messages and bytes of one stage, of both directions together."""

    stage: str
    messages: int
    size_bytes: int


def cost_by_stage(log: Iterable[Event]) -> tuple[StageCost, ...]:
    """What each stage cost on the channel, in the order in which they came."""
    found: dict[str, tuple[int, int]] = {}
    for event in log:
        if isinstance(event, Spoken):
            messages, size = found.get(event.stage, (0, 0))
            found[event.stage] = messages + 1, size + event.size_bytes
    return tuple(StageCost(stage, *both) for stage, both in found.items())


def learned(party: str, stage: str, account: Account) -> Iterator[Learned]:
    """What the party's books say when this stage is over."""
    for what, value, unit in _FOUND[stage](account):
        yield Learned(party, stage, what, float(value), unit)


def _sifting(account: Account) -> Iterator[tuple[str, float, str]]:
    announced = account.announced
    if announced is not None:
        yield "clicks", announced.clicks, "clicks"
        yield "announced", announced.events, "events"
    yield "sifted, key basis", sum(account.key), "bits"
    yield "sifted, test basis", sum(account.test), "bits"
    yield "errors of the test basis", sum(account.test_errors), "bits"


def _estimation(account: Account) -> Iterator[tuple[str, float, str]]:
    if account.estimate is not None:
        yield "phase errors, at most", account.estimate.phase_error_ratio, "ratio"


def _reconciliation(account: Account) -> Iterator[tuple[str, float, str]]:
    yield "errors of the key basis", sum(account.key_errors or ()), "bits"
    yield "parities disclosed by Alice", account.disclosed.by_alice, "bits"
    yield "parities disclosed by Bob", account.disclosed.by_bob, "bits"


def _amplification(account: Account) -> Iterator[tuple[str, float, str]]:
    yield "allowed by the proof", account.allowed_bits, "bits"
    yield "secret bits", account.secret_bits, "bits"


_FOUND = {
    "sifting": _sifting,
    "estimation": _estimation,
    "reconciliation": _reconciliation,
    "amplification": _amplification,
}
